/*
 * One worker of each kind at a time, and never none.
 *
 * From 19 on the server may end a worker for good: when its database is
 * dropped, renamed, moved or copied, the postmaster terminates the worker,
 * forgets it, and does not start it again.  So a worker that ends leaves a
 * replacement registered, and a worker that finds its slot taken ends.
 */
#pragma once

#include "shmem/worker_slot.h"

namespace session_guard
{

/* "session guard" */
const char *name_of(WorkerKind kind);

/* Register the workers with the postmaster.  Only while shared_preload_libraries are loaded. */
void register_workers();

/* What the postmaster hands to a worker. */
struct WorkerArgument
{
	WorkerKind kind;
	bool is_replacement;
};
WorkerArgument worker_argument(Datum main_arg);

/* Claim the worker slot, or end this process if another worker holds it. */
void claim_worker_slot(WorkerArgument argument);

} // namespace session_guard
