/*
 * Tracking states and listener marks (see tracking.h).
 */
#include "shmem/tracking.h"

namespace session_guard
{

namespace
{

using TrackingSlot = SharedValue<TrackingState>;

/* Arrays of MaxBackends, one after the other. */
TrackingSlot *states = nullptr;
pg_atomic_uint64 *marks = nullptr;

Size
states_size()
{
	return MAXALIGN(mul_size(sizeof(TrackingSlot), static_cast<Size>(MaxBackends)));
}

} // namespace

Size
tracking_size()
{
	return add_size(states_size(), mul_size(sizeof(*marks), static_cast<Size>(MaxBackends)));
}

void
tracking_init(void *memory, bool found)
{
	states = static_cast<TrackingSlot *>(memory);
	marks = reinterpret_cast<pg_atomic_uint64 *>(static_cast<char *>(memory) + states_size());
	if (found)
		return;
	for (int slot = 0; slot < MaxBackends; slot++)
	{
		states[slot].init({});
		pg_atomic_init_u64(&marks[slot], 0);
	}
}

const TrackingState &
tracking_of(int slot)
{
	return states[slot].latest();
}

TrackingState
read_tracking(int slot)
{
	return states != nullptr ? read_shared(states[slot]) : TrackingState{};
}

pg_atomic_uint64 &
listener_mark(int slot)
{
	return marks[slot];
}

SharedValue<TrackingState> &
tracking_slot(int slot)
{
	return states[slot];
}

} // namespace session_guard
