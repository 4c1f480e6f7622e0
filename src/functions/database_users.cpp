/*
 * What keeps a database in use (see database_users.h).
 */
#include "functions/database_users.h"

#include "pg/privileges.h"
#include "pg/subtransaction.h"

#include "shmem/worker_slot.h"

#include "status/sql_values.h"

#include <algorithm>

namespace session_guard
{

namespace
{

/* So many are named; of the rest only the number is told. */
constexpr int named_at_most = 20;

/* What was found, as a list for people. */
struct Holders
{
	StringInfoData text;
	int count;
	bool has_new_sessions;
	/* Some of them are counted by the server when it is to drop or rename the database. */
	bool keep_database;
};

void
begin_holder(Holders &holders)
{
	if (holders.count++ > 0)
		appendStringInfoString(&holders.text, ", ");
}

void
add_holder(Holders &holders, const char *kind, int pid)
{
	holders.keep_database = true;
	if (holders.count >= named_at_most)
	{
		holders.count++;
		return;
	}
	begin_holder(holders);
	appendStringInfo(&holders.text, "%s %d", kind, pid);
}

/* The target that a session is, if it is one. */
const Target *
target_in(const Targets &targets, const BackendSnapshot &snapshot)
{
	for (const Target &target : targets.all())
		if (target.snapshot.backend.id == snapshot.backend.id)
			return &target;
	return nullptr;
}

void
add_process(Holders &holders, const Targets &targets, const BackendSnapshot &snapshot,
            bool is_closed)
{
	/* pg_stat_activity does not tell everybody what kind of process it is. */
	if (!is_client_backend(snapshot))
		return add_holder(holders, may_see(snapshot.role) ? kind_of(snapshot) : "process",
		                  snapshot.backend.id.pid);

	const Target *target = target_in(targets, snapshot);
	if (target == nullptr)
		holders.has_new_sessions = true;
	/* What has just been signaled is on its way out; but who has closed it is to know. */
	else if (target->outcome == Outcome::Signaled && !is_closed)
		return;
	add_holder(holders, "session", snapshot.backend.id.pid);
}

/* Does it leave by itself when the database is needed? */
bool
gives_way(const BackendSnapshot &snapshot)
{
	return snapshot.kind == B_AUTOVAC_WORKER || is_worker(snapshot.backend.id.pid);
}

/* Is it a session that has not come to its first command? */
bool
may_be_refused(const BackendSnapshot &snapshot)
{
	return is_client_backend(snapshot) && snapshot.session.state == State::Unknown;
}

void
add_processes(Holders &holders, Oid database, const Targets &targets, const Connecting &connecting,
              bool is_closed)
{
	for (int slot = 0; slot < slot_count(); slot++)
	{
		BackendSnapshot snapshot;

		if (int pid = connecting_in(connecting, slot, database))
		{
			add_holder(holders, "connecting process", pid);
			continue;
		}
		if (read_backend_in_slot(slot, snapshot, Patience::Unlimited) == ReadResult::Read &&
		    snapshot.database == database && !gives_way(snapshot) &&
		    snapshot.backend.id.pid != MyProcPid && !(is_closed && may_be_refused(snapshot)))
			add_process(holders, targets, snapshot, is_closed);
	}
}

/* Read what has no process, by the functions behind the server's own views. */
void
add_objects(Holders &holders, Oid database)
{
	constexpr char query[] =
	    "SELECT 'prepared transaction', gid, true FROM pg_catalog.pg_prepared_xact()"
	    " WHERE dbid OPERATOR(pg_catalog.=) $1"
	    " UNION ALL SELECT 'replication slot', slot_name::pg_catalog.text, false"
	    " FROM pg_catalog.pg_get_replication_slots() WHERE datoid OPERATOR(pg_catalog.=) $1";
	Oid types[] = {OIDOID};
	Datum values[] = {ObjectIdGetDatum(database)};

	SPI_connect();
	if (SPI_execute_with_args(query, 1, types, values, nullptr, true, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not read what uses the database");
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		HeapTuple row = SPI_tuptable->vals[i];

		begin_holder(holders);
		holders.keep_database |= *SPI_getvalue(row, SPI_tuptable->tupdesc, 3) == 't';
		appendStringInfo(&holders.text, "%s %s", SPI_getvalue(row, SPI_tuptable->tupdesc, 1),
		                 quoted(on_one_line(SPI_getvalue(row, SPI_tuptable->tupdesc, 2))));
	}
	SPI_finish();
}

int
hint_at_closing(bool is_closed)
{
	return is_closed ? errhint("Superusers and members of pg_session_guard.closed_bypass_role "
	                           "connect to it all the same.")
	                 : errhint("drain_database() keeps new sessions out meanwhile.");
}

} // namespace

bool
warn_of_database_users(Oid database, const Targets &targets, const Connecting &connecting,
                       bool is_closed)
{
	Holders holders{};
	const char *name = name_or_mark(get_database_name(database));

	initStringInfo(&holders.text);
	add_processes(holders, database, targets, connecting, is_closed);
	int unnamed = std::max(0, holders.count - named_at_most);
	if (unnamed > 0)
		appendStringInfo(&holders.text, ", %d more", unnamed);
	/* What the caller may not read must not undo what has been done. */
	(void)run_in_subtransaction([&] { add_objects(holders, database); },
	                            ERRCODE_INSUFFICIENT_PRIVILEGE);
	if (holders.count == 0)
		return false;
	ereport(WARNING, (errmsg("database %s is still in use", quoted(on_one_line(name))),
	                  errdetail("Still there: %s.", holders.text.data),
	                  holders.has_new_sessions ? hint_at_closing(is_closed) : 0));
	return holders.keep_database;
}

} // namespace session_guard
