/*
 * Shared memory: what must outlive the worker, and what others may read.
 */
#pragma once

#include "server/pg.h"

#include "core/clock.h"
#include "core/memo.h"

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
	Counters counters;
	/*
	 * Read and written by the guard only.  The memos follow: one per place in
	 * the backend-status array, MaxBackends in all.
	 */
	Clock clock;
};

/* Ask for the memory, at postmaster start. */
void request_shared_memory();

/* The memory; nullptr if the library was not preloaded. */
Shared *shared();

/* The memo of a place in the backend-status array. */
Memo &memo_of(int slot);

inline void
count(pg_atomic_uint64 &counter, int64 by = 1)
{
	pg_atomic_fetch_add_u64(&counter, by);
}

} // namespace session_guard
