/*
 * Shared memory (see shared.h).
 */
#include "server/shared.h"

namespace session_guard
{

namespace
{

Shared *state = nullptr;

Size
shared_size()
{
	return add_size(MAXALIGN(sizeof(Shared)),
	                mul_size(sizeof(Memo), static_cast<Size>(MaxBackends)));
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
init_shared(void *memory)
{
	auto fresh = static_cast<Shared *>(memory);

	pg_atomic_init_u32(&fresh->office, 0);
	pg_atomic_init_u32(&fresh->worker_pid, 0);
	pg_atomic_init_u64(&fresh->worker_start, 0);
	pg_atomic_init_u32(&fresh->failed_starts, 0);
	init_counters(fresh->counters);
}

const SharedArea area{.name = "pg_session_guard",
                      .size = shared_size,
                      .init = init_shared,
                      .pointer = reinterpret_cast<void **>(&state)};

} // namespace

void
request_shared_memory()
{
	register_shared_area(area);
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
