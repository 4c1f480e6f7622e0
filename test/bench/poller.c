/*
 * A peer to measure by: a background worker that runs the usual SQL every second.
 *
 * It is what extensions do that end idle sessions: sleep a second, ask
 * pg_stat_activity who has been idle for too long, and terminate what it lists.
 */
#include "postgres.h"

#include "access/xact.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "utils/builtins.h"
#include "utils/snapmgr.h"

PG_MODULE_MAGIC;
PG_FUNCTION_INFO_V1(start_poller);
PGDLLEXPORT void poller_main(Datum main_arg);

void
poller_main(Datum main_arg)
{
	char	   *query = psprintf("SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
							 " WHERE usename = 'polled' AND state = 'idle'"
							 " AND state_change < now() - interval '%d ms'", DatumGetInt32(main_arg));

	BackgroundWorkerUnblockSignals();
	BackgroundWorkerInitializeConnection("postgres", NULL, 0);
	for (;;)
	{
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, 1000L, PG_WAIT_EXTENSION);
		ResetLatch(MyLatch);
		CHECK_FOR_INTERRUPTS();
		SetCurrentStatementStartTimestamp();
		StartTransactionCommand();
		SPI_connect();
		PushActiveSnapshot(GetTransactionSnapshot());
		if (SPI_execute(query, false, 0) != SPI_OK_SELECT)
			elog(ERROR, "could not poll");
		SPI_finish();
		PopActiveSnapshot();
		CommitTransactionCommand();
	}
}

/* start_poller(library, limit in ms): start it; returns its pid. */
PGDLLEXPORT Datum
start_poller(PG_FUNCTION_ARGS)
{
	BackgroundWorker worker = {0};
	BackgroundWorkerHandle *handle;
	pid_t		pid;

	worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
	worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
	worker.bgw_restart_time = BGW_NEVER_RESTART;
	strlcpy(worker.bgw_name, "poller", BGW_MAXLEN);
	strlcpy(worker.bgw_library_name, text_to_cstring(PG_GETARG_TEXT_PP(0)), sizeof(worker.bgw_library_name));
	strlcpy(worker.bgw_function_name, "poller_main", BGW_MAXLEN);
	worker.bgw_main_arg = Int32GetDatum(PG_GETARG_INT32(1));
	worker.bgw_notify_pid = MyProcPid;
	if (!RegisterDynamicBackgroundWorker(&worker, &handle) ||
		WaitForBackgroundWorkerStartup(handle, &pid) != BGWH_STARTED)
		elog(ERROR, "could not start the poller");
	PG_RETURN_INT32(pid);
}
