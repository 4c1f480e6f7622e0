/*
 * Events as SQL has them (see event_row.h).
 */
#include "action/event_row.h"

#include "core/messages.h"

#include "status/sql_values.h"

#include <algorithm>
#include <span>

namespace session_guard
{

namespace
{

constexpr std::size_t
at(EventColumn column)
{
	return static_cast<std::size_t>(column);
}

/* Set a text as it was found, in this much room; NULL if it is empty. */
void
set_found(EventRow &row, EventColumn column, std::span<const char> value, std::size_t room)
{
	if (value.front() != '\0')
		row.set(at(column), PointerGetDatum(sql_text_cut(value.data(), room)));
}

void
set_found(EventRow &row, EventColumn column, std::span<const char> value)
{
	set_found(row, column, value, value.size());
}

void
set_actor(EventRow &row, const Actor &actor)
{
	if (actor.is_guard)
		return row.set_text(at(EventColumn::Actor), "guard");
	set_found(row, EventColumn::Actor, actor.role);
	set_found(row, EventColumn::FunctionName, actor.function);
	set_found(row, EventColumn::Filters, actor.filters);
}

void
set_subject(EventRow &row, const Subject &subject)
{
	row.set(at(EventColumn::Pid), Int32GetDatum(subject.backend.id.pid));
	if (!subject.is_known)
		return;
	row.set(at(EventColumn::BackendStart), TimestampTzGetDatum(subject.backend.id.backend_start));
	set_found(row, EventColumn::DatabaseName, subject.database);
	set_found(row, EventColumn::UserName, subject.user);
	set_found(row, EventColumn::ApplicationName, subject.application);
	if (std::optional<Datum> address = sql_address(subject.address))
		row.set(at(EventColumn::ClientAddress), *address);
	row.set_text(at(EventColumn::StateName), state_name_of(subject.state));
	/* Whichever was shorter has cut it. */
	set_found(row, EventColumn::Query, subject.query, std::min(subject.query.size(), query_size()));
}

/* Set what the guard has acted by. */
void
set_limit(EventRow &row, const Event &event)
{
	std::array<char, 320> buffer;
	Text source(buffer);

	if (!event.limit)
		return;
	row.set_text(at(EventColumn::LimitName), facts(*event.limit).name.data());
	row.set(at(EventColumn::Threshold), sql_interval(event.threshold.value));
	append_source(source, event.threshold.source,
	              {.role = event.subject.user.data(), .database = event.subject.database.data()});
	set_found(row, EventColumn::Source, buffer);
	row.set(at(EventColumn::Measured), sql_interval(event.measured));
}

/* What is to be said of an event besides its outcome, and how often it was repeated. */
void
set_note(EventRow &row, const Event &event)
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
	set_found(row, EventColumn::Note, buffer);
}

} // namespace

EventRow
event_row(const Event &event, Timestamp ring_start)
{
	EventRow row;

	row.set(at(EventColumn::ServerStart), TimestampTzGetDatum(ring_start));
	row.set(at(EventColumn::Number), Int64GetDatum(static_cast<int64>(event.number)));
	row.set(at(EventColumn::ActedAt), TimestampTzGetDatum(event.at));
	set_actor(row, event.actor);
	set_subject(row, event.subject);
	set_limit(row, event);
	row.set_text(at(EventColumn::Action), name_of(event.action).data());
	row.set_text(at(EventColumn::Outcome), name_of(event.outcome).data());
	set_found(row, EventColumn::ClientMessage, event.reason);
	set_note(row, event);
	if (event.late)
		row.set(at(EventColumn::Late), sql_interval(*event.late));
	if (event.gone_after)
		row.set(at(EventColumn::GoneAfter), sql_interval(*event.gone_after));
	return row;
}

} // namespace session_guard
