/*
 * The table session_guard.history, as its writer sees it.
 *
 * What is called here is run as the bootstrap superuser, so it looks twice at
 * what it writes to.
 */
#pragma once

#include "action/events.h"

namespace session_guard
{

/*
 * Lock the table for writing, in a transaction; false if it is not there, or is
 * not the extension's own.  An error if it does not belong to a superuser: its
 * owner can make triggers, which would run as one.
 */
bool lock_history_table();

/* Write an event of the ring that was made at this moment, or correct its row, through SPI. */
void write_to_history(const Event &event, Timestamp ring_start);

/* Delete some of the rows that are older than this, through SPI; how many. */
std::uint64_t delete_from_history(Timestamp before);

} // namespace session_guard
