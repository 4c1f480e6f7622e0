/*
 * What the lives of the workers have in common (see worker.h).
 */
#include "server/worker.h"

#include "server/clock.h"
#include "server/settings.h"

#include <algorithm>

namespace session_guard
{

namespace
{

emit_log_hook_type previous_emit_log = nullptr;

/* Keep the last error of a worker for session_guard.stats. */
void
note_own_error(ErrorData *message)
{
	if (message->elevel >= ERROR && message->sqlerrcode != ERRCODE_ADMIN_SHUTDOWN &&
	    message->message != nullptr)
		note_error(message->message);
	if (previous_emit_log)
		previous_emit_log(message);
}

} // namespace

const char *
name_of(Post post)
{
	return post == Post::Guard ? "session guard" : "history writer";
}

void
begin_worker(Calling calling)
{
	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	pqsignal(SIGTERM, die);
	BackgroundWorkerUnblockSignals();
	take_office(calling);
	previous_emit_log = emit_log_hook;
	emit_log_hook = note_own_error;
}

void
back_off(Post post, void (*adopt)())
{
	Office &office = office_of(post);
	uint32 failures = pg_atomic_read_u32(&office.failed_starts);

	if (failures > 0)
	{
		long seconds = failures > 6 ? 60 : std::min(1L << (failures - 1), 60L);
		Duration until = monotonic_now() + seconds * second;

		ereport(LOG, (errmsg("could not start the %s in database \"%s\", trying again in %ld s",
		                     name_of(post), guard_database(), seconds),
		              errhint("The setting is pg_session_guard.database.")));
		for (Duration now = monotonic_now(); now < until; now = monotonic_now())
		{
			nap((until - now) / millisecond + 1);
			if (take_reload())
				adopt();
		}
	}
	pg_atomic_write_u32(&office.failed_starts, failures + 1);
}

void
sign_on(Post post)
{
	Office &office = office_of(post);

	pg_atomic_write_u32(&office.failed_starts, 0);
	pg_atomic_write_u64(&office.worker_start, static_cast<uint64>(MyStartTimestamp));
	pg_atomic_write_u32(&office.worker_pid, static_cast<uint32>(MyProcPid));
	ereport(LOG, (errmsg("%s started in database \"%s\"", name_of(post), guard_database())));
}

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
