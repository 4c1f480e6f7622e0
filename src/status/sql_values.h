/*
 * What status entries hold, as SQL values.
 */
#pragma once

#include "status/backend_status.h"

#include <optional>

namespace session_guard
{

/*
 * Text of another session as a text of this database.  That session's database
 * may have another encoding: what is not valid here has its other bytes
 * escaped, as \xe4.
 */
text *sql_text(const char *value);
const char *converted_string(const char *value);

/* The same for a line in the log: what would begin another one is escaped too. */
const char *on_one_line(const char *value);

/* For a client of another session, whose encoding is not known: all but printable ASCII is escaped.
 */
const char *as_ascii(const char *value);

/* In double quotes, those within doubled, so that nothing in it can pass for what follows. */
const char *quoted(const char *value);

/* One of these, for a caller that writes the same in both places. */
using Converter = const char *(const char *);

/*
 * The same as sql_text() for what had only so much room, the terminating NUL
 * included: it may have been cut inside a character.
 */
text *sql_text_cut(const char *value, std::size_t room);

/* The same for a query out of the backend-status array. */
text *sql_query(const char *query);

/* The name for people; "?" for nullptr. */
const char *name_or_mark(const char *name);

/* What a process waits for: "IO: DataFileRead", or "nothing". */
const char *wait_of(const PGPROC *process);

/* The address as inet; none for a Unix-domain socket. */
std::optional<Datum> sql_address(const SockAddr &address);

/* A duration as an interval, in days and time. */
Datum sql_interval(Duration duration);

/* The kind of process: "walsender", "logical replication worker". */
const char *kind_of(const BackendSnapshot &snapshot);

/* The name as pg_stat_activity.state has it; nullptr if there is none. */
const char *state_name_of(State state);

} // namespace session_guard
