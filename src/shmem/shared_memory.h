/*
 * Shared memory: what must outlive the worker, and what others may read.
 */
#pragma once

#include "core/budget.h"
#include "core/histogram.h"
#include "core/policy.h"
#include "core/tracking_state.h"
#include "core/wall_clock.h"

#include "pg/pg.h"

#include "shmem/published.h"

#include <cstring>
#include <type_traits>

namespace session_guard
{

/* What there is a worker for. */
enum class WorkerKind : std::uint8_t
{
	Guard,
	History,
};
inline constexpr std::size_t worker_kind_count = 2;

/* A kind, which one worker at a time holds. */
struct WorkerSlot
{
	/* The process that holds it, or is about to; 0 if none does. */
	pg_atomic_uint32 owner;
	/* The worker that is connected and at work; 0 if none is. */
	pg_atomic_uint32 worker_pid;
	pg_atomic_uint64 worker_start;
	/* How often in a row a worker has failed at its start, or soon after (worker.cpp). */
	pg_atomic_uint32 failed_starts;
	/* 1 from the call that wakes the worker to give way (worker/give_way.h) until it looks. */
	pg_atomic_uint32 is_called_off;
};

/* What the guard has done for one limit. */
struct LimitCounters
{
	/* Verdicts that came to be carried out. */
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
	/* How late the punctual ones were: nobody made them wait. */
	std::array<pg_atomic_uint64, histogram_size> lateness;
	pg_atomic_uint64 greatest_lateness;
};

/* What session_guard.stats shows; read by anybody. */
struct Counters
{
	/* By the guard. */
	pg_atomic_uint64 wake_ups;
	pg_atomic_uint64 scans;
	pg_atomic_uint64 scan_microseconds;
	pg_atomic_uint64 evaluations;
	/* How often it found a catalog locked and went on without. */
	pg_atomic_uint64 lock_skips;
	std::array<LimitCounters, limit_count> limits;
	/* By the functions. */
	pg_atomic_uint64 requests;
	/* Events that have given way before they were in the history. */
	pg_atomic_uint64 events_lost;
	/* By the history writer. */
	pg_atomic_uint64 history_rows;
	pg_atomic_uint64 history_failures;
};

/* What is so at present, and is not counted. */
struct Gauges
{
	/*
	 * What the guard that is at work goes by: a Mode, a bit for each limit in
	 * force, and when its next scan is due (TimestampTz).
	 */
	pg_atomic_uint64 mode;
	pg_atomic_uint64 limits;
	pg_atomic_uint64 next_scan;
	/* When it has last read the clocks, which it does all the time, whatever it goes by. */
	pg_atomic_uint64 last_heartbeat;
	/* TimestampTz of the last scan, and what it found. */
	pg_atomic_uint64 last_scan;
	pg_atomic_uint64 sessions;
	pg_atomic_uint64 deadlines;
	/* When what is stored for roles and databases was last known to be as it was read. */
	pg_atomic_uint64 policy_time;
	/* When the counters were last set to 0. */
	pg_atomic_uint64 stats_reset;
};

/* The last error of one of the workers. */
struct LastError
{
	slock_t lock;
	Timestamp at;
	std::array<char, 256> message;
};

struct MessageSlot;
struct EventRing;

struct Shared
{
	std::array<WorkerSlot, worker_kind_count> worker_slots;
	/* Grows with each commit of ALTER ROLE or ALTER DATABASE SET. */
	pg_atomic_uint32 stored_changes;
	/* 1 from the call that wakes the guard for one of them until it reads. */
	pg_atomic_uint32 guard_was_called;
	Counters counters;
	Gauges gauges;
	LastError last_error;
	/* Written by the guard only; others read copies (copy_shared()). */
	Clock clock;
	Budget budget;
	/* When the log last said that the budget is spent, by the monotonic clock. */
	Instant said_spent_at;
	/* The server's configuration, without what is stored for roles and databases. */
	Policy configured;
	/* One for each place in the backend-status array: MaxBackends. */
	TrackingState *tracking_states;
	pg_atomic_uint64 *listener_marks;
	PublishedSlot *published;
	MessageSlot *reasons;
	EventRing *events;
};

/* Ask for the memory, at postmaster start. */
void request_shared_memory();

/* The memory; nullptr if the library was not preloaded, or an error. */
Shared *shared();
Shared &shared_or_error();

WorkerSlot &worker_slot(WorkerKind kind);

/* Is the process one of the workers, connected and at work? */
bool is_worker(int pid);

/* Wake the worker that holds a kind, if one does. */
void wake(WorkerKind kind);

/* Note an error of a worker. */
void note_error(const char *message);

/* Set all counters to 0. */
void reset_counters();

/* The tracking of a place in the backend-status array. */
TrackingState &tracking_of(int slot);

/* Holds the backend_start of the session in a place if that listens on a channel. */
pg_atomic_uint64 &listener_mark(int slot);

/* What the session in a place publishes of itself. */
PublishedSlot &published_slot(int slot);

/*
 * Copy what the guard may be writing to, until two copies are alike.  A writer
 * that sleeps in the middle can still leave a mixture: it will do to show, and
 * to measure by, but the guard itself never decides by a copy.
 */
template <typename T>
T
copy_shared(const T &original)
{
	static_assert(std::is_trivially_copyable_v<T>);
	T copy;
	T again;

	for (int tries = 0; tries < 100; tries++)
	{
		memcpy(&copy, &original, sizeof(T));
		pg_read_barrier();
		memcpy(&again, &original, sizeof(T));
		if (memcmp(&copy, &again, sizeof(T)) == 0)
			break;
	}
	return copy;
}

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

} // namespace session_guard
