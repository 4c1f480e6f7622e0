/*
 * One worker for each kind at a time, and never none (see registration.h).
 */
#include "worker/registration.h"

#include "pg/compat.h"

#include "shmem/worker_slot.h"

namespace session_guard
{

namespace
{

/* How people and the server know the worker of a kind. */
struct Description
{
	const char *name;
	const char *server_name;
	const char *function;
	BgWorkerStartTime start;
};

/* In the order of the kinds.  The history can be written only after recovery. */
constexpr Description descriptions[worker_kind_count] = {
    {"session guard", "pg_session_guard", "pg_session_guard_main", BgWorkerStart_ConsistentState},
    {"history writer", "pg_session_guard history", "pg_session_guard_history_main",
     BgWorkerStart_RecoveryFinished},
};

const Description &
description_of(WorkerKind kind)
{
	return descriptions[static_cast<std::size_t>(kind)];
}

/* The kind of this process. */
WorkerKind own_kind;

Datum
argument_of(WorkerArgument argument)
{
	return Int32GetDatum(static_cast<int>(argument.kind) * 2 + (argument.is_replacement ? 1 : 0));
}

BackgroundWorker
describe(WorkerArgument argument)
{
	const Description &description = description_of(argument.kind);
	BackgroundWorker worker{};

	worker.bgw_flags =
	    BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION | BGWORKER_INTERRUPTIBLE;
	worker.bgw_start_time = description.start;
	worker.bgw_restart_time = 1;
	worker.bgw_main_arg = argument_of(argument);
	strlcpy(worker.bgw_name, description.server_name, BGW_MAXLEN);
	strlcpy(worker.bgw_type, description.server_name, BGW_MAXLEN);
	strlcpy(worker.bgw_library_name, "pg_session_guard", BGW_MAXLEN);
	strlcpy(worker.bgw_function_name, description.function, BGW_MAXLEN);
	return worker;
}

/* Where the postmaster may forget this worker (19), register the one that follows it. */
void
register_replacement()
{
	BackgroundWorker worker = describe({.kind = own_kind, .is_replacement = true});
	constexpr int tries = 100;

	if (BGWORKER_INTERRUPTIBLE == 0)
		return;
	/* All slots may be taken by parallel queries, for a moment. */
	for (int i = 0; i < tries; i++)
	{
		if (RegisterDynamicBackgroundWorker(&worker, nullptr))
			return;
		pg_usleep(10000L);
	}
	ereport(WARNING,
	        (errmsg("could not register a successor of background worker \"%s\"", worker.bgw_name),
	         errhint("Increase \"max_worker_processes\".")));
}

/* Release the worker slot at the end of the process. */
void
release_worker_slot(int, Datum)
{
	pg_atomic_write_u32(&worker_slot(own_kind).worker_pid, 0);
	pg_atomic_write_u32(&worker_slot(own_kind).owner, 0);
	register_replacement();
}

} // namespace

const char *
name_of(WorkerKind kind)
{
	return description_of(kind).name;
}

void
register_workers()
{
	for (WorkerKind kind : {WorkerKind::Guard, WorkerKind::History})
	{
		BackgroundWorker worker = describe({.kind = kind, .is_replacement = false});

		RegisterBackgroundWorker(&worker);
	}
}

WorkerArgument
worker_argument(Datum main_arg)
{
	int argument = DatumGetInt32(main_arg);

	return {.kind = static_cast<WorkerKind>(argument / 2), .is_replacement = argument % 2 != 0};
}

void
claim_worker_slot(WorkerArgument argument)
{
	uint32 nobody = 0;

	own_kind = argument.kind;
	/* The postmaster starts the worker before again if that was only terminated. */
	if (argument.is_replacement)
	{
		(void)WaitLatch(MyLatch, WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, 2000,
		                own_wait_event("PgSessionGuardMain"));
		CHECK_FOR_INTERRUPTS();
	}
	if (!pg_atomic_compare_exchange_u32(&worker_slot(own_kind).owner, &nobody,
	                                    static_cast<uint32>(MyProcPid)))
		proc_exit(0);
	before_shmem_exit(release_worker_slot, 0);
}

} // namespace session_guard
