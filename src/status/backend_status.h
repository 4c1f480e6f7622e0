/*
 * The look: one fresh read of one session's entry in the backend-status array,
 * of its wait and of its place in the ProcArray.
 *
 * Nothing here takes a heavyweight lock or reads a catalog, or waits unless it is told to.
 */
#pragma once

#include "core/session.h"

#include "pg/pg.h"

#include "shmem/backend_ref.h"

namespace session_guard
{

/* What a look finds.  The superuser flag of the session is left to the catalogs. */
struct BackendSnapshot
{
	BackendRef backend;
	/* Its id is that of the backend. */
	Session session;
	Oid role;
	Oid database;
	BackendType kind;
	/* As pg_stat_activity shows it. */
	uint32 wait_event_info;
	TransactionId backend_xid;
	TransactionId backend_xmin;
	int parallel_workers;
	char application_name[NAMEDATALEN];
	SockAddr client_address;
};

/* Not a walsender, not a worker of any kind. */
inline bool
is_client_backend(const BackendSnapshot &snapshot)
{
	return snapshot.kind == B_BACKEND;
}

/*
 * What to do about an entry that is being written to all the time that it is
 * read, which is so while its writer was put to sleep in the middle.
 */
enum class Patience
{
	/* Leave it: for the guard, which has others to look at, and comes again. */
	None,
	/*
	 * Read until it can be read, as pg_stat_activity does, interruptibly: for whoever asks for all
	 * that are there.
	 */
	Unlimited,
};

enum class ReadResult
{
	Read,
	/* Nobody is there, or somebody else, or it has left the ProcArray. */
	Gone,
	/* The entry, or what the session publishes, kept changing under the read; without patience. */
	Unreadable,
};

/* Stop with an error unless the array is where this code expects it.  Once, before the first look.
 */
void check_status_array();

/* The stamp of the statement that this session runs, as statement_stamp() has it. */
Timestamp own_statement_stamp();

/* How many places there are for client backends. */
int slot_count();

/* The pid in a place of the array, 0 if it is free. */
int pid_in_slot(int slot);

/*
 * Look at whoever is in a place of the array.  The text of its query is copied
 * too if there is a buffer of query_size() bytes for it; it may end in the
 * middle of a character.
 */
ReadResult read_backend_in_slot(int slot, BackendSnapshot &snapshot, Patience patience,
                                char *query = nullptr);

/* Look at a session that is known to have been in that place.  No text is copied if it is not seen.
 */
ReadResult read_session(int slot, SessionId id, BackendSnapshot &snapshot, Patience patience,
                        char *query = nullptr);

/*
 * Can all entries be read, so that the server's own reader will not wait for one
 * of them?  That has no patience of ours, and takes a core while it waits.
 */
bool all_can_be_read();

/* The space that the text of a query may take (track_activity_query_size). */
std::size_t query_size();

/* Has it left the ProcArray? */
bool has_left(const BackendRef &backend);

/* Where a process stands in the array; -1 if it is not there. */
int slot_of(int pid);

/*
 * The process in a place that has come into a database, and so keeps it in use,
 * but is not ready to be evaluation at yet; 0 if there is none.
 */
int connecting_in_slot(int slot, Oid database);

/* When a process began to wait for a lock; unknown_time before the server notes it. */
Timestamp wait_start_of(const PGPROC *process);

/*
 * Does the process with this pid in a place run a command that keeps a table in shape, or wait for
 * the table that it is about to run one on?  ALTER TABLE and REFRESH MATERIALIZED VIEW are none.
 * For whoever asks with patience.
 */
bool is_maintaining(int slot, int pid);

} // namespace session_guard
