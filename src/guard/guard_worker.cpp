/*
 * The life of the guard as a background worker: start, sleep, work.
 */
#include "settings/settings.h"

#include "policy/policy_cache.h"

#include "worker/connection.h"
#include "worker/give_way.h"
#include "worker/worker.h"

#include "guard/guard.h"

extern "C"
{
	PGDLLEXPORT void pg_session_guard_main(Datum main_arg);
}

namespace session_guard
{

namespace
{

void
start(Datum main_arg)
{
	begin_worker(worker_argument(main_arg));
	/* What is configured can be seen even if the guard cannot connect. */
	adopt_configuration();
	back_off(WorkerKind::Guard, adopt_configuration);
	/* At work its locks are all asked for conditionally; what waits all the same does not for long.
	 */
	connect_worker("10ms");
	prepare_guard();
	adopt_settings();
	sign_on(WorkerKind::Guard);
}

[[noreturn]] void
run()
{
	for (;;)
	{
		if (take_reload())
			adopt_reload();
		/* Who sleeps long must not hold up the queue of catalog changes. */
		ProcessCatchupInterrupt();
		wake_up();
		/* What was due is done; the postmaster starts the next guard in a second. */
		if (must_give_way(WorkerKind::Guard))
			proc_exit(1);
		if (!ConfigReloadPending)
			nap(pause_until_next_call(WorkerKind::Guard, prepare_sleep()));
	}
}

} // namespace
} // namespace session_guard

void
pg_session_guard_main(Datum main_arg)
{
	session_guard::start(main_arg);
	session_guard::work(session_guard::WorkerKind::Guard, session_guard::run);
}
