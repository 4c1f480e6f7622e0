/*
 * The functions behind session_guard.stats and session_guard.limit_stats, and
 * the one that sets these counters, and those of rules, to 0.
 */
#include "pg/result_row.h"

#include "settings/settings.h"

#include "shmem/counters.h"
#include "shmem/published_rules.h"
#include "shmem/shared_memory.h"
#include "shmem/worker_slot.h"

#include "status/sql_values.h"

#include <algorithm>
#include <array>

extern "C"
{
	PG_FUNCTION_INFO_V1(session_guard_stats);
	PG_FUNCTION_INFO_V1(session_guard_limit_stats);
	PG_FUNCTION_INFO_V1(session_guard_reset_stats);
}

namespace session_guard
{

namespace
{

/* A column of session_guard.get_stats(). */
enum Column
{
	WorkerPid,
	WorkerStart,
	HistoryPid,
	HistoryStart,
	ModeName,
	LimitNames,
	LastHeartbeat,
	WakeUps,
	Scans,
	ScanTime,
	Evaluations,
	LastScan,
	NextScan,
	Sessions,
	Deadlines,
	PolicyTime,
	LockSkips,
	DeadlinesMet,
	Logged,
	CancelsSent,
	TerminatesSent,
	Canceled,
	Terminated,
	Survived,
	Gone,
	Raced,
	Requests,
	PreparedOverAge,
	PreparedNamed,
	LateP50,
	LateP99,
	LateMax,
	EventsLost,
	HistoryRows,
	HistoryFailures,
	ErrorText,
	ErrorTime,
	StatsReset,
	ColumnCount,
};
using StatsRow = ResultRow<ColumnCount>;

/* A column of session_guard.get_limit_stats(). */
enum LimitColumn
{
	LimitName,
	LimitDeadlinesMet,
	LimitLogged,
	LimitCancelsSent,
	LimitTerminatesSent,
	LimitCanceled,
	LimitTerminated,
	LimitSurvived,
	LimitGone,
	LimitRaced,
	LimitLateP50,
	LimitLateP99,
	LimitLateMax,
	LimitColumnCount,
};
using LimitStatsRow = ResultRow<LimitColumnCount>;

/* Where a counter of a limit is shown, and where the sum over all limits. */
struct CountedByLimit
{
	LimitColumn limit_column;
	Column column;
	pg_atomic_uint64 LimitCounters::*counter;
};
constexpr CountedByLimit counted_by_limit[] = {
    {LimitDeadlinesMet, DeadlinesMet, &LimitCounters::deadlines_met},
    {LimitLogged, Logged, &LimitCounters::logged},
    {LimitCancelsSent, CancelsSent, &LimitCounters::cancels_sent},
    {LimitTerminatesSent, TerminatesSent, &LimitCounters::terminates_sent},
    {LimitCanceled, Canceled, &LimitCounters::canceled},
    {LimitTerminated, Terminated, &LimitCounters::terminated},
    {LimitSurvived, Survived, &LimitCounters::survived},
    {LimitGone, Gone, &LimitCounters::gone},
    {LimitRaced, Raced, &LimitCounters::raced},
};

std::uint64_t
read(pg_atomic_uint64 &counter)
{
	return pg_atomic_read_u64(&counter);
}

Datum
number(std::uint64_t value)
{
	return Int64GetDatum(static_cast<int64>(value));
}

/* The sum of a counter over all limits. */
std::uint64_t
sum(pg_atomic_uint64 LimitCounters::*counter)
{
	std::uint64_t all = 0;

	for (LimitCounters &limit : shared_counters().limits)
		all += read(limit.*counter);
	return all;
}

/* How late actions were, for one limit or several. */
struct Lateness
{
	Histogram histogram{};
	Duration greatest = 0;

