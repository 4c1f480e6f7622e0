/*
 * How a request waits (see waiting.h).
 */
#include "functions/waiting.h"

#include "pg/compat.h"

#include "shmem/event_ring.h"
#include "shmem/shared_memory.h"
#include "shmem/worker_slot.h"

namespace session_guard
{

void
pause(Duration duration, const char *wait_event)
{
	long milliseconds = std::max<long>(1, static_cast<long>(duration / millisecond));

	(void)WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, milliseconds,
	                own_wait_event(wait_event));
	ResetLatch(MyLatch);
	CHECK_FOR_INTERRUPTS();
}

bool
has_to_await_history()
{
	if (!has_shared_memory() || !has_history() || has_event_room(GetSessionUserId()))
		return false;
	/* It may be about to sleep, and not know that somebody waits. */
	wake(WorkerKind::History);
	return true;
}

} // namespace session_guard
