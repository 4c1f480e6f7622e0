/*
 * Between two pieces of a worker's work (see nap.h).
 */
#include "worker/nap.h"

#include "pg/compat.h"
#include "pg/monotonic_clock.h"

#include <algorithm>

namespace session_guard
{

namespace
{

TimeoutId timer = MAX_TIMEOUTS;

/* The server's handler of the alarm does that already; but a timer must have one of its own. */
void
wake_worker()
{
	SetLatch(MyLatch);
}

/*
 * For how long WaitLatch would sleep at most if the timer did not come: it counts
 * whole milliseconds, and the timer goes by the wall clock, which may be set
 * between reading it here and there.
 */
long
in_milliseconds(Duration pause)
{
	constexpr Duration longest = 60 * minute;

	return static_cast<long>((std::min(pause, longest) + millisecond - 1) / millisecond);
}

} // namespace

void
prepare_naps()
{
	timer = RegisterTimeout(USER_TIMEOUT, wake_worker);
}

void
nap_until(Instant wake)
{
	int events = WL_LATCH_SET | WL_EXIT_ON_PM_DEATH;
	long milliseconds = -1;

	if (wake != never)
	{
		Duration pause = std::max<Duration>(wake - monotonic_now(), 0);

		events |= WL_TIMEOUT;
		milliseconds = in_milliseconds(pause);
		if (pause > 0)
			enable_timeout_at(timer, GetCurrentTimestamp() + pause);
	}
	(void)WaitLatch(MyLatch, events, milliseconds, own_wait_event("PgSessionGuardMain"));
	disable_timeout(timer, false);
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
