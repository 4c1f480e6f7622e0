/*
 * Background workers whose sessions are guarded like clients' (the setting
 * background_workers).
 */
#pragma once

#include "pg/pg.h"

namespace session_guard
{

/*
 * Is the process one of them?  Never a parallel worker, whose leader is the session, nor one
 * without a database, or without a role of its own: who connects as nobody in particular, as
 * launchers do, has none in its PGPROC (InitializeSessionUserIdStandalone() in miscinit.c),
 * while pg_stat_activity shows the bootstrap superuser.
 *
 * The server is asked for the type of a worker, which takes an LWLock for a moment, and allocates;
 * but only of background workers, and only while any type is configured.
 */
bool is_guarded_worker(const PGPROC *process, int pid, BackendType kind);

} // namespace session_guard
