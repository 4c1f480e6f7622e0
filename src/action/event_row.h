/*
 * Events as SQL has them: the columns of session_guard.event and of
 * session_guard.history, and the values of an event in them.
 */
#pragma once

#include "shmem/event.h"

#include "pg/result_row.h"

#include <optional>
#include <span>

namespace session_guard
{

/* A column of both relations. */
struct EventColumn
{
	const char *name;
	Oid type;
	/* Another value may follow after the event was written to the history. */
	bool may_change;
	/* The value for an event of the ring that was made at "ring_start"; none is NULL. */
	std::optional<Datum> (*value)(const Event &event, Timestamp ring_start);
};

inline constexpr int event_column_count = 26;
using EventRow = ResultRow<event_column_count>;

/*
 * All columns, in their order.  This is the only list of them in C++; the
 * extension's script has the other one, of the function get_events(), which the
 * view and the table are made from.
 */
std::span<const EventColumn, event_column_count> event_columns();

/* The columns that name an event in the history: its primary key. */
inline constexpr std::size_t event_key_columns = 2;

/* Raise an error unless a row type has exactly these columns. */
void check_event_columns(TupleDesc row_type);

/* The row of an event of the ring that was made at this moment. */
EventRow event_row(const Event &event, Timestamp ring_start);

/* Replace the query in a row by the mark that the server shows to roles that may not see it. */
void hide_query(EventRow &row);

} // namespace session_guard
