/*
 * What the lives of the workers have in common (see worker.h).
 */
#include "worker/worker.h"

#include "settings/settings.h"

#include "shmem/present_time.h"

#include <algorithm>
#include <csignal>

namespace session_guard
{

namespace
{

emit_log_hook_type previous_emit_log = nullptr;

/* How long a worker must have worked for an error not to be held against its start. */
constexpr Duration probation = 10 * second;
/* In failed_starts: the last of them was an error at work. */
constexpr uint32 failed_at_work = 1U << 31;

uint32 failures_before = 0;
/* By the monotonic clock. */
Duration signed_on_at;

/* SIGTERM has come, from an administrator or from a server that goes down. */
volatile sig_atomic_t is_told_to_end = 0;

/* The server's handler, and a note; which arguments a handler has depends on the server. */
template <typename... Arguments>
auto
noted(void (*)(Arguments...))
{
	return [](Arguments... arguments)
	{
		is_told_to_end = 1;
		die(arguments...);
	};
}

/* Who was told to end has not failed, however far it had come. */
void
forgive(int, Datum kind)
{
	if (is_told_to_end != 0)
		pg_atomic_write_u32(
		    &worker_slot(static_cast<WorkerKind>(DatumGetInt32(kind))).failed_starts, 0);
}

void
note_failure(WorkerKind kind)
{
	if (time_at_work() < probation && !ShutdownRequestPending)
		pg_atomic_write_u32(&worker_slot(kind).failed_starts,
		                    (failures_before + 1) | failed_at_work);
}

/* Say what is held against the worker. */
void
report_failure(WorkerKind kind, bool was_at_work, long seconds)
{
	if (was_at_work)
		ereport(LOG, (errmsg("%s failed right after its start, trying again in %ld s",
		                     name_of(kind), seconds)));
	else
		ereport(LOG, (errmsg("could not start the %s in database \"%s\", trying again in %ld s",
		                     name_of(kind), guard_database(), seconds),
		              errhint("The setting is pg_session_guard.database.")));
}

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
name_of(WorkerKind kind)
{
	return kind == WorkerKind::Guard ? "session guard" : "history writer";
}

void
begin_worker(WorkerArgument argument)
{
	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	pqsignal(SIGTERM, noted(die));
	BackgroundWorkerUnblockSignals();
	claim_worker_slot(argument);
	/* While the slot is still held. */
	before_shmem_exit(forgive, Int32GetDatum(static_cast<int>(argument.kind)));
	previous_emit_log = emit_log_hook;
	emit_log_hook = note_own_error;
}

bool
has_failed_to_start(WorkerKind kind)
{
	return pg_atomic_read_u32(&worker_slot(kind).failed_starts) != 0;
}

void
back_off(WorkerKind kind, void (*adopt)())
{
	WorkerSlot &slot = worker_slot(kind);
	uint32 word = pg_atomic_read_u32(&slot.failed_starts);
	uint32 failures = word & ~failed_at_work;

	if (failures > 0)
	{
		long seconds = failures > 6 ? 60 : std::min(1L << (failures - 1), 60L);
		Duration until = monotonic_now() + seconds * second;

		report_failure(kind, (word & failed_at_work) != 0, seconds);
		for (Duration now = monotonic_now(); now < until; now = monotonic_now())
		{
			nap((until - now) / millisecond + 1);
			if (take_reload())
				adopt();
		}
	}
	failures_before = failures;
	pg_atomic_write_u32(&slot.failed_starts, failures + 1);
}

void
sign_on(WorkerKind kind)
{
	WorkerSlot &slot = worker_slot(kind);

	signed_on_at = monotonic_now();
	pg_atomic_write_u32(&slot.failed_starts, 0);
	pg_atomic_write_u64(&slot.worker_start, static_cast<uint64>(MyStartTimestamp));
	pg_atomic_write_u32(&slot.worker_pid, static_cast<uint32>(MyProcPid));
	ereport(LOG, (errmsg("%s started in database \"%s\"", name_of(kind), guard_database())));
}

Duration
time_at_work()
{
	return monotonic_now() - signed_on_at;
}

void
work(WorkerKind kind, void (*run)())
{
	PG_TRY();
	{
		run();
	}
	PG_CATCH();
	{
		note_failure(kind);
		PG_RE_THROW();
	}
	PG_END_TRY();
	pg_unreachable();
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
