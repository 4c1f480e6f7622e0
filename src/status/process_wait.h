/*
 * What a process waits for, and what the parallel workers of its query do
 * meanwhile.
 */
#pragma once

#include "core/session.h"

#include "pg/pg.h"

namespace session_guard
{

/* The wait of a session, as its process and its parallel workers show it. */
struct ProcessWait
{
	/* As pg_stat_activity shows it. */
	uint32 wait_event_info;
	/* Lock only if the whole query waits for one. */
	Wait wait;
	/* A worker waits for a lock, and no process of the query is at work. */
	bool worker_waits_for_lock;
	/* Since when the query waits for a lock; unknown_time if it does not. */
	Timestamp wait_start;
	int parallel_workers;
};

ProcessWait read_wait(PGPROC *process);

/* When a process began to wait for a lock; unknown_time before the server notes it. */
Timestamp wait_start_of(const PGPROC *process);

} // namespace session_guard
