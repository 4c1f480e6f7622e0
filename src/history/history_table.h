/*
 * The table session_guard.history, as its writer sees it.
 *
 * All of this runs as the bootstrap superuser, so the table is checked before it
 * is written to.
 */
#pragma once

#include "pg/pg.h"

#include "shmem/event.h"

namespace session_guard
{

/*
 * Lock the table for writing, in a transaction; InvalidOid if it does not exist,
 * or does not belong to the extension.  An error if it is not owned by a
 * superuser: its owner can create triggers, which would run as the writer.
 */
Oid lock_history_table();

/*
 * Write an event of the ring that was made at "ring_start" to the locked table, or
 * correct its row, through SPI.
 */
void write_to_history(Oid table, const Event &event, Timestamp ring_start);

/*
 * Notify those who listen on channel "session_guard" of an event that is in the locked table,
 * through SPI.  Anybody may listen: they are told what anybody sees of the session, and what has
 * become of it.
 */
void notify_of(Oid table, const Event &event, Timestamp ring_start);

/* Delete some of the rows of the locked table that are older than this, through SPI; how many. */
std::uint64_t delete_from_history(Oid table, Timestamp before);

} // namespace session_guard
