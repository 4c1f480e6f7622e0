/*
 * Events as SQL has them (see event_row.h).
 */
#include "action/event_row.h"

#include "core/messages.h"

#include "status/sql_values.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <string_view>

namespace session_guard
{

namespace
{

using Value = std::optional<Datum>;

Value
timestamp_value(Timestamp value)
{
	return TimestampTzGetDatum(value);
}

Value
interval_value(Duration value)
{
	return sql_interval(value);
}

Value
interval_value(const std::optional<Duration> &value)
{
	return value ? interval_value(*value) : std::nullopt;
}

Value
amount_value(std::int64_t value)
{
	return Int64GetDatum(value);
}

/* The text of a name of ours; none for nullptr. */
Value
text_value(const char *value)
{
	return value != nullptr ? Value(CStringGetTextDatum(value)) : std::nullopt;
}

/* A text as it was found, in this much room; none if it is empty. */
Value
found_value(std::span<const char> value, std::size_t room)
{
	if (value.front() == '\0')
		return std::nullopt;
	return PointerGetDatum(sql_text_cut(value.data(), room));
}

Value
found_value(std::span<const char> value)
{
	return found_value(value, value.size());
}

Value
query_value(const Event &event)
{
	/* It was cut by the smaller of the two. */
	return found_value(event.subject.query, std::min(event.subject.query.size(), query_size()));
}

/* Where the threshold was set. */
Value
source_value(const Event &event)
{
	std::array<char, 320> buffer;
	Text source(buffer);

	append_source(source, event.threshold.source,
	              {.role = event.subject.user.data(),
	               .database = event.subject.database.data(),
	               .rule = event.rule.data(),
	               .taken_role = event.subject.taken_role.data()});
	return found_value(buffer);
}

/* What is to be said of an event besides its outcome, and how often it was repeated. */
Value
note_value(const Event &event)
{
	std::array<char, sizeof(event.note) + 64> buffer;
	Text note(buffer);

	note.append(event.note.data());
	if (event.repetitions > 0)
	{
		note.append(event.note.front() != '\0' ? "; " : "");
		append_repetitions(note, event.repetitions,
		                   std::max<Duration>(0, event.repeated_at - event.at));
	}
	return found_value(buffer);
}

/* The values of columns that are NULL unless something is known of the session, or acted on. */
template <Value (*value)(const Event &)>
Value
if_known(const Event &event, Timestamp)
{
	return event.subject.is_known ? value(event) : std::nullopt;
}

template <Value (*value)(const Event &)>
Value
if_limit(const Event &event, Timestamp)
{
	return event.limit ? value(event) : std::nullopt;
}

template <Value (*value)(const Event &)>
Value
if_time(const Event &event, Timestamp)
{
	return event.limit && measures_time(*event.limit) ? value(event) : std::nullopt;
}

template <Value (*value)(const Event &)>
Value
if_amount(const Event &event, Timestamp)
{
	return event.limit && !measures_time(*event.limit) ? value(event) : std::nullopt;
}

template <Value (*value)(const Event &)>
Value
always(const Event &event, Timestamp)
{
	return value(event);
}

constexpr bool may_change = true;
constexpr bool is_fixed = false;

constexpr std::array<EventColumn, event_column_count> columns{{
    {"server_start", TIMESTAMPTZOID, is_fixed,
     [](const Event &, Timestamp ring_start) { return timestamp_value(ring_start); }},
    {"number", INT8OID, is_fixed, always<[](const Event &event) -> Value {
	     return Int64GetDatum(static_cast<int64>(event.number));
     }>},
    {"acted_at", TIMESTAMPTZOID, is_fixed,
     always<[](const Event &event) { return timestamp_value(event.at); }>},
    {"actor", TEXTOID, is_fixed, always<[](const Event &event) {
	     return event.actor.is_guard ? text_value("guard") : found_value(event.actor.role);
     }>},
    {"function_name", TEXTOID, is_fixed,
     always<[](const Event &event) { return found_value(event.actor.function); }>},
    {"filters", TEXTOID, is_fixed,
     always<[](const Event &event) { return found_value(event.actor.filters); }>},
    {"pid", INT4OID, is_fixed, always<[](const Event &event) -> Value {
	     return Int32GetDatum(event.subject.backend.id.pid);
     }>},
    {"backend_start", TIMESTAMPTZOID, is_fixed, if_known<[](const Event &event) {
	     return timestamp_value(event.subject.backend.id.backend_start);
     }>},
    {"datname", TEXTOID, is_fixed,
     if_known<[](const Event &event) { return found_value(event.subject.database); }>},
    {"usename", TEXTOID, is_fixed,
     if_known<[](const Event &event) { return found_value(event.subject.user); }>},
    {"application_name", TEXTOID, is_fixed,
     if_known<[](const Event &event) { return found_value(event.subject.application); }>},
    {"client_addr", INETOID, is_fixed,
     if_known<[](const Event &event) { return sql_address(event.subject.address); }>},
    {"state", TEXTOID, is_fixed,
     if_known<[](const Event &event) { return text_value(state_name_of(event.subject.state)); }>},
    {"limit_name", TEXTOID, is_fixed,
     if_limit<[](const Event &event) { return text_value(facts(*event.limit).name.data()); }>},
    {"threshold", INTERVALOID, is_fixed,
     if_time<[](const Event &event) { return interval_value(event.threshold.value); }>},
    {"threshold_amount", INT8OID, is_fixed,
     if_amount<[](const Event &event) { return amount_value(event.threshold.value); }>},
    {"source", TEXTOID, is_fixed, if_limit<source_value>},
    {"measured", INTERVALOID, may_change,
     if_time<[](const Event &event) { return interval_value(event.measured); }>},
    {"measured_amount", INT8OID, may_change,
     if_amount<[](const Event &event) { return amount_value(event.measured); }>},
    {"action", TEXTOID, is_fixed,
     always<[](const Event &event) { return text_value(name_of(event.action).data()); }>},
    {"outcome", TEXTOID, may_change,
     always<[](const Event &event) { return text_value(name_of(event.outcome).data()); }>},
    {"reason", TEXTOID, is_fixed,
     always<[](const Event &event) { return found_value(event.reason); }>},
    {"note", TEXTOID, may_change, always<note_value>},
    {"late", INTERVALOID, is_fixed,
     always<[](const Event &event) { return interval_value(event.late); }>},
    {"gone_after", INTERVALOID, may_change,
     always<[](const Event &event) { return interval_value(event.gone_after); }>},
    {"query", TEXTOID, is_fixed, if_known<query_value>},
}};

constexpr std::size_t
column_named(std::string_view name)
{
	return static_cast<std::size_t>(std::ranges::find(columns, name, &EventColumn::name) -
	                                columns.begin());
}
constexpr std::size_t query_column = column_named("query");
static_assert(query_column < columns.size());

} // namespace

std::span<const EventColumn, event_column_count>
event_columns()
{
	return columns;
}

void
check_event_columns(TupleDesc row_type)
{
	check_column_count(row_type, event_column_count);
	for (int i = 0; i < row_type->natts; i++)
	{
		const EventColumn &column = columns[static_cast<std::size_t>(i)];
		Form_pg_attribute found = TupleDescAttr(row_type, i);

		if (found->atttypid != column.type || strcmp(NameStr(found->attname), column.name) != 0)
			elog(ERROR, "column %d of events is \"%s\" of type %s instead of \"%s\" of type %s",
			     i + 1, NameStr(found->attname), format_type_be(found->atttypid), column.name,
			     format_type_be(column.type));
	}
}

EventRow
event_row(const Event &event, Timestamp ring_start)
{
	EventRow row;

	for (std::size_t i = 0; i < columns.size(); i++)
		if (Value value = columns[i].value(event, ring_start))
			row.set(i, *value);
	return row;
}

void
hide_query(EventRow &row)
{
	row.set_text(query_column, "<insufficient privilege>");
}

} // namespace session_guard
