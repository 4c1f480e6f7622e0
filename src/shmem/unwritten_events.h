/*
 * The events that are not, or not as they are now, in the history: for its writer.
 */
#pragma once

#include "shmem/event_ring.h"

#include <span>

namespace session_guard
{

/* What waits to be written to the history. */
struct UnwrittenEvents
{
	/* How many are to be written now. */
	std::size_t count;
	/* There are open ones, whose outcome is waited for. */
	bool has_open;
	/* Somebody waits for room, or will soon. */
	bool is_pressed;
};

/*
 * The numbers, in their order, of the events that are to be written now: those
 * whose outcome is known, and of the others those that were signaled before the first
 * of these moments, or before the second if somebody waits for room.
 */
UnwrittenEvents unwritten_events(std::span<std::uint64_t> numbers, Duration signaled_before,
                                 Duration signaled_before_if_pressed);

/* How many were never written, whatever their outcome. */
std::size_t count_never_written();

/*
 * From now on let those events give way to others that the history has as they are and
 * whose outcome has not come in time.  The numbers need room for all events.
 */
void release_old_events(std::span<std::uint64_t> numbers);

/* Note that an event is in the history as it was copied; false if it has given way meanwhile. */
bool mark_moved(const EventEntry &copy);

} // namespace session_guard
