/*
 * The life of the history writer as a background worker: start, sleep, write.
 */
#include "shmem/event_ring.h"

#include "worker/connection.h"
#include "worker/give_way.h"
#include "worker/worker.h"

#include "history/history.h"

extern "C"
{
	PGDLLEXPORT void pg_session_guard_history_main(Datum main_arg);
}

namespace session_guard
{

namespace
{

void
start(Datum main_arg)
{
	begin_worker(worker_argument(main_arg));
	/* Its database may have been dropped: nobody is to wait for who cannot come to its work. */
	if (has_failed_to_start(WorkerKind::History))
		set_has_history(false);
	back_off(WorkerKind::History, adopt_retention);
	connect_worker("1s");
	prepare_history();
	sign_on(WorkerKind::History);
	pgstat_report_activity(STATE_IDLE, "session_guard.history");
	/* From now on it ends where it finds best. */
	pqsignal(SIGTERM, SignalHandlerForShutdownRequest);
}

/* End, with all written that can be; the postmaster starts it again if it goes on itself. */
[[noreturn]] void
finish()
{
	finish_history();
	proc_exit(1);
}

[[noreturn]] void
run()
{
	for (;;)
	{
		if (ShutdownRequestPending)
			finish();
		if (take_reload())
			adopt_retention();
		ProcessCatchupInterrupt();
		write_history();
		if (must_give_way(WorkerKind::History))
			finish();
		if (!ConfigReloadPending && !ShutdownRequestPending)
			nap(pause_until_next_call(WorkerKind::History, history_sleep_time()));
	}
}

} // namespace
} // namespace session_guard

void
pg_session_guard_history_main(Datum main_arg)
{
	session_guard::start(main_arg);
	session_guard::work(session_guard::WorkerKind::History, session_guard::run);
}
