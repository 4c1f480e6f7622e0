/*
 * Counters and gauges: what session_guard.stats shows.  Anybody may read them.
 */
#pragma once

#include "core/histogram.h"
#include "core/limits.h"

#include "pg/pg.h"

#include <array>

namespace session_guard
{

/* What has become of verdicts. */
struct VerdictCounters
{
	/* Verdicts whose deadline was met. */
	pg_atomic_uint64 deadlines_met;
	/* With mode = log. */
	pg_atomic_uint64 logged;
	/* Signals. */
	pg_atomic_uint64 cancels_sent;
	pg_atomic_uint64 terminates_sent;
	/* Their outcomes. */
	pg_atomic_uint64 canceled;
	pg_atomic_uint64 terminated;
	pg_atomic_uint64 survived;
	pg_atomic_uint64 gone;
	pg_atomic_uint64 raced;
};

/* What the guard has done for one limit. */
struct LimitCounters : VerdictCounters
{
	/* How late those were that nothing kept from being in time. */
	std::array<pg_atomic_uint64, histogram_size> lateness;
	pg_atomic_uint64 greatest_lateness;
};

struct Counters
{
	/* By the guard. */
	pg_atomic_uint64 wake_ups;
	pg_atomic_uint64 scans;
	pg_atomic_uint64 scan_microseconds;
	pg_atomic_uint64 evaluations;
	/* How often a worker found a catalog locked and went on without. */
	pg_atomic_uint64 lock_skips;
	std::array<LimitCounters, limit_count> limits;
	/* Prepared transactions that the log has named, or counted, for their age. */
	pg_atomic_uint64 prepared_named;
	/* By the functions. */
	pg_atomic_uint64 requests;
	/* Events that have given way before they were in the history. */
	pg_atomic_uint64 events_lost;
	/* By the history writer. */
	pg_atomic_uint64 history_rows;
	pg_atomic_uint64 history_failures;
};

/* The present state, which is not counted. */
struct Gauges
{
	/*
	 * What the guard that is at work goes by: a Mode, a bit for each limit in
	 * force, and when its next scan is due (TimestampTz).
	 */
	pg_atomic_uint64 mode;
	pg_atomic_uint64 limits;
	pg_atomic_uint64 next_scan;
	/* When the guard has last read the clocks, which it does all the time, in any mode. */
	pg_atomic_uint64 last_heartbeat;
	/* TimestampTz of the last scan, and what it found. */
	pg_atomic_uint64 last_scan;
	pg_atomic_uint64 sessions;
	pg_atomic_uint64 deadlines;
	/* How many prepared transactions were over the limit on their age when they were last read. */
	pg_atomic_uint64 prepared_over_age;
	/* When the settings stored for roles and databases were last known to be as they were read. */
	pg_atomic_uint64 policy_time;
	/* When the counters were last set to 0. */
	pg_atomic_uint64 stats_reset;
};

Size counters_size();
void counters_init(void *memory, bool found);

/* Only where there is shared memory. */
Counters &shared_counters();
Gauges &shared_gauges();

/* Set all counters to 0. */
void reset_counters();

inline void
count(pg_atomic_uint64 &counter, int64 by = 1)
{
	pg_atomic_fetch_add_u64(&counter, by);
}

/* Take one back that was counted too early, unless the counter was set to 0 since. */
inline void
uncount(pg_atomic_uint64 &counter)
{
	uint64 value = pg_atomic_read_u64(&counter);

	while (value > 0 && !pg_atomic_compare_exchange_u64(&counter, &value, value - 1))
		continue;
}

/* The last error of one of the workers. */
struct WorkerError
{
	/* unknown_time if there was none. */
	Timestamp at;
	std::array<char, 256> message;
};

/*
 * Note an error of a worker, and what has failed by it, if that was not the worker itself.  May be
 * called while it is being reported.
 */
void note_error(const char *message, const char *failure = nullptr);

WorkerError last_error();

} // namespace session_guard
