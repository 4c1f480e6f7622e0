/*
 * The history: its writer copies events from the ring into the table
 * session_guard.history, and deletes rows past their retention.
 *
 * A failure here loses history, which is counted and shown, and never a deadline:
 * the writer is a worker of its own.
 */
#pragma once

#include "core/time.h"

namespace session_guard
{

/* Allocate the memory.  To be called once, before the other functions. */
void prepare_history();

/* Write and delete what is due now, in transactions of its own. */
void write_history();

/*
 * Write what can be written before this process ends, open events as they are.  If
 * the server is being shut down, no other writer follows: this one then stays until
 * no process is left that could act, and settles events that end meanwhile.
 */
void finish_history();

/* Until when to sleep now; "never": until the latch is set. */
Instant next_history_wake();

/* Take over the retention, which may have changed. */
void adopt_retention();

} // namespace session_guard
