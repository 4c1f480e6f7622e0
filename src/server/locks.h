/*
 * Who waits for whom, read from the server's lock table.
 */
#pragma once

#include "server/pg.h"

#include "core/blocking.h"

namespace session_guard
{

/*
 * Read the lock table once, as pg_locks does, and say who waits for whom.
 * The graph lives in the current memory context.
 *
 * pg_blocking_pids() would read it once for each process that waits, and
 * compares each waiter of a queue with all that are ahead of it.  Its answer
 * names these too; here they count only for a waiter whom no holder blocks.
 */
WaitGraph read_wait_graph();

} // namespace session_guard
