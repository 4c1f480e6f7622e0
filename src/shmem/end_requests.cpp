/*
 * Sessions that are asked to end (see end_requests.h).
 */
#include "shmem/end_requests.h"

#include "pg/compat.h"

namespace session_guard
{

namespace
{

/* The backend_start of the session that is asked; 0 if none is. */
pg_atomic_uint64 *requests = nullptr;

} // namespace

Size
end_requests_size()
{
	return mul_size(sizeof(pg_atomic_uint64), static_cast<Size>(MaxBackends));
}

void
end_requests_init(void *memory, bool found)
{
	requests = static_cast<pg_atomic_uint64 *>(memory);
	if (found)
		return;
	for (int slot = 0; slot < MaxBackends; slot++)
		pg_atomic_init_u64(&requests[slot], 0);
}

void
request_end(int slot, const SessionId &session)
{
	pg_atomic_write_u64(&requests[slot], static_cast<uint64>(session.backend_start));
	/* It is there before the session is woken. */
	pg_memory_barrier();
}

bool
withdraw_end(int slot, const SessionId &session)
{
	auto start = static_cast<uint64>(session.backend_start);

	return pg_atomic_compare_exchange_u64(&requests[slot], &start, 0);
}

bool
is_end_requested()
{
	return requests != nullptr && MyBEEntry != nullptr && own_status_slot() < MaxBackends &&
	       pg_atomic_read_u64(&requests[own_status_slot()]) ==
	           static_cast<uint64>(MyStartTimestamp);
}

bool
take_end_request()
{
	return withdraw_end(own_status_slot(), {.pid = MyProcPid, .backend_start = MyStartTimestamp});
}

} // namespace session_guard
