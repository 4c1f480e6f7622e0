/*
 * The life of the guard as a background worker: start, sleep, work.
 */
#include "server/pg.h"

#include "server/clock.h"
#include "server/guard.h"
#include "server/policies.h"
#include "server/settings.h"
#include "server/shared.h"
#include "server/shield.h"
#include "server/succession.h"

#include <algorithm>

extern "C"
{
	PGDLLEXPORT void pg_session_guard_main(Datum main_arg);
}

namespace session_guard
{

namespace
{

/* Sleep, in no transaction, until it is time or somebody calls. */
void
nap(long milliseconds)
{
	int events = WL_LATCH_SET | WL_EXIT_ON_PM_DEATH | (milliseconds >= 0 ? WL_TIMEOUT : 0);

	(void)WaitLatch(MyLatch, events, milliseconds, own_wait_event("PgSessionGuardMain"));
	ResetLatch(MyLatch);
	CHECK_FOR_INTERRUPTS();
}

/* Read the configuration again if that is asked for. */
bool
take_reload()
{
	if (!ConfigReloadPending)
		return false;
	ConfigReloadPending = false;
	ProcessConfigFile(PGC_SIGHUP);
	return true;
}

/* After a failed start wait 1, 2, 4 … 60 s before the next, so that the log stays readable. */
void
back_off()
{
	uint32 failures = pg_atomic_read_u32(&shared()->failed_starts);

	if (failures > 0)
	{
		long seconds = failures > 6 ? 60 : std::min(1L << (failures - 1), 60L);
		Duration until = monotonic_now() + seconds * second;

		ereport(LOG, (errmsg("could not start the session guard in database \"%s\", "
		                     "trying again in %ld s",
		                     guard_database(), seconds),
		              errhint("The setting is pg_session_guard.database.")));
		for (Duration now = monotonic_now(); now < until; now = monotonic_now())
		{
			nap((until - now) / millisecond + 1);
			if (take_reload())
				adopt_configuration();
		}
	}
	pg_atomic_write_u32(&shared()->failed_starts, failures + 1);
}

void
sign_on()
{
	pg_atomic_write_u32(&shared()->failed_starts, 0);
	pg_atomic_write_u64(&shared()->worker_start, static_cast<uint64>(MyStartTimestamp));
	pg_atomic_write_u32(&shared()->worker_pid, static_cast<uint32>(MyProcPid));
	ereport(LOG, (errmsg("session guard started in database \"%s\"", guard_database())));
}

void
start(bool is_successor)
{
	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	pqsignal(SIGTERM, die);
	BackgroundWorkerUnblockSignals();

	take_office(is_successor);
	/* What is configured can be seen even if the guard cannot connect. */
	adopt_configuration();
	back_off();
	connect_guard();
	prepare_guard();
	adopt_settings();
	sign_on();
}

[[noreturn]] void
run()
{
	for (;;)
	{
		if (take_reload())
			adopt_settings();
		/* Who sleeps long must not hold up the queue of catalog changes. */
		ProcessCatchupInterrupt();
		wake_up();
		if (!ConfigReloadPending)
			nap(sleep_time());
	}
}

} // namespace
} // namespace session_guard

void
pg_session_guard_main(Datum is_successor)
{
	session_guard::start(DatumGetBool(is_successor));
	session_guard::run();
}
