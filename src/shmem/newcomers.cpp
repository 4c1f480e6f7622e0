/*
 * What new connections and the guard tell each other (see newcomers.h).
 */
#include "shmem/newcomers.h"

#include "shmem/worker_slot.h"

namespace session_guard
{

namespace
{

struct Newcomers
{
	/* 1 from the call that wakes the guard until it looks. */
	pg_atomic_uint32 guard_was_called;
	pg_atomic_uint32 waiting;
	pg_atomic_uint64 nobody_before;
};

Newcomers *newcomers = nullptr;

} // namespace

Size
newcomers_size()
{
	return sizeof(Newcomers);
}

void
newcomers_init(void *memory, bool found)
{
	newcomers = static_cast<Newcomers *>(memory);
	if (found)
		return;
	pg_atomic_init_u32(&newcomers->guard_was_called, 0);
	pg_atomic_init_u32(&newcomers->waiting, 0);
	pg_atomic_init_u64(&newcomers->nobody_before, 0);
}

void
ask_for_room()
{
	wake_once(WorkerKind::Guard, newcomers->guard_was_called);
}

bool
is_asked_for_room()
{
	return pg_atomic_read_u32(&newcomers->guard_was_called) != 0;
}

bool
take_request_for_room()
{
	return pg_atomic_exchange_u32(&newcomers->guard_was_called, 0) != 0;
}

void
begin_to_wait()
{
	pg_atomic_fetch_add_u32(&newcomers->waiting, 1);
}

void
end_waiting()
{
	pg_atomic_fetch_sub_u32(&newcomers->waiting, 1);
}

int
waiting_newcomers()
{
	return static_cast<int>(pg_atomic_read_u32(&newcomers->waiting));
}

void
publish_nobody_to_go_before(Instant at)
{
	pg_atomic_write_u64(&newcomers->nobody_before, static_cast<uint64>(at));
}

Instant
nobody_to_go_before()
{
	return static_cast<Instant>(pg_atomic_read_u64(&newcomers->nobody_before));
}

} // namespace session_guard
