/*
 * Shared memory (see shared.h).
 */
#include "server/shared.h"

#include "server/settings.h"

namespace session_guard
{

namespace
{

Shared *state = nullptr;

Size
shared_size()
{
	return add_size(MAXALIGN(sizeof(Shared)), mul_size(sizeof(Memo) + sizeof(pg_atomic_uint64),
	                                                   static_cast<Size>(MaxBackends)));
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

char *
after_struct(void *memory)
{
	return static_cast<char *>(memory) + MAXALIGN(sizeof(Shared));
}

/* The marks follow the memos; both are multiples of eight bytes. */
pg_atomic_uint64 *
mark_in(void *memory, int slot)
{
	static_assert(sizeof(Memo) % alignof(pg_atomic_uint64) == 0);
	char *marks = after_struct(memory) + sizeof(Memo) * static_cast<std::size_t>(MaxBackends);

	return reinterpret_cast<pg_atomic_uint64 *>(marks) + slot;
}

void
init_shared(void *memory)
{
	auto fresh = static_cast<Shared *>(memory);

	pg_atomic_init_u32(&fresh->office, 0);
	pg_atomic_init_u32(&fresh->worker_pid, 0);
	pg_atomic_init_u64(&fresh->worker_start, 0);
	pg_atomic_init_u32(&fresh->failed_starts, 0);
	pg_atomic_init_u32(&fresh->stored_changes, 0);
	init_counters(fresh->counters);
	fresh->configured = configured_policy();
	for (int slot = 0; slot < MaxBackends; slot++)
		pg_atomic_init_u64(mark_in(memory, slot), 0);
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

Shared &
shared_or_error()
{
	if (state == nullptr)
		ereport(ERROR,
		        (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
		         errmsg("pg_session_guard must be loaded via \"shared_preload_libraries\"")));
	return *state;
}

Memo &
memo_of(int slot)
{
	return reinterpret_cast<Memo *>(after_struct(state))[slot];
}

pg_atomic_uint64 &
listener_mark(int slot)
{
	return *mark_in(state, slot);
}

} // namespace session_guard
