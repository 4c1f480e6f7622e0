/*
 * The history writer as a background worker.
 */
#include "shmem/event_ring.h"
#include "shmem/worker_slot.h"

#include "worker/observers.h"
#include "worker/start.h"
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
adopt_before_connecting()
{
	/* Its database may have been dropped: nobody is to wait for a writer that cannot connect. */
	if (has_failed_to_start(WorkerKind::History))
		set_has_history(false);
	adopt_retention();
}

void
prepare()
{
	turn_off_lists_of_statements();
	prepare_history();
	pgstat_report_activity(STATE_IDLE, "session_guard.history");
}

} // namespace
} // namespace session_guard

void
pg_session_guard_history_main(Datum main_arg)
{
	using namespace session_guard;

	run_worker(main_arg, {
	                         .adopt_before_connecting = adopt_before_connecting,
	                         .lock_timeout = "1s",
	                         .prepare = prepare,
	                         .adopt_reload = adopt_retention,
	                         .work = write_history,
	                         .next_wake = next_history_wake,
	                         .finish = finish_history,
	                     });
}
