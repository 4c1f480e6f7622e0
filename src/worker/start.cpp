/*
 * The start of a worker (see start.h).
 */
#include "worker/start.h"

#include "pg/compat.h"
#include "pg/monotonic_clock.h"

#include "settings/settings.h"

#include "shmem/counters.h"

#include "worker/nap.h"

#include <algorithm>
#include <csignal>

namespace session_guard
{

namespace
{

emit_log_hook_type previous_emit_log = nullptr;

/* How long a worker must have worked for an error not to count as a failed start. */
constexpr Duration probation = 10 * second;
/* The pause after a failed start doubles with each, up to this. */
constexpr long longest_pause = 60;
/* A bit of failed_starts: the last of them was an error at work. */
constexpr uint32 failed_at_work = 1U << 31;

uint32 failures_before = 0;
Instant signed_on_at;

/* SIGTERM has come, from an administrator or from a server that shuts down. */
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

/* A worker that was told to end has not failed, however far it had come. */
void
forgive(int, Datum kind)
{
	if (is_told_to_end != 0)
		pg_atomic_write_u32(
		    &worker_slot(static_cast<WorkerKind>(DatumGetInt32(kind))).failed_starts, 0);
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

/* Say in the log what delays the start. */
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

long
pause_after(uint32 failures)
{
	return failures > 6 ? longest_pause : std::min(1L << (failures - 1), longest_pause);
}

/* Sleep, and answer reloads meanwhile. */
void
sleep_until(Instant until, void (*adopt)())
{
	while (monotonic_now() < until)
	{
		nap_until(until);
		if (take_reload())
			adopt();
	}
}

} // namespace

void
begin_worker(WorkerArgument argument)
{
	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	pqsignal(SIGTERM, noted(die));
	BackgroundWorkerUnblockSignals();
	claim_worker_slot(argument);
	/* It runs while the slot is still held. */
	before_shmem_exit(forgive, Int32GetDatum(static_cast<int>(argument.kind)));
	previous_emit_log = emit_log_hook;
	emit_log_hook = note_own_error;
	prepare_naps();
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
		long seconds = pause_after(failures);

		report_failure(kind, (word & failed_at_work) != 0, seconds);
		sleep_until(monotonic_now() + seconds * second, adopt);
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
note_error_at_work(WorkerKind kind)
{
	if (time_at_work() < probation && !ShutdownRequestPending)
		pg_atomic_write_u32(&worker_slot(kind).failed_starts,
		                    (failures_before + 1) | failed_at_work);
}

} // namespace session_guard
