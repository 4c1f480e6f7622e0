/*
 * The life of a worker (see worker.h).
 */
#include "worker/worker.h"

#include "worker/connection.h"
#include "worker/give_way.h"
#include "worker/nap.h"
#include "worker/start.h"

namespace session_guard
{

namespace
{

void
start(WorkerArgument argument, const WorkerDuties &duties)
{
	begin_worker(argument);
	duties.adopt_before_connecting();
	back_off(argument.kind, duties.adopt_before_connecting);
	connect_worker(duties.lock_timeout);
	duties.prepare();
	sign_on(argument.kind);
	if (duties.finish != nullptr)
		pqsignal(SIGTERM, SignalHandlerForShutdownRequest);
}

/* End; the postmaster starts the next worker in a second, unless the server shuts down. */
[[noreturn]] void
leave(const WorkerDuties &duties)
{
	if (duties.finish != nullptr)
		duties.finish();
	proc_exit(1);
}

[[noreturn]] void
loop(WorkerKind kind, const WorkerDuties &duties)
{
	for (;;)
	{
		if (ShutdownRequestPending)
			leave(duties);
		if (take_reload())
			duties.adopt_reload();
		/* A process that sleeps long must not hold up the queue of catalog changes. */
		ProcessCatchupInterrupt();
		duties.work();
		if (must_give_way(kind))
			leave(duties);
		if (!ConfigReloadPending && !ShutdownRequestPending)
			nap_until(wake_to_give_way(kind, duties.next_wake()));
	}
}

} // namespace

void
run_worker(Datum main_arg, const WorkerDuties &duties)
{
	WorkerArgument argument = worker_argument(main_arg);

	start(argument, duties);
	PG_TRY();
	{
		loop(argument.kind, duties);
	}
	PG_CATCH();
	{
		note_error_at_work(argument.kind);
		PG_RE_THROW();
	}
	PG_END_TRY();
	pg_unreachable();
}

} // namespace session_guard
