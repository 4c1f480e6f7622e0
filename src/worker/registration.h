/*
 * One worker for each kind at a time, and never none.
 *
 * From 19 on the server may end a worker for good: when its database is
 * dropped, renamed, moved or copied, the postmaster terminates the worker and
 * forgets it, and nobody starts it again.  So a worker that ends leaves a
 * successor registered, and whoever finds another one in slot goes.
 */
#pragma once

#include "shmem/shared_memory.h"

namespace session_guard
{

/* Register the workers with the postmaster.  Only while shared_preload_libraries are loaded. */
void register_workers();

/* What the postmaster hands to a worker. */
struct WorkerArgument
{
	WorkerKind kind;
	bool is_replacement;
};
WorkerArgument worker_argument(Datum main_arg);

/* Take the slot, or end this process because another worker holds it. */
void claim_worker_slot(WorkerArgument argument);

} // namespace session_guard
