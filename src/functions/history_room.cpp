/*
 * Orders wait for the history (see history_room.h).
 */
#include "functions/history_room.h"

#include "shmem/shared_memory.h"
#include "shmem/worker_slot.h"

#include "action/events.h"

namespace session_guard
{

bool
has_to_await_history()
{
	if (!has_shared_memory() || !has_history() || has_event_room(GetSessionUserId()))
		return false;
	/* It may be about to sleep, and not know who waits. */
	wake(WorkerKind::History);
	return true;
}

} // namespace session_guard
