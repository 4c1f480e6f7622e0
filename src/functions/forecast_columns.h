/*
 * The columns that tell what a limit will bring for a session, alike in all views.
 */
#pragma once

#include "core/forecast.h"

#include "status/sql_values.h"

#include "functions/present_session.h"

#include <algorithm>

namespace session_guard
{

/* Where a value is set, in words. */
const char *source_text(const PresentSession &present, const Rules &rules, Source source,
                        std::int32_t rule);

/* Why a session is spared, or what was done already; nullptr if neither. */
const char *spared_text(const PresentSession &present, const Forecast &forecast);

/* Why a session is spared from all limits; nullptr if it is not. */
const char *exemption_text(const PresentSession &present);

/* What will be done. */
const char *action_text(const PresentSession &present, Limit limit, const Forecast &forecast);

/*
 * When an episode began by the wall clock: the server's stamp of it, unless the
 * clock was set since, or it counts from another moment.
 */
Timestamp shown_start(const PresentSession &present, const Episode &episode);

/* Where a row has what a limit measures: a time, or a number. */
struct AmountColumns
{
	std::size_t time;
	std::size_t number;
};

template <typename Row>
void
set_amount(Row &row, Limit limit, const AmountColumns &columns, std::int64_t value)
{
	if (measures_time(limit))
		row.set(columns.time, sql_interval(value));
	else
		row.set(columns.number, Int64GetDatum(value));
}

/* Where they are in a row; not all rows tell what is measured. */
struct ForecastColumns
{
	std::optional<std::size_t> since;
	std::optional<AmountColumns> measured;
	std::size_t due_at;
	std::size_t action;
	std::size_t spared;
};

/* Set what is shown only to those to whom pg_stat_activity shows what the session does. */
template <typename Row>
void
set_forecast(Row &row, const ForecastColumns &columns, const PresentSession &present, Limit limit)
{
	Forecast forecast = session_guard::forecast(limit, present.snapshot.session, present.tracking,
	                                            present.policy, present.now);

	row.set_text(columns.spared, spared_text(present, forecast));
	row.set_text(columns.action, action_text(present, limit, forecast));
	if (!forecast.verdict)
		return;
	const Episode &episode = forecast.verdict->episode;
	Timestamp since = shown_start(present, episode);
	if (columns.since)
		row.set(*columns.since, TimestampTzGetDatum(since));
	if (columns.measured)
		set_amount(row, limit, *columns.measured,
		           std::max<std::int64_t>(0, forecast.verdict->measured));
	if (forecast.due_at != never)
		row.set(columns.due_at, TimestampTzGetDatum(later(since, forecast.due_at - episode.start)));
}

} // namespace session_guard
