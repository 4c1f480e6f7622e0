/*
 * How a request waits: for the effect of its signals, and for the history rather
 * than have events lost.  Always interruptible, and never beyond a deadline.
 */
#pragma once

#include "core/time.h"

#include "pg/monotonic_clock.h"

#include <algorithm>

namespace session_guard
{

/* Sleep for a moment, and see to interrupts; the name is that of the wait event. */
void pause(Duration duration, const char *wait_event = "PgSessionGuardConfirm");

/* Wait while a condition holds, but not beyond the deadline. */
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

/* Must this session's user wait for the history before its next signal? */
bool has_to_await_history();

/*
 * Before the caller's next signal, wait while those of its events that are not in the
 * history yet have used up its share of the memory, but not beyond this moment.
 * Meanwhile confirm what was signaled.  Where no history is written nobody waits.
 * Returns whether it has waited at all.
 */
template <typename Confirm>
bool
await_history_room(Instant until, Confirm confirm)
{
	constexpr Duration longest_pause = 10 * millisecond;
	bool has_waited = false;

	for (Instant now = monotonic_now(); now < until && has_to_await_history();
	     now = monotonic_now())
	{
		pause(std::min(longest_pause, until - now));
		confirm();
		has_waited = true;
	}
	return has_waited;
}

} // namespace session_guard
