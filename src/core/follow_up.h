/*
 * When to check whether a signal has had its effect.
 *
 * Most sessions are gone within milliseconds.  For the others it is measured to the
 * second how long they take, while a caller may still be waiting for them.
 */
#pragma once

#include "core/time.h"

#include <algorithm>

namespace session_guard
{

inline constexpr Duration first_follow_up = 10 * millisecond;
/* A session that is still there then has survived its signal. */
inline constexpr Duration survival = 5 * second;

/* How long after the signal the next check is due, after one at "elapsed". */
constexpr Duration
next_follow_up_after(Duration elapsed, Duration pause_between_scans)
{
	constexpr Duration second_follow_up = 100 * millisecond;

	if (elapsed < first_follow_up)
		return first_follow_up;
	if (elapsed < second_follow_up)
		return second_follow_up;
	if (elapsed < minute)
		return elapsed - elapsed % second + second;
	return later(elapsed, std::max(pause_between_scans, second));
}

} // namespace session_guard
