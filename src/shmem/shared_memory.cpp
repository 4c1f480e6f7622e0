/*
 * Shared memory as a whole (see shared_memory.h).
 */
#include "shmem/shared_memory.h"

#include "pg/shared_area.h"

#include "shmem/action_budget.h"
#include "shmem/client_message.h"
#include "shmem/client_socket.h"
#include "shmem/closings.h"
#include "shmem/counters.h"
#include "shmem/end_requests.h"
#include "shmem/event_ring.h"
#include "shmem/newcomers.h"
#include "shmem/policy_state.h"
#include "shmem/present_time.h"
#include "shmem/published.h"
#include "shmem/published_rules.h"
#include "shmem/taken_role.h"
#include "shmem/tracking.h"
#include "shmem/worker_slot.h"

namespace session_guard
{

namespace
{

struct Part
{
	Size (*size)();
	/* As SharedArea::init. */
	void (*init)(void *memory, bool found);
};

constexpr Part parts[] = {
    {worker_slots_size, worker_slots_init},   {counters_size, counters_init},
    {policy_state_size, policy_state_init},   {present_time_size, present_time_init},
    {action_budget_size, action_budget_init}, {tracking_size, tracking_init},
    {published_size, published_init},         {client_messages_size, client_messages_init},
    {event_ring_size, event_ring_init},       {closings_size, closings_init},
    {end_requests_size, end_requests_init},   {client_sockets_size, client_sockets_init},
    {newcomers_size, newcomers_init},         {published_rules_size, published_rules_init},
    {taken_roles_size, taken_roles_init},
};

bool is_there = false;

Size
shared_memory_size()
{
	Size size = 0;

	for (const Part &part : parts)
		size = add_size(size, MAXALIGN(part.size()));
	return size;
}

void
shared_memory_init(void *memory, bool found)
{
	auto begin = static_cast<char *>(memory);

	for (const Part &part : parts)
	{
		part.init(begin, found);
		begin += MAXALIGN(part.size());
	}
	is_there = true;
}

constexpr SharedArea area{
    .name = "pg_session_guard", .size = shared_memory_size, .init = shared_memory_init};

} // namespace

void
request_shared_memory()
{
	register_shared_area(area);
}

bool
has_shared_memory()
{
	return is_there;
}

void
require_shared_memory()
{
	if (!is_there)
		ereport(ERROR,
		        (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
		         errmsg("pg_session_guard must be loaded via \"shared_preload_libraries\"")));
}

} // namespace session_guard
