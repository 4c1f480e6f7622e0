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

/* Rows that another session has locked are left for the next time. */
constexpr char delete_query[] =
    "DELETE FROM session_guard.history WHERE ctid OPERATOR(pg_catalog.=) ANY"
    " (ARRAY(SELECT ctid FROM session_guard.history WHERE acted_at OPERATOR(pg_catalog.<) $1"
    " LIMIT 1000 FOR UPDATE SKIP LOCKED))";

/* By SQL, which makes the text valid in this database's encoding, and JSON. */
constexpr char notify_query[] =
    "SELECT pg_catalog.pg_notify('session_guard', pg_catalog.json_build_object("
    "'server_start', server_start, 'number', number, 'acted_at', acted_at,"
    " 'action', action, 'outcome', outcome, 'limit', limit_name, 'function', function_name,"
    " 'pid', pid, 'datname', datname, 'usename', usename,"
    " 'node', NULLIF(pg_catalog.current_setting('pg_session_guard.node'), ''))::pg_catalog.text)"
    " FROM session_guard.history WHERE server_start OPERATOR(pg_catalog.=) $1"
    " AND number OPERATOR(pg_catalog.=) $2";

/*
 * A plan that is kept from one transaction to the next, and the table that it was
 * made for.
 *
 * It holds neither locks nor a snapshot, and the server analyzes its text anew when
 * the table has changed: so after an error, too, it is as good as before.  A table
 * that was created anew, or has taken the name of another one, gets plans of its
 * own.
 */
struct KeptPlan
{
	SPIPlanPtr plan;
	Oid table;
};
KeptPlan insert_plan{};
KeptPlan notify_plan{};
KeptPlan delete_plan{};

/* The plan of a statement for this table, prepared unless it is there. */
SPIPlanPtr
plan_for(KeptPlan &kept, Oid table, SPIPlanPtr (*prepare)())
{
	if (kept.plan != nullptr && kept.table == table)
		return kept.plan;

	SPIPlanPtr plan = prepare();
	if (plan == nullptr || SPI_keepplan(plan) != 0)
		elog(ERROR, "could not prepare to write the history");
	SPIPlanPtr old = kept.plan;
	kept = {.plan = plan, .table = table};
	if (old != nullptr)
		SPI_freeplan(old);
	return plan;
}

/* Append something for each of the first columns that are wanted, separated by commas. */
template <typename IsWanted, typename Append>
void
append_columns(StringInfoData &query, IsWanted is_wanted, Append append)
{
	const char *separator = "";

	for (std::size_t i = 0; i < event_columns().size(); i++)
		if (is_wanted(i))
		{
			appendStringInfoString(&query, separator);
			append(i);
			separator = ", ";
		}
}

/* The INSERT of an event, which corrects the row that is there. */
SPIPlanPtr
prepare_insert()
{
	std::array<Oid, event_column_count> types;
	StringInfoData query;
	auto every = [](std::size_t) { return true; };
	auto is_key = [](std::size_t i) { return i < event_key_columns; };
	auto may_change = [](std::size_t i) { return event_columns()[i].may_change; };
	auto append_name = [&](std::size_t i)
	{ appendStringInfoString(&query, quote_identifier(event_columns()[i].name)); };

	initStringInfo(&query);
	appendStringInfoString(&query, "INSERT INTO session_guard.history (");
	append_columns(query, every, append_name);
	appendStringInfoString(&query, ") VALUES (");
	append_columns(query, every, [&](std::size_t i) { appendStringInfo(&query, "$%zu", i + 1); });
	appendStringInfoString(&query, ") ON CONFLICT (");
	append_columns(query, is_key, append_name);
	appendStringInfoString(&query, ") DO UPDATE SET ");
	append_columns(query, may_change,
	               [&](std::size_t i)
	               {
		               append_name(i);
		               appendStringInfoString(&query, " = EXCLUDED.");
		               append_name(i);
	               });
	for (std::size_t i = 0; i < types.size(); i++)
		types[i] = event_columns()[i].type;
	return SPI_prepare(query.data, event_column_count, types.data());
}

SPIPlanPtr
prepare_notify()
{
	Oid types[] = {TIMESTAMPTZOID, INT8OID};

	return SPI_prepare(notify_query, 2, types);
}

/*
 * The DELETE is planned each time, for its moment: a generic plan would expect a
 * third of the rows to be old, and read the whole table where none is.
 */
SPIPlanPtr
prepare_delete()
{
	Oid types[] = {TIMESTAMPTZOID};

	return SPI_prepare_cursor(delete_query, 1, types, CURSOR_OPT_CUSTOM_PLAN);
}

/* The table that has the name now. */
Oid
find_table()
{
	Oid schema = get_namespace_oid("session_guard", true);

	return OidIsValid(schema) ? get_relname_relid("history", schema) : InvalidOid;
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

Oid
lock_history_table()
{
	Oid table = find_table();
	Oid extension = get_extension_oid("pg_session_guard", true);

	if (!OidIsValid(table) || !OidIsValid(extension) ||
	    getExtensionOfObject(RelationRelationId, table) != extension)
		return InvalidOid;

	/* Before the lock it may have been dropped, renamed or given to another owner. */
	LockRelationOid(table, RowExclusiveLock);
	Oid owner = owner_of(table);
	if (!OidIsValid(owner) || find_table() != table)
		return InvalidOid;
	if (!superuser_arg(owner))
		ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
		                errmsg("table \"session_guard.history\" must be owned by a superuser")));
	return table;
}

void
write_to_history(Oid table, const Event &event, Timestamp ring_start)
{
	EventRow row = event_row(event, ring_start);
	std::array<char, event_column_count> nulls;

	for (std::size_t column = 0; column < nulls.size(); column++)
		nulls[column] = row.nulls()[column] ? 'n' : ' ';
	if (SPI_execute_plan(plan_for(insert_plan, table, prepare_insert), row.values().data(),
	                     nulls.data(), false, 0) < 0)
		elog(ERROR, "could not write the history");
}

void
notify_of(Oid table, const Event &event, Timestamp ring_start)
{
	Datum values[] = {TimestampTzGetDatum(ring_start),
	                  Int64GetDatum(static_cast<int64>(event.number))};

	if (SPI_execute_plan(plan_for(notify_plan, table, prepare_notify), values, nullptr, false, 0) <
	    0)
		elog(ERROR, "could not notify of an event");
}

std::uint64_t
delete_from_history(Oid table, Timestamp before)
{
	Datum values[] = {TimestampTzGetDatum(before)};

	if (SPI_execute_plan(plan_for(delete_plan, table, prepare_delete), values, nullptr, false, 0) <
	    0)
		elog(ERROR, "could not delete from the history");
	return SPI_processed;
}

} // namespace session_guard
