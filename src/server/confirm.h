/*
 * What becomes of those who were signalled: awaited together, confirmed, or
 * given up.
 */
#pragma once

#include "server/clock.h"
#include "server/orders.h"

#include <algorithm>

namespace session_guard
{

/* Has a target been signalled, and is the effect not known yet? */
bool is_awaited(const Target &target);

/* Sleep for a moment, and see to interrupts. */
void pause(Duration duration);

/* Wait while a condition holds, but no longer than this; interruptible. */
template <typename Condition>
void
wait_while(Condition condition, Duration timeout)
{
	constexpr Duration shortest_pause = 1 * millisecond;
	constexpr Duration longest_pause = 50 * millisecond;
	Timestamp end = later(monotonic_now(), timeout);

	for (Duration next = shortest_pause; condition(); next = std::min(2 * next, longest_pause))
	{
		Timestamp now = monotonic_now();
		if (now >= end)
			return;
		pause(std::min(next, end - now));
	}
}

/* Wait until every signal has had its effect, but no longer than this; interruptible. */
void await(const Targets &targets, Duration timeout);

/* Say of those who are still awaited after the timeout that they have survived. */
void give_up(const Targets &targets, Duration timeout);

} // namespace session_guard
