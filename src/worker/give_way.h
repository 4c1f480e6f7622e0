/*
 * How the workers give way to a command that needs their database for itself:
 * DROP DATABASE, ALTER DATABASE that renames or moves it, CREATE DATABASE that
 * copies it.
 *
 * From 19 on the server terminates them for that (registration.h).  Before, it
 * only waits for five seconds for others to leave.  So a session that runs such
 * a command calls the workers, and they read who holds the lock on the database.
 * They go by the lock and not by the call: a transaction that still holds it
 * after a moment, and does not wait for its client, was found by the server to
 * have the right to.
 */
#pragma once

#include "core/time.h"

#include "shmem/worker_slot.h"

namespace session_guard
{

/* In any session: a command begins that may need the workers' database for itself. */
void call_workers_off();

/* In a worker, between two pieces of its work: must it leave?  If so, the log says it. */
bool must_give_way(WorkerKind kind);

/* When to wake up, at that instant or earlier, so that must_give_way() is asked again in time. */
Instant wake_to_give_way(WorkerKind kind, Instant wake);

} // namespace session_guard
