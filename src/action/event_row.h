/*
 * Events as SQL has them: a row of session_guard.event and of
 * session_guard.history.
 */
#pragma once

#include "pg/result_row.h"

#include "action/events.h"

namespace session_guard
{

/* The columns of both, in their request. */
enum class EventColumn : std::uint8_t
{
	ServerStart,
	Number,
	ActedAt,
	Actor,
	FunctionName,
	Filters,
	Pid,
	BackendStart,
	DatabaseName,
	UserName,
	ApplicationName,
	ClientAddress,
	StateName,
	LimitName,
	Threshold,
	Source,
	Measured,
	Action,
	Outcome,
	ClientMessage,
	Note,
	Late,
	GoneAfter,
	Query,
};
inline constexpr int event_columns = static_cast<int>(EventColumn::Query) + 1;
using EventRow = ResultRow<event_columns>;

/* The row of an event of the ring that was made at this moment. */
EventRow event_row(const Event &event, Timestamp ring_start);

} // namespace session_guard
