/*
 * Orders wait for the history (see history_room.h).
 */
#include "action/history_room.h"

#include "server/confirm.h"
#include "server/events.h"
#include "server/shared.h"

#include <algorithm>

namespace session_guard
{

namespace
{

bool
has_to_wait()
{
	return has_history() && !has_event_room(GetSessionUserId());
}

} // namespace

void
await_history_room(Instant until)
{
	constexpr Duration longest_pause = 10 * millisecond;

	if (shared() == nullptr)
		return;
	for (Instant now = monotonic_now(); now < until && has_to_wait(); now = monotonic_now())
	{
		wake(Post::History);
		pause(std::min(longest_pause, until - now));
	}
}

} // namespace session_guard
