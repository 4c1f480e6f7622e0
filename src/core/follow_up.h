/*
 * When to look whether a signal has had its effect.
 *
 * Most are gone within milliseconds.  Of the rest it is to be known to the second
 * how long they took, for as long as somebody may be waiting for them.
 */
#pragma once

#include "core/time.h"

#include <algorithm>

namespace session_guard
{

inline constexpr Duration first_follow_up = 10 * millisecond;
/* What is still there then has survived its signal. */
inline constexpr Duration survival = 5 * second;

/* How long after the signal the next look is due, if one is taken this long after it. */
constexpr Duration
next_follow_up_after(Duration elapsed, Duration pause_between_scans)
{
	constexpr Duration second_look = 100 * millisecond;

	if (elapsed < first_follow_up)
		return first_follow_up;
	if (elapsed < second_look)
		return second_look;
	if (elapsed < minute)
		return elapsed - elapsed % second + second;
	return later(elapsed, std::max(pause_between_scans, second));
}

} // namespace session_guard