	void
	add(LimitCounters &limit)
	{
		for (std::size_t range = 0; range < histogram_size; range++)
			histogram[range] += read(limit.lateness[range]);
		greatest = std::max(greatest, static_cast<Duration>(read(limit.greatest_lateness)));
	}
};

/* Set the median, the 99th percentile and the maximum; NULL if nobody was acted on. */
template <typename AnyRow>
void
set_lateness(AnyRow &row, int first_column, const Lateness &lateness)
{
	auto column = static_cast<std::size_t>(first_column);

	for (int percent : {50, 99, 100})
	{
		if (std::optional<Duration> late =
		        percentile(lateness.histogram, percent, lateness.greatest))
			row.set(column, sql_interval(*late));
		column++;
	}
}

/* Set a point in time, unless there has been none. */
void
set_time(StatsRow &row, Column column, std::uint64_t time)
{
	if (time != 0)
		row.set(column, TimestampTzGetDatum(static_cast<TimestampTz>(time)));
}

void
set_worker(StatsRow &row, WorkerKind kind, Column pid_column, Column start_column)
{
	WorkerSlot &slot = worker_slot(kind);
	uint32 pid = pg_atomic_read_u32(&slot.worker_pid);

	if (pid == 0)
		return;
	row.set(pid_column, UInt32GetDatum(pid));
	set_time(row, start_column, read(slot.worker_start));
}

void
set_last_error(StatsRow &row)
{
	WorkerError error = last_error();

	if (error.at == unknown_time)
		return;
	row.set(ErrorText, PointerGetDatum(sql_text_cut(error.message.data(), error.message.size())));
	row.set(ErrorTime, TimestampTzGetDatum(error.at));
}

/* The names of limits, given a bit for each. */
Datum
limit_names(std::uint64_t limits)
{
	std::array<Datum, limit_count> names;
	int count = 0;

	for (Limit limit : all_limits)
		if ((limits & bit_of(limit)) != 0)
			names[static_cast<std::size_t>(count++)] =
			    CStringGetTextDatum(facts(limit).name.data());
	return PointerGetDatum(construct_array(names.data(), count, TEXTOID, -1, false, TYPALIGN_INT));
}

/* What the guard goes by, if there is one. */
void
set_plans(StatsRow &row)
{
	Gauges &gauges = shared_gauges();

	set_time(row, LastHeartbeat, read(gauges.last_heartbeat));
	if (pg_atomic_read_u32(&worker_slot(WorkerKind::Guard).worker_pid) == 0)
		return;
	row.set_text(ModeName, name_of(static_cast<Mode>(read(gauges.mode))));
	row.set(LimitNames, limit_names(read(gauges.limits)));
	set_time(row, NextScan, read(gauges.next_scan));
	row.set(PreparedOverAge, number(read(gauges.prepared_over_age)));
}

/* What the guard has counted at each wake-up. */
void
set_work(StatsRow &row)
{
	Counters &counters = shared_counters();
	Gauges &gauges = shared_gauges();

	row.set(WakeUps, number(read(counters.wake_ups)));
	row.set(Scans, number(read(counters.scans)));
	row.set(ScanTime,
	        Float8GetDatum(static_cast<double>(read(counters.scan_microseconds)) / 1000.0));
	row.set(Evaluations, number(read(counters.evaluations)));
	row.set(LockSkips, number(read(counters.lock_skips)));
	set_time(row, PolicyTime, read(gauges.policy_time));
	set_time(row, LastScan, read(gauges.last_scan));
	if (read(gauges.last_scan) == 0)
		return;
	row.set(Sessions, number(read(gauges.sessions)));
	row.set(Deadlines, number(read(gauges.deadlines)));
}

/* What was done, and what became of it. */
void
set_actions(StatsRow &row)
{
	Lateness lateness;

	for (const CountedByLimit &counted : counted_by_limit)
		row.set(counted.column, number(sum(counted.counter)));
	row.set(Requests, number(read(shared_counters().requests)));
	row.set(PreparedNamed, number(read(shared_counters().prepared_named)));
	for (LimitCounters &limit : shared_counters().limits)
		lateness.add(limit);
	set_lateness(row, LateP50, lateness);
}

StatsRow
stats_row()
{
	Counters &counters = shared_counters();
	StatsRow row;

	set_worker(row, WorkerKind::Guard, WorkerPid, WorkerStart);
	set_worker(row, WorkerKind::History, HistoryPid, HistoryStart);
	set_plans(row);
	set_work(row);
	set_actions(row);
	row.set(EventsLost, number(read(counters.events_lost)));
	row.set(HistoryRows, number(read(counters.history_rows)));
	row.set(HistoryFailures, number(read(counters.history_failures)));
	set_last_error(row);
	set_time(row, StatsReset, read(shared_gauges().stats_reset));
	return row;
}

LimitStatsRow
limit_row(Limit limit)
{
	LimitCounters &counters = shared_counters().limits[index_of(limit)];
	LimitStatsRow row;
	Lateness lateness;

	row.set_text(LimitName, facts(limit).name.data());
	for (const CountedByLimit &counted : counted_by_limit)
		row.set(counted.limit_column, number(read(counters.*counted.counter)));
	lateness.add(counters);
	set_lateness(row, LimitLateP50, lateness);
	return row;
}

void
put_limit_rows(ReturnSetInfo &result)
{
	for (Limit limit : all_limits)
		limit_row(limit).put(result);
}

} // namespace

} // namespace session_guard

/* What was done since the counters were set to 0: one row. */
Datum
session_guard_stats(PG_FUNCTION_ARGS)
{
	using namespace session_guard;

	require_shared_memory();
	return stats_row().datum(fcinfo);
}

/* The same for each limit. */
Datum
session_guard_limit_stats(PG_FUNCTION_ARGS)
{
	using namespace session_guard;

	require_shared_memory();
	InitMaterializedSRF(fcinfo, 0);
	put_limit_rows(*reinterpret_cast<ReturnSetInfo *>(fcinfo->resultinfo));
	return Datum{0};
}

/* Set the counters to 0. */
Datum
session_guard_reset_stats(PG_FUNCTION_ARGS)
{
	using namespace session_guard;

	(void)fcinfo;
	require_shared_memory();
	reset_counters();
	reset_rule_counters();
	PG_RETURN_VOID();
}
