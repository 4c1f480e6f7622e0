/*
 * The function behind the view session_guard.event: the events that are still in
 * memory.
 */
#include "pg/privileges.h"

#include "shmem/event_ring.h"
#include "shmem/shared_memory.h"

#include "action/event_row.h"

extern "C"
{
	PG_FUNCTION_INFO_V1(session_guard_events);
}

namespace session_guard
{

namespace
{

/* The event if it is still in memory, as the caller may see it. */
void
put_event(ReturnSetInfo &result, std::uint64_t number, Timestamp ring_start)
{
	EventEntry entry;

	if (!read_event(number, entry))
		return;
	EventRow row = event_row(entry.event, ring_start);
	if (!may_see(entry.event.subject.role))
		row.set_text(static_cast<std::size_t>(EventColumn::Query), "<insufficient privilege>");
	row.put(result);
}

} // namespace

} // namespace session_guard

/* One row per event that is still in memory. */
Datum
session_guard_events(PG_FUNCTION_ARGS)
{
	using namespace session_guard;

	(void)shared_or_error();
	InitMaterializedSRF(fcinfo, 0);
	std::size_t room = event_capacity();
	auto numbers = static_cast<std::uint64_t *>(palloc(room * sizeof(std::uint64_t)));
	MemoryContext one_row =
	    AllocSetContextCreate(CurrentMemoryContext, "session guard event", ALLOCSET_DEFAULT_SIZES);
	MemoryContext caller = MemoryContextSwitchTo(one_row);
	for (std::uint64_t number : std::span(numbers, all_events({numbers, room})))
	{
		CHECK_FOR_INTERRUPTS();
		put_event(*reinterpret_cast<ReturnSetInfo *>(fcinfo->resultinfo), number,
		          event_ring_start());
		MemoryContextReset(one_row);
	}
	MemoryContextSwitchTo(caller);
	return Datum{0};
}
