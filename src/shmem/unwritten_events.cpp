/*
 * The events that are not in the history (see unwritten_events.h).
 */
#include "shmem/unwritten_events.h"

#include "pg/monotonic_clock.h"

#include <algorithm>

namespace session_guard
{

namespace
{

bool
is_unwritten(const EventEntry &entry)
{
	return entry.writes != entry.moved_writes;
}

bool
is_to_be_written(const Event &event, Duration signaled_before)
{
	return !event.is_open || event.outcome == Outcome::Survived ||
	       event.signaled_at < signaled_before;
}

/*
 * Does the history have all of an event that is likely to be known soon?  How it
 * ends comes within a second as a rule, and is to find the event here.
 */
bool
is_complete(const EventEntry &entry, Duration now)
{
	const Event &event = entry.event;

	return !is_unwritten(entry) && (!event.is_open || event.outcome == Outcome::Survived ||
	                                event.signaled_at + second < now);
}

} // namespace

UnwrittenEvents
unwritten_events(std::span<std::uint64_t> numbers, Duration signaled_before,
                 Duration signaled_before_if_pressed)
{
	EventRing &in = event_ring();
	UnwrittenEvents found{};

	LWLockAcquire(&in.lock, LW_SHARED);
	found.is_pressed = in.places.is_pressed();
	Duration before = found.is_pressed ? signaled_before_if_pressed : signaled_before;
	in.places.for_each_unwritten(
	    [&](EventPlace place)
	    {
		    const Event &event = in.entries[place].event;

		    found.has_open = found.has_open || event.is_open;
		    if (is_unwritten(in.entries[place]) && is_to_be_written(event, before))
			    numbers[found.count++] = event.number;
	    });
	LWLockRelease(&in.lock);
	std::ranges::sort(numbers.first(found.count));
	return found;
}

std::size_t
count_never_written()
{
	EventRing &in = event_ring();
	std::size_t count = 0;

	LWLockAcquire(&in.lock, LW_SHARED);
	in.places.for_each_unwritten([&](EventPlace place)
	                             { count += in.places.at(place).was_written ? 0 : 1; });
	LWLockRelease(&in.lock);
	return count;
}

void
release_old_events(std::span<std::uint64_t> numbers)
{
	EventRing &in = event_ring();
	Duration now = monotonic_now();
	std::size_t count = 0;

	LWLockAcquire(&in.lock, LW_EXCLUSIVE);
	in.places.for_each_unwritten(
	    [&](EventPlace place)
	    {
		    if (is_complete(in.entries[place], now))
			    numbers[count++] = in.entries[place].event.number;
	    });
	for (std::uint64_t number : numbers.first(count))
		in.places.note_written(in.places.find(number), true);
	LWLockRelease(&in.lock);
}

bool
mark_moved(const EventEntry &copy)
{
	EventRing &in = event_ring();

	LWLockAcquire(&in.lock, LW_EXCLUSIVE);
	EventPlace place = in.places.find(copy.event.number);
	if (place != no_place)
	{
		EventEntry &entry = in.entries[place];

		entry.moved_writes = copy.writes;
		in.places.note_written(place, is_complete(entry, monotonic_now()));
	}
	LWLockRelease(&in.lock);
	return place != no_place;
}

} // namespace session_guard
