/*
 * The one reader of backend-status entries.  No other file touches an entry
 * itself.
 *
 * A place ("slot") of the backend-status array belongs to one process at a time;
 * client backends have the first MaxBackends of them.
 */
#pragma once

#include "core/session.h"

#include "pg/pg.h"

#include <span>

namespace session_guard
{

/* Stop with an error unless the array is where this code expects it.  Once, before an entry is
 * read. */
void check_status_array();

/* How many places there are for client backends. */
int slot_count();

/*
 * Copy an entry by the server's change-count protocol; false while it is being
 * written.  Its application name and the text of its query are copied if there is
 * a process in the place; an empty span for the query leaves that out.
 */
bool copy_entry(int slot, PgBackendStatus &copy, std::span<char> application_name,
                std::span<char> query);

/* Is an entry being written all the time that it takes to read it? */
bool is_being_written(int slot);

/*
 * Single fields, which are read without the protocol: each is whole, but two of
 * them may be of different processes.
 */
int pid_in_slot(int slot);
Timestamp backend_start_in_slot(int slot);
BackendState state_in_slot(int slot);
BackendType kind_in_slot(int slot);

/* The stamp of the statement that this session runs, as statement_stamp() has it. */
Timestamp own_statement_stamp();

} // namespace session_guard
