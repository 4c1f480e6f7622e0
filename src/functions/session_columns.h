/*
 * The columns that tell which session a row is about, alike in all views and
 * results.
 */
#pragma once

#include "core/messages.h"

#include "pg/privileges.h"

#include "status/sql_values.h"

#include <algorithm>

namespace session_guard
{

/* What a session's roles and database are called; as they are, or shown so. */
Names names_of(const BackendSnapshot &snapshot);
Names names_of(const BackendSnapshot &snapshot, Converter *shown);

/* Where they are in a row. */
struct SessionColumns
{
	std::size_t pid;
	std::size_t backend_start;
	std::size_t database;
	std::size_t role;
	std::size_t application_name;
	/* Not all rows have it. */
	std::optional<std::size_t> client_address;
	std::size_t state;
};

/*
 * Set what pg_stat_activity shows of a session: some of it to everybody, the rest only
 * to those who may see the session's activity.  Returns whether the caller may.
 */
template <typename Row>
bool
set_session(Row &row, const SessionColumns &columns, const BackendSnapshot &snapshot)
{
	bool is_visible = may_see(snapshot.role);

	row.set(columns.pid, Int32GetDatum(snapshot.backend.id.pid));
	row.set_name(columns.database, get_database_name(snapshot.database));
	row.set_name(columns.role, GetUserNameFromId(snapshot.role, true));
	row.set(columns.application_name, PointerGetDatum(sql_text(snapshot.application_name)));
	if (!is_visible)
		return false;
	row.set(columns.backend_start, TimestampTzGetDatum(snapshot.backend.id.backend_start));
	row.set_text(columns.state, state_name_of(snapshot.session.state));
	if (columns.client_address)
		if (std::optional<Datum> address = sql_address(snapshot.client_address))
			row.set(*columns.client_address, *address);
	return true;
}

/* Set how long ago something was; the server's clock may have been set back since. */
template <typename Row>
void
set_age(Row &row, std::size_t column, Timestamp since)
{
	if (since == unknown_time)
		return;
	Timestamp now = std::max(GetCurrentTimestamp(), since);
	row.set(column, DirectFunctionCall2(timestamp_mi, TimestampTzGetDatum(now),
	                                    TimestampTzGetDatum(since)));
}

} // namespace session_guard
