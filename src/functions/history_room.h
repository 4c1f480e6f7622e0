/*
 * Orders wait for the history rather than have events lost.
 */
#pragma once

#include "pg/monotonic_clock.h"

#include "functions/confirm.h"

#include <algorithm>

namespace session_guard
{

/* Must this session's user wait for the history before its next signal? */
bool has_to_await_history();

/*
 * Before the caller's next signal, wait while those of its events that are not in the
 * history yet have used up its share of the memory, but not beyond this moment.
 * Meanwhile see to what was signaled.  Interruptible, and not for the guard.  Where
 * no history is written nobody waits.  Returns whether it has waited at all.
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
