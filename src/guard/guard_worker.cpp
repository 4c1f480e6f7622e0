/*
 * The guard as a background worker.
 */
#include "policy/policy_cache.h"

#include "worker/worker.h"

#include "guard/guard.h"

extern "C"
{
	PGDLLEXPORT void pg_session_guard_main(Datum main_arg);
}

void
pg_session_guard_main(Datum main_arg)
{
	using namespace session_guard;

	run_worker(main_arg, {
	                         .adopt_before_connecting = adopt_configuration,
	                         /* It asks for its locks conditionally; this is for those that its
	                          * query waits for all the same. */
	                         .lock_timeout = "10ms",
	                         .prepare = prepare_guard,
	                         .adopt_reload = adopt_reload,
	                         .work = wake_up,
	                         .next_wake = prepare_sleep,
	                         .finish = nullptr,
	                     });
}
