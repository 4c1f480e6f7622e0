/*
 * Shared memory (see shared.h).
 */
#include "server/shared.h"

namespace session_guard
{

namespace
{

Shared *state = nullptr;
shmem_request_hook_type previous_request_hook = nullptr;
shmem_startup_hook_type previous_startup_hook = nullptr;

Size
shared_size()
{
	return add_size(MAXALIGN(sizeof(Shared)),
	                mul_size(sizeof(Memo), static_cast<Size>(MaxBackends)));
}

void
request_memory()
{
	if (previous_request_hook)
		previous_request_hook();
	RequestAddinShmemSpace(shared_size());
}

void
init_counters(Counters &counters)
{
	for (pg_atomic_uint64 *counter :
	     {&counters.wake_ups, &counters.scans, &counters.scan_microseconds, &counters.looks,
	      &counters.canceled, &counters.terminated, &counters.logged, &counters.raced,
	      &counters.last_scan, &counters.sessions, &counters.deadlines})
		pg_atomic_init_u64(counter, 0);
}

void
start_memory()
{
	bool found;

	if (previous_startup_hook)
		previous_startup_hook();

	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	state = static_cast<Shared *>(ShmemInitStruct("pg_session_guard", shared_size(), &found));
	if (!found)
	{
		MemSet(state, 0, shared_size());
		pg_atomic_init_u32(&state->worker_pid, 0);
		pg_atomic_init_u64(&state->worker_start, 0);
		pg_atomic_init_u32(&state->failed_starts, 0);
		init_counters(state->counters);
	}
	LWLockRelease(AddinShmemInitLock);
}

} // namespace

void
request_shared_memory()
{
	previous_request_hook = shmem_request_hook;
	shmem_request_hook = request_memory;
	previous_startup_hook = shmem_startup_hook;
	shmem_startup_hook = start_memory;
}

Shared *
shared()
{
	return state;
}

Memo &
memo_of(int slot)
{
	char *memos = reinterpret_cast<char *>(state) + MAXALIGN(sizeof(Shared));

	return reinterpret_cast<Memo *>(memos)[slot];
}

} // namespace session_guard
