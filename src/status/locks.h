/*
 * Who waits for whom, read from the server's lock table.
 */
#pragma once

#include "core/wait_graph.h"

#include "pg/pg.h"

#include "status/backend_status.h"

namespace session_guard
{

/*
 * Read from the lock table who waits for whom, at one moment.  The graph lives in
 * the current memory context; its times are placed by a clock (time_of()).
 *
 * pg_blocking_pids() would go through the table once for each process that
 * waits; here each lock that somebody waits for is copied once, and no other
 * lock.  No function of the server gives the order of a queue otherwise.
 */
WaitGraph read_wait_graph(Patience patience, Advisory advisory, const Clock &clock, Instant now);

/* Read the client session that is a process of the graph; false if it is none. */
bool read_session_of(const WaitNode &process, BackendSnapshot &snapshot, Patience patience);

/*
 * When the oldest wait for a lock began that anybody, session or not, waits for now;
 * unknown_time if nobody does.  That is read from each process without a lock.
 */
Timestamp oldest_lock_wait();

} // namespace session_guard
