/*
 * The function behind the view session_guard.event.
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

/* Add the row of an event, as the caller may see it, if the event is still in memory. */
void
put_event(ReturnSetInfo &result, std::uint64_t number, Timestamp ring_start)
{
	EventEntry entry;

	if (!read_event(number, entry))
		return;
	EventRow row = event_row(entry.event, ring_start);
	if (!may_see(entry.event.subject.role))
		hide_query(row);
	row.put(result);
}

} // namespace

} // namespace session_guard

/* One row per event that is still in memory. */
Datum
session_guard_events(PG_FUNCTION_ARGS)
{
	using namespace session_guard;

	require_shared_memory();
	InitMaterializedSRF(fcinfo, 0);
	auto &result = *reinterpret_cast<ReturnSetInfo *>(fcinfo->resultinfo);
	check_event_columns(result.setDesc);
	std::size_t room = event_capacity();
	auto numbers = static_cast<std::uint64_t *>(palloc(room * sizeof(std::uint64_t)));
	MemoryContext one_row =
	    AllocSetContextCreate(CurrentMemoryContext, "session guard event", ALLOCSET_DEFAULT_SIZES);
	MemoryContext caller = MemoryContextSwitchTo(one_row);
	for (std::uint64_t number : std::span(numbers, all_events({numbers, room})))
	{
		CHECK_FOR_INTERRUPTS();
		put_event(result, number, event_ring_start());
		MemoryContextReset(one_row);
	}
	MemoryContextSwitchTo(caller);
	return Datum{0};
}
