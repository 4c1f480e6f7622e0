/*
 * What becomes of those who were signaled: awaited together, confirmed, or
 * given up.
 */
#pragma once

#include "pg/monotonic_clock.h"

#include "functions/request.h"

#include <algorithm>

namespace session_guard
{

/* Has a target been signaled, and is the effect not known yet? */
bool is_awaited(const Target &target);

/* Sleep for a moment, and see to interrupts. */
void pause(Duration duration);

/* Wait while a condition holds, but not beyond the deadline; interruptible. */
template <typename Condition>
void
wait_while(Condition condition, Instant deadline)
{
	constexpr Duration shortest_pause = 1 * millisecond;
	constexpr Duration longest_pause = 50 * millisecond;

	for (Duration next = shortest_pause; condition(); next = std::min(2 * next, longest_pause))
	{
		Instant now = monotonic_now();
		if (now >= deadline)
			return;
		pause(std::min(next, deadline - now));
	}
}

/* Note whose signal has had its effect; true if others are awaited yet. */
bool confirm_all(const Targets &targets);

/*
 * Say of those who are still awaited that they have survived; of those who were
 * signaled when the deadline was near, only that they were.
 */
void give_up(const Request &request, const Targets &targets);

} // namespace session_guard
