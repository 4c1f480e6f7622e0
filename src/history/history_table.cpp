/*
 * The table session_guard.history (see history_table.h).
 */
#include "history/history_table.h"

#include "action/event_row.h"

#include <array>

namespace session_guard
{

namespace
{

constexpr char insert_query[] =
    "INSERT INTO session_guard.history (server_start, number, acted_at, actor, function_name,"
    " filters, pid, backend_start, datname, usename, application_name, client_addr, state, "
    "limit_name, threshold,"
    " source, measured, action, outcome, reason, note, late, gone_after, query)"
    " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18,"
    " $19, $20, $21, $22, $23, $24)"
    " ON CONFLICT (server_start, number) DO UPDATE SET outcome = EXCLUDED.outcome,"
    " note = EXCLUDED.note, gone_after = EXCLUDED.gone_after, measured = EXCLUDED.measured";
constexpr Oid insert_types[event_columns] = {
    TIMESTAMPTZOID, INT8OID,        TIMESTAMPTZOID, TEXTOID,     TEXTOID,     TEXTOID,
    INT4OID,        TIMESTAMPTZOID, TEXTOID,        TEXTOID,     TEXTOID,     INETOID,
    TEXTOID,        TEXTOID,        INTERVALOID,    TEXTOID,     INTERVALOID, TEXTOID,
    TEXTOID,        TEXTOID,        TEXTOID,        INTERVALOID, INTERVALOID, TEXTOID,
};

/* Rows that somebody else has locked are for the next time. */
constexpr char delete_query[] =
    "DELETE FROM session_guard.history WHERE ctid OPERATOR(pg_catalog.=) ANY"
    " (ARRAY(SELECT ctid FROM session_guard.history WHERE acted_at OPERATOR(pg_catalog.<) $1"
    " LIMIT 1000 FOR UPDATE SKIP LOCKED))";

/* The plan of the INSERT, made once; the server makes it anew if the table is another one. */
SPIPlanPtr
insert_plan()
{
	static SPIPlanPtr kept = nullptr;

	if (kept == nullptr)
	{
		SPIPlanPtr plan = SPI_prepare(insert_query, event_columns, const_cast<Oid *>(insert_types));

		if (plan == nullptr || SPI_keepplan(plan) != 0)
			elog(ERROR, "could not prepare to write the history");
		kept = plan;
	}
	return kept;
}

Oid
owner_of(Oid table)
{
	HeapTuple tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(table));

	if (!HeapTupleIsValid(tuple))
		return InvalidOid;
	Oid owner = reinterpret_cast<Form_pg_class>(GETSTRUCT(tuple))->relowner;
	ReleaseSysCache(tuple);
	return owner;
}

} // namespace

bool
lock_history_table()
{
	Oid schema = get_namespace_oid("session_guard", true);
	Oid table = OidIsValid(schema) ? get_relname_relid("history", schema) : InvalidOid;
	Oid extension = get_extension_oid("pg_session_guard", true);

	if (!OidIsValid(table) || !OidIsValid(extension) ||
	    getExtensionOfObject(RelationRelationId, table) != extension)
		return false;

	/* From now on it stays what it is; it may have been dropped, or given away, before. */
	LockRelationOid(table, RowExclusiveLock);
	Oid owner = owner_of(table);
	if (!OidIsValid(owner))
		return false;
	if (!superuser_arg(owner))
		ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
		                errmsg("table \"session_guard.history\" must be owned by a superuser")));
	return true;
}

void
write_to_history(const Event &event, Timestamp ring_start)
{
	EventRow row = event_row(event, ring_start);
	std::array<char, event_columns> nulls;

	for (std::size_t column = 0; column < nulls.size(); column++)
		nulls[column] = row.nulls()[column] ? 'n' : ' ';
	if (SPI_execute_plan(insert_plan(), row.values().data(), nulls.data(), false, 0) < 0)
		elog(ERROR, "could not write the history");
}

std::uint64_t
delete_from_history(Timestamp before)
{
	Oid types[] = {TIMESTAMPTZOID};
	Datum values[] = {TimestampTzGetDatum(before)};

	if (SPI_execute_with_args(delete_query, 1, types, values, nullptr, false, 0) < 0)
		elog(ERROR, "could not delete from the history");
	return SPI_processed;
}

} // namespace session_guard
