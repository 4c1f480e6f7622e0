/*
 * What new connections and the guard tell each other: that too few connections are free, how
 * many wait for one, and from when on the guard may be able to end somebody for it.
 */
#pragma once

#include "core/time.h"

#include "pg/pg.h"

namespace session_guard
{

Size newcomers_size();
void newcomers_init(void *memory, bool found);

/*
 * Tell the guard that too few connections are free, unless it was told and has not looked yet.
 * Only where there is shared memory.
 */
void ask_for_room();

/* By the guard: was it told?  The latch does not say, since waits inside of the server reset it. */
bool is_asked_for_room();
/* The same, before it looks: what comes from now on wakes it again. */
bool take_request_for_room();

/* Count a newcomer that waits for a connection, and one that does so no more. */
void begin_to_wait();
void end_waiting();
int waiting_newcomers();

/*
 * By the guard: before this moment it can end nobody for a newcomer.  No session can have been
 * idle for long enough then that is not spared, unless the policy changes.
 */
void publish_nobody_to_go_before(Instant at);
Instant nobody_to_go_before();

} // namespace session_guard
