/*
 * Between two pieces of a worker's work (see nap.h).
 */
#include "worker/nap.h"

#include "pg/compat.h"

namespace session_guard
{

void
nap(long milliseconds)
{
	int events = WL_LATCH_SET | WL_EXIT_ON_PM_DEATH | (milliseconds >= 0 ? WL_TIMEOUT : 0);

	(void)WaitLatch(MyLatch, events, milliseconds, own_wait_event("PgSessionGuardMain"));
	ResetLatch(MyLatch);
	CHECK_FOR_INTERRUPTS();
}

bool
take_reload()
{
	if (!ConfigReloadPending)
		return false;
	ConfigReloadPending = false;
	ProcessConfigFile(PGC_SIGHUP);
	return true;
}

} // namespace session_guard
