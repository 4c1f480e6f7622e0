/*
 * The events in shared memory (see event_ring.h).
 */
#include "shmem/event_ring.h"

#include "core/messages.h"

#include "pg/compat.h"
#include "pg/monotonic_clock.h"

#include "settings/settings.h"

#include "shmem/counters.h"
#include "shmem/event_repetition.h"

#include <algorithm>

namespace session_guard
{

namespace
{

EventRing *ring = nullptr;

/* Where the arrays behind the struct begin. */
struct Layout
{
	Size entries;
	Size places;
	Size heads_by_number;
	Size heads_by_key;
	Size accounts;
	Size end;
};

Layout
layout()
{
	Size end = MAXALIGN(sizeof(EventRing));
	Size capacity = history_buffer();
	auto place = [&](Size size, Size count)
	{
		Size begin = end;

		end = add_size(end, MAXALIGN(mul_size(size, count)));
		return begin;
	};
	Layout places{};

	places.entries = place(sizeof(EventEntry), capacity);
	places.places = place(sizeof(PlacedEvent), capacity);
	places.heads_by_number = place(sizeof(EventPlace), capacity);
	places.heads_by_key = place(sizeof(EventPlace), capacity);
	places.accounts = place(sizeof(EventAccount), places_for_roles(capacity));
	places.end = end;
	return places;
}

/* An array of shared memory that begins so many bytes behind its struct. */
template <typename T>
std::span<T>
array_at(Size offset, Size count)
{
	return {reinterpret_cast<T *>(reinterpret_cast<char *>(ring) + offset), count};
}

/* Where the event is that a new one repeats; none if it repeats none.  Under the lock. */
EventPlace
find_repeated(const Event &event, EventOwner owner, std::uint64_t key)
{
	EventPlace place = ring->places.find_like(owner, key);

	return place != no_place && is_repetition(event, ring->entries[place].event) ? place : no_place;
}

/* Note, under the lock, that the event in a place was written to. */
void
note_write(EventPlace place)
{
	ring->entries[place].writes++;
	ring->places.note_change(place);
}

/* Have a survivor's note say how it ended. */
void
note_end_of_survivor(Event &event, Outcome outcome, Duration after)
{
	std::array<char, sizeof(event.note)> buffer;
	Text note(buffer);

	append_end_of_survivor(note, outcome, after, event.note.data());
	note.mark_cut();
	copy_text(event.note, note.c_str());
}

template <typename Condition>
std::size_t
collect_events(std::span<std::uint64_t> numbers, Condition condition)
{
	std::size_t count = 0;

	LWLockAcquire(&ring->lock, LW_SHARED);
	for (std::size_t i = 0; i < ring->places.size(); i++)
	{
		auto place = static_cast<EventPlace>(i);
		std::uint64_t number = ring->places.at(place).number;

		if (number != 0 && condition(ring->entries[place].event))
			numbers[count++] = number;
	}
	LWLockRelease(&ring->lock);
	std::ranges::sort(numbers.first(count));
	return count;
}

} // namespace

Size
event_ring_size()
{
	return layout().end;
}

void
event_ring_init(void *memory, bool found)
{
	ring = static_cast<EventRing *>(memory);
	if (found)
		return;

	Layout begins = layout();
	Size capacity = history_buffer();

	LWLockInitialize(&ring->lock, new_lwlock_tranche("pg_session_guard_events"));
	ring->start = GetCurrentTimestamp();
	ring->count = 0;
	pg_atomic_init_u32(&ring->has_history, 0);
	ring->entries = array_at<EventEntry>(begins.entries, capacity).data();
	ring->places = EventPlaces(array_at<PlacedEvent>(begins.places, capacity),
	                           array_at<EventPlace>(begins.heads_by_number, capacity),
	                           array_at<EventPlace>(begins.heads_by_key, capacity),
	                           array_at<EventAccount>(begins.accounts, places_for_roles(capacity)));
}

EventRing &
event_ring()
{
	return *ring;
}

AddedEvent
add_event(const Event &event, EventOwner owner)
{
	std::uint64_t key = key_of(event);
	AddedEvent added{};
	bool loses = false;

	LWLockAcquire(&ring->lock, LW_EXCLUSIVE);
	EventPlace place = find_repeated(event, owner, key);
	if (place != no_place)
	{
		Event &earlier = ring->entries[place].event;

		earlier.repetitions++;
		earlier.repeated_at = event.at;
		earlier.waiter = event.waiter;
		added = {.number = earlier.number,
		         .is_merged = true,
		         .was_written = ring->places.at(place).is_written};
		note_write(place);
	}
	else
	{
		EventPlaces::Taken taken = ring->places.take(owner, ring->count + 1, key, has_history());

		loses = taken.loses;
		if (taken.place != no_place)
		{
			EventEntry &entry = ring->entries[taken.place];

			entry = {.event = event, .writes = 1, .moved_writes = 0};
			entry.event.number = added.number = ++ring->count;
		}
	}
	LWLockRelease(&ring->lock);
	if (loses)
		count(shared_counters().events_lost);
	return added;
}

std::uint32_t
earlier_events_like(const Event &event, EventOwner owner)
{
	std::uint64_t key = key_of(event);
	std::uint32_t earlier = 0;

	LWLockAcquire(&ring->lock, LW_SHARED);
	EventPlace place = find_repeated(event, owner, key);
	if (place != no_place)
		earlier = ring->entries[place].event.repetitions + 1;
	LWLockRelease(&ring->lock);
	return earlier;
}

bool
has_event_room(EventOwner role)
{
	LWLockAcquire(&ring->lock, LW_SHARED);
	bool has_room = ring->places.has_room(role);
	LWLockRelease(&ring->lock);
	return has_room;
}

bool
has_history()
{
	return pg_atomic_read_u32(&ring->has_history) != 0;
}

void
set_has_history(bool has)
{
	pg_atomic_write_u32(&ring->has_history, has ? 1 : 0);
}

bool
close_event(std::uint64_t number, Outcome outcome, const char *note, bool stays_open)
{
	bool was_open = false;
	Duration now = monotonic_now();

	LWLockAcquire(&ring->lock, LW_EXCLUSIVE);
	EventPlace place = ring->places.find(number);
	if (place != no_place && ring->entries[place].event.is_open)
	{
		Event &event = ring->entries[place].event;

		was_open = true;
		if (note != nullptr)
			copy_text(event.note, note);
		else if (event.outcome == Outcome::Survived && !stays_open)
			note_end_of_survivor(event, outcome, now - event.signaled_at);
		event.outcome = outcome;
		event.is_open = stays_open;
		if (is_effect(outcome))
			event.gone_after = now - event.signaled_at;
		note_write(place);
	}
	LWLockRelease(&ring->lock);
	return was_open;
}

bool
complete_event(std::uint64_t number, Duration measured)
{
	LWLockAcquire(&ring->lock, LW_EXCLUSIVE);
	EventPlace place = ring->places.find(number);
	if (place != no_place)
	{
		ring->entries[place].event.measured = measured;
		note_write(place);
	}
	LWLockRelease(&ring->lock);
	return place != no_place;
}

Timestamp
event_ring_start()
{
	return ring->start;
}

std::uint64_t
latest_event()
{
	LWLockAcquire(&ring->lock, LW_SHARED);
	std::uint64_t latest = ring->count;
	LWLockRelease(&ring->lock);
	return latest;
}

std::size_t
event_capacity()
{
	return ring->places.size();
}

std::optional<EventState>
state_of_event(std::uint64_t number)
{
	std::optional<EventState> state;

	LWLockAcquire(&ring->lock, LW_SHARED);
	EventPlace place = ring->places.find(number);
	if (place != no_place)
		state = {.outcome = ring->entries[place].event.outcome,
		         .is_open = ring->entries[place].event.is_open};
	LWLockRelease(&ring->lock);
	return state;
}

bool
read_event(std::uint64_t number, EventEntry &copy)
{
	LWLockAcquire(&ring->lock, LW_SHARED);
	EventPlace place = ring->places.find(number);
	if (place != no_place)
		copy = ring->entries[place];
	LWLockRelease(&ring->lock);
	return place != no_place;
}

std::size_t
all_events(std::span<std::uint64_t> numbers)
{
	return collect_events(numbers, [](const Event &) { return true; });
}

std::size_t
open_events(std::span<std::uint64_t> numbers)
{
	return collect_events(numbers, [](const Event &event) { return event.is_open; });
}

} // namespace session_guard
