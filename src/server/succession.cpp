/*
 * One worker for each post at a time, and never none (see succession.h).
 */
#include "server/succession.h"

namespace session_guard
{

namespace
{

/* How the server knows the worker of a post. */
struct Description
{
	const char *name;
	const char *function;
	BgWorkerStartTime start;
};

/* In the order of the posts.  The history is written where there can be writing. */
constexpr Description descriptions[post_count] = {
    {"pg_session_guard", "pg_session_guard_main", BgWorkerStart_ConsistentState},
    {"pg_session_guard history", "pg_session_guard_history_main", BgWorkerStart_RecoveryFinished},
};

/* The post of this process. */
Post own_post;

Datum
argument_of(Calling calling)
{
	return Int32GetDatum(static_cast<int>(calling.post) * 2 + (calling.is_successor ? 1 : 0));
}

BackgroundWorker
describe(Calling calling)
{
	const Description &description = descriptions[static_cast<std::size_t>(calling.post)];
	BackgroundWorker worker{};

	worker.bgw_flags =
	    BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION | BGWORKER_INTERRUPTIBLE;
	worker.bgw_start_time = description.start;
	worker.bgw_restart_time = 1;
	worker.bgw_main_arg = argument_of(calling);
	strlcpy(worker.bgw_name, description.name, BGW_MAXLEN);
	strlcpy(worker.bgw_type, description.name, BGW_MAXLEN);
	strlcpy(worker.bgw_library_name, "pg_session_guard", BGW_MAXLEN);
	strlcpy(worker.bgw_function_name, description.function, BGW_MAXLEN);
	return worker;
}

/* Where the postmaster may forget the worker, have a successor started. */
void
register_successor()
{
	BackgroundWorker worker = describe({.post = own_post, .is_successor = true});
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

/* Give up the office, at the end of the process. */
void
leave_office(int, Datum)
{
	pg_atomic_write_u32(&office_of(own_post).worker_pid, 0);
	pg_atomic_write_u32(&office_of(own_post).holder, 0);
	register_successor();
}

} // namespace

void
register_workers()
{
	for (Post post : {Post::Guard, Post::History})
	{
		BackgroundWorker worker = describe({.post = post, .is_successor = false});

		RegisterBackgroundWorker(&worker);
	}
}

Calling
calling_of(Datum main_arg)
{
	int argument = DatumGetInt32(main_arg);

	return {.post = static_cast<Post>(argument / 2), .is_successor = argument % 2 != 0};
}

void
take_office(Calling calling)
{
	uint32 nobody = 0;

	own_post = calling.post;
	/* The worker before may only have been terminated: then the postmaster starts it again. */
	if (calling.is_successor)
	{
		(void)WaitLatch(MyLatch, WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, 2000,
		                own_wait_event("PgSessionGuardMain"));
		CHECK_FOR_INTERRUPTS();
	}
	if (!pg_atomic_compare_exchange_u32(&office_of(own_post).holder, &nobody,
	                                    static_cast<uint32>(MyProcPid)))
		proc_exit(0);
	before_shmem_exit(leave_office, 0);
}

} // namespace session_guard
