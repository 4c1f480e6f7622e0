/*
 * One guard at a time, and never none (see succession.h).
 */
#include "server/pg.h"

#include "server/shared.h"
#include "server/succession.h"

namespace session_guard
{

namespace
{

BackgroundWorker
describe_guard(bool is_successor)
{
	BackgroundWorker worker{};

	worker.bgw_flags =
	    BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION | BGWORKER_INTERRUPTIBLE;
	worker.bgw_start_time = BgWorkerStart_ConsistentState;
	worker.bgw_restart_time = 1;
	worker.bgw_main_arg = BoolGetDatum(is_successor);
	strlcpy(worker.bgw_name, "pg_session_guard", BGW_MAXLEN);
	strlcpy(worker.bgw_type, "pg_session_guard", BGW_MAXLEN);
	strlcpy(worker.bgw_library_name, "pg_session_guard", BGW_MAXLEN);
	strlcpy(worker.bgw_function_name, "pg_session_guard_main", BGW_MAXLEN);
	return worker;
}

/* Where the postmaster may forget the guard, have a successor started. */
void
register_successor()
{
	BackgroundWorker worker = describe_guard(true);
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
	ereport(WARNING, (errmsg("could not register a successor of the session guard"),
	                  errhint("Increase \"max_worker_processes\".")));
}

/* Give up the office, at the end of the process. */
void
leave_office(int, Datum)
{
	pg_atomic_write_u32(&shared()->worker_pid, 0);
	pg_atomic_write_u32(&shared()->office, 0);
	register_successor();
}

} // namespace

void
register_guard()
{
	BackgroundWorker worker = describe_guard(false);

	RegisterBackgroundWorker(&worker);
}

void
take_office(bool is_successor)
{
	uint32 nobody = 0;

	/* The guard before may only have been terminated: then the postmaster starts it again. */
	if (is_successor)
	{
		(void)WaitLatch(MyLatch, WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, 2000,
		                own_wait_event("PgSessionGuardMain"));
		CHECK_FOR_INTERRUPTS();
	}
	if (!pg_atomic_compare_exchange_u32(&shared()->office, &nobody, static_cast<uint32>(MyProcPid)))
		proc_exit(0);
	before_shmem_exit(leave_office, 0);
}

} // namespace session_guard
