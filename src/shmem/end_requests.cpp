/*
 * Sessions that are asked to end (see end_requests.h).
 */
#include "shmem/end_requests.h"

#include "pg/compat.h"

namespace session_guard
{

namespace
{

/*
 * The backend_start of the session that is asked; its complement if the session is ending for
 * that; 0 if none is.
 */
pg_atomic_uint64 *requests = nullptr;

/* Change what is in a place if it is this; false if it is not. */
bool
replace(int slot, uint64 present, uint64 by)
{
	return pg_atomic_compare_exchange_u64(&requests[slot], &present, by);
}

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
	auto start = static_cast<uint64>(session.backend_start);
	uint64 present = pg_atomic_read_u64(&requests[slot]);

	/* It is there before the session is woken: this is a barrier, too. */
	while (present != start && present != ~start && !replace(slot, present, start))
		present = pg_atomic_read_u64(&requests[slot]);
}

bool
withdraw_end(int slot, const SessionId &session)
{
	return replace(slot, static_cast<uint64>(session.backend_start), 0);
}

bool
is_end_requested()
{
	return requests != nullptr && has_own_status_slot() &&
	       pg_atomic_read_u64(&requests[own_status_slot()]) ==
	           static_cast<uint64>(MyStartTimestamp);
}

bool
take_end_request()
{
	auto start = static_cast<uint64>(MyStartTimestamp);

	return replace(own_status_slot(), start, ~start);
}

} // namespace session_guard
