/*
 * The status of one backend, read afresh: its entry in the backend-status array,
 * what it publishes of itself, its wait and its place in the ProcArray.
 *
 * Nothing here takes a heavyweight lock or reads a catalog, and only a reader
 * with patience waits.
 */
#pragma once

#include "core/session.h"

#include "pg/pg.h"

#include "shmem/backend_ref.h"
#include "shmem/taken_role.h"

#include "status/process_horizon.h"
#include "status/slots.h"

namespace session_guard
{

/* What is read of one backend.  The superuser flag of the session is left to the catalogs. */
struct BackendSnapshot
{
	BackendRef backend;
	/* Its id is that of the backend. */
	Session session;
	Oid role;
	TakenRole taken_role;
	Oid database;
	BackendType kind;
	/* It is a background worker that is guarded like a client's session. */
	bool is_guarded_worker;
	/* As pg_stat_activity shows it. */
	uint32 wait_event_info;
	TransactionId backend_xid;
	TransactionId backend_xmin;
	/* Where these two hold vacuum back. */
	HorizonScope horizon_scope;
	int parallel_workers;
	char application_name[NAMEDATALEN];
	SockAddr client_address;
};

/* Neither a walsender nor a worker of any kind. */
inline bool
is_client_backend(const BackendSnapshot &snapshot)
{
	return snapshot.kind == B_BACKEND;
}

/* Is it bound by limits: a client's session, or a background worker that is guarded like one? */
inline bool
is_guarded(const BackendSnapshot &snapshot)
{
	return is_client_backend(snapshot) || snapshot.is_guarded_worker;
}

/*
 * What to do about an entry that is being written all the time that it is read:
 * its writer was put to sleep in the middle.
 */
enum class Patience
{
	/* Leave it: for the guard, which has other sessions to read, and comes again. */
	None,
	/* Read until it can be read, interruptibly, as pg_stat_activity does: for the functions,
	 * which owe their caller all sessions. */
	Unlimited,
};

enum class ReadResult
{
	Read,
	/* No session is there, or another one, or it has left the ProcArray. */
	Gone,
	/* The entry, or what the session publishes, kept changing under the read; without patience. */
	Unreadable,
};

/*
 * Read the status of the backend in a place of the array.  The text of its query
 * is copied too if there is a buffer of query_size() bytes for it; it may end in
 * the middle of a character.
 */
ReadResult read_backend_in_slot(int slot, BackendSnapshot &snapshot, Patience patience,
                                char *query = nullptr);

/* The same for a session that was in that place before; the text is empty unless it is read. */
ReadResult read_session(int slot, SessionId id, BackendSnapshot &snapshot, Patience patience,
                        char *query = nullptr);

/* The same for the process with this pid, wherever it stands; false if there is none. */
bool read_process(int pid, BackendSnapshot &snapshot, Patience patience);

/* The space that the text of a query may take (track_activity_query_size). */
std::size_t query_size();

/*
 * Does the process with this pid in a place run a command that keeps a table in
 * shape, or wait for the table to run it on?  ALTER TABLE and REFRESH
 * MATERIALIZED VIEW do not count: they cannot be run another time as well.  What
 * cannot be read counts as such a command, which makes nobody a culprit.
 */
bool is_maintaining(int slot, int pid, Patience patience);

} // namespace session_guard
