/*
 * Shared memory: what must outlive the worker, and what others may read.
 */
#pragma once

#include "server/pg.h"

#include "core/budget.h"
#include "core/clock.h"
#include "core/memo.h"
#include "core/policy.h"

#include <cstring>
#include <type_traits>

namespace session_guard
{

/* What session_guard.stats shows.  Written by the guard only, read by anybody. */
struct Counters
{
	pg_atomic_uint64 wake_ups;
	pg_atomic_uint64 scans;
	pg_atomic_uint64 scan_microseconds;
	pg_atomic_uint64 looks;
	pg_atomic_uint64 canceled;
	pg_atomic_uint64 terminated;
	pg_atomic_uint64 logged;
	pg_atomic_uint64 raced;
	/* TimestampTz of the last full scan, and what it found. */
	pg_atomic_uint64 last_scan;
	pg_atomic_uint64 sessions;
	pg_atomic_uint64 deadlines;
};

struct Shared
{
	/* The process that is the guard, or is about to be; 0 if none is. */
	pg_atomic_uint32 office;
	/* The guard that is at work now; 0 if none is. */
	pg_atomic_uint32 worker_pid;
	pg_atomic_uint64 worker_start;
	/* How often in a row a guard has gone away before it was connected. */
	pg_atomic_uint32 failed_starts;
	/* Grows with each commit of ALTER ROLE or ALTER DATABASE SET. */
	pg_atomic_uint32 stored_changes;
	Counters counters;
	/*
	 * Written by the guard only; others read copies (copy_shared()).  After
	 * this come one memo and one listener's mark per place in the
	 * backend-status array, MaxBackends of each.
	 */
	Clock clock;
	Budget budget;
	/* When the log last said that the budget is spent, by the monotonic clock. */
	Duration said_spent_at;
	/* The server's configuration, without what is stored for roles and databases. */
	Policy configured;
};

/* Ask for the memory, at postmaster start. */
void request_shared_memory();

/* The memory; nullptr if the library was not preloaded, or an error. */
Shared *shared();
Shared &shared_or_error();

/* The memo of a place in the backend-status array. */
Memo &memo_of(int slot);

/* Holds the backend_start of the session in a place if that listens on a channel. */
pg_atomic_uint64 &listener_mark(int slot);

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

} // namespace session_guard
