/*
 * The events in shared memory (see event_ring.h).
 */
#include "shmem/event_ring.h"

#include "core/messages.h"

#include "settings/settings.h"

#include "shmem/present_time.h"
#include "shmem/shared_memory.h"

#include <algorithm>

namespace session_guard
{

namespace
{

/* What is done again later than this is told of again. */
constexpr Duration repetition_window = minute;

EventRing &
ring()
{
	return *shared()->events;
}

EventEntry &
entry_in(EventPlace place)
{
	return ring().entries[place];
}

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
array_at(EventRing &base, Size offset, Size count)
{
	return {reinterpret_cast<T *>(reinterpret_cast<char *>(&base) + offset), count};
}

template <std::size_t size>
std::uint64_t
hash_text(const std::array<char, size> &text, std::uint64_t seed)
{
	return hash_bytes_extended(reinterpret_cast<const unsigned char *>(text.data()),
	                           static_cast<int>(strnlen(text.data(), size)), seed);
}

template <typename T>
std::uint64_t
hash_value(const T &value, std::uint64_t seed)
{
	static_assert(std::has_unique_object_representations_v<T>);
	return hash_bytes_extended(reinterpret_cast<const unsigned char *>(&value),
	                           static_cast<int>(sizeof(value)), seed);
}

/* What all repetitions of an event have in common, as a number; 0 for the guard, which repeats
 * nothing. */
std::uint64_t
key_of(const Event &event)
{
	std::uint64_t key = 0;

	if (event.actor.is_guard)
		return 0;
	key = hash_text(event.actor.role, key);
	key = hash_text(event.actor.function, key);
	key = hash_text(event.actor.filters, key);
	key = hash_text(event.reason, key);
	key = hash_value(event.subject.backend.id.pid, key);
	key = hash_value(event.subject.backend.id.backend_start, key);
	key = hash_value(event.subject.statement, key);
	key = hash_value(event.action, key);
	return key != 0 ? key : 1;
}

bool
is_same_text(const char *a, const char *b)
{
	return strcmp(a, b) == 0;
}

/* Is an event that is new the same as an earlier one done again (see add_event())? */
bool
is_repetition(const Event &event, const Event &earlier)
{
	bool has_same_outcome =
	    event.is_open ? earlier.is_open : !earlier.is_open && event.outcome == earlier.outcome;

	return has_same_outcome && event.at - earlier.at < repetition_window &&
	       event.action == earlier.action &&
	       event.subject.backend.id == earlier.subject.backend.id &&
	       event.subject.statement == earlier.subject.statement &&
	       is_same_text(event.actor.role.data(), earlier.actor.role.data()) &&
	       is_same_text(event.actor.function.data(), earlier.actor.function.data()) &&
	       is_same_text(event.actor.filters.data(), earlier.actor.filters.data()) &&
	       is_same_text(event.reason.data(), earlier.reason.data());
}

/* Where the event is that a new one repeats; none if it repeats none.  Under the lock. */
EventPlace
find_repeated(const Event &event, EventOwner owner, std::uint64_t key)
{
	EventPlace place = ring().places.find_like(owner, key);

	return place != no_place && is_repetition(event, entry_in(place).event) ? place : no_place;
}

/* Note, under the lock, that the event in a place was written to. */
void
note_write(EventPlace place)
{
	entry_in(place).writes++;
	ring().places.note_change(place);
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

bool
is_unwritten(EventPlace place)
{
	return entry_in(place).writes != entry_in(place).moved_writes;
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

	return entry.writes == entry.moved_writes &&
	       (!event.is_open || event.outcome == Outcome::Survived ||
	        event.signaled_at + second < now);
}

template <typename Condition>
std::size_t
collect_events(std::span<std::uint64_t> numbers, Condition condition)
{
	EventRing &in = ring();
	std::size_t count = 0;

	LWLockAcquire(&in.lock, LW_SHARED);
	for (std::size_t i = 0; i < in.places.size(); i++)
	{
		auto place = static_cast<EventPlace>(i);
		std::uint64_t number = in.places.at(place).number;

		if (number != 0 && condition(entry_in(place).event))
			numbers[count++] = number;
	}
	LWLockRelease(&in.lock);
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
init_event_ring(EventRing &fresh)
{
	Layout begins = layout();
	Size capacity = history_buffer();

	LWLockInitialize(&fresh.lock, new_lwlock_tranche("pg_session_guard_events"));
	fresh.start = GetCurrentTimestamp();
	fresh.count = 0;
	pg_atomic_init_u32(&fresh.has_history, 0);
	fresh.entries = array_at<EventEntry>(fresh, begins.entries, capacity).data();
	fresh.places =
	    EventPlaces(array_at<PlacedEvent>(fresh, begins.places, capacity),
	                array_at<EventPlace>(fresh, begins.heads_by_number, capacity),
	                array_at<EventPlace>(fresh, begins.heads_by_key, capacity),
	                array_at<EventAccount>(fresh, begins.accounts, places_for_roles(capacity)));
}

AddedEvent
add_event(const Event &event, EventOwner owner)
{
	EventRing &in = ring();
	std::uint64_t key = key_of(event);
	AddedEvent added{};
	bool loses = false;

	LWLockAcquire(&in.lock, LW_EXCLUSIVE);
	EventPlace place = find_repeated(event, owner, key);
	if (place != no_place)
	{
		Event &earlier = entry_in(place).event;

		earlier.repetitions++;
		earlier.repeated_at = event.at;
		earlier.waiter = event.waiter;
		added = {.number = earlier.number,
		         .is_merged = true,
		         .was_written = in.places.at(place).is_written};
		note_write(place);
	}
	else
	{
		EventPlaces::Taken taken = in.places.take(owner, in.count + 1, key, has_history());

		loses = taken.loses;
		if (taken.place != no_place)
		{
			EventEntry &entry = entry_in(taken.place);

			entry = {.event = event, .writes = 1, .moved_writes = 0};
			entry.event.number = added.number = ++in.count;
		}
	}
	LWLockRelease(&in.lock);
	if (loses)
		count(shared()->counters.events_lost);
	return added;
}

std::uint32_t
earlier_events_like(const Event &event, EventOwner owner)
{
	EventRing &in = ring();
	std::uint64_t key = key_of(event);
	std::uint32_t earlier = 0;

	LWLockAcquire(&in.lock, LW_SHARED);
	EventPlace place = find_repeated(event, owner, key);
	if (place != no_place)
		earlier = entry_in(place).event.repetitions + 1;
	LWLockRelease(&in.lock);
	return earlier;
}

bool
has_event_room(EventOwner role)
{
	EventRing &in = ring();

	LWLockAcquire(&in.lock, LW_SHARED);
	bool has_room = in.places.has_room(role);
	LWLockRelease(&in.lock);
	return has_room;
}

bool
has_history()
{
	return pg_atomic_read_u32(&ring().has_history) != 0;
}

void
set_has_history(bool has)
{
	pg_atomic_write_u32(&ring().has_history, has ? 1 : 0);
}

bool
close_event(std::uint64_t number, Outcome outcome, const char *note, bool stays_open)
{
	EventRing &in = ring();
	bool had_effect = outcome == Outcome::Canceled || outcome == Outcome::Terminated;
	bool was_open = false;
	Duration now = monotonic_now();

	LWLockAcquire(&in.lock, LW_EXCLUSIVE);
	EventPlace place = in.places.find(number);
	if (place != no_place && entry_in(place).event.is_open)
	{
		Event &event = entry_in(place).event;

		was_open = true;
		if (note != nullptr)
			copy_text(event.note, note);
		else if (event.outcome == Outcome::Survived && !stays_open)
			note_end_of_survivor(event, outcome, now - event.signaled_at);
		event.outcome = outcome;
		event.is_open = stays_open;
		if (had_effect)
			event.gone_after = now - event.signaled_at;
		note_write(place);
	}
	LWLockRelease(&in.lock);
	return was_open;
}

bool
complete_event(std::uint64_t number, Duration measured)
{
	EventRing &in = ring();

	LWLockAcquire(&in.lock, LW_EXCLUSIVE);
	EventPlace place = in.places.find(number);
	if (place != no_place)
	{
		entry_in(place).event.measured = measured;
		note_write(place);
	}
	LWLockRelease(&in.lock);
	return place != no_place;
}

Timestamp
event_ring_start()
{
	return ring().start;
}

std::uint64_t
latest_event()
{
	EventRing &in = ring();

	LWLockAcquire(&in.lock, LW_SHARED);
	std::uint64_t latest = in.count;
	LWLockRelease(&in.lock);
	return latest;
}

std::size_t
event_capacity()
{
	return ring().places.size();
}

std::optional<EventState>
state_of_event(std::uint64_t number)
{
	EventRing &in = ring();
	std::optional<EventState> state;

	LWLockAcquire(&in.lock, LW_SHARED);
	EventPlace place = in.places.find(number);
	if (place != no_place)
		state = {.outcome = entry_in(place).event.outcome,
		         .is_open = entry_in(place).event.is_open};
	LWLockRelease(&in.lock);
	return state;
}

bool
read_event(std::uint64_t number, EventEntry &copy)
{
	EventRing &in = ring();

	LWLockAcquire(&in.lock, LW_SHARED);
	EventPlace place = in.places.find(number);
	if (place != no_place)
		copy = entry_in(place);
	LWLockRelease(&in.lock);
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

UnwrittenEvents
unwritten_events(std::span<std::uint64_t> numbers, Duration signaled_before,
                 Duration signaled_before_if_pressed)
{
	EventRing &in = ring();
	UnwrittenEvents found{};

	LWLockAcquire(&in.lock, LW_SHARED);
	found.is_pressed = in.places.is_pressed();
	Duration before = found.is_pressed ? signaled_before_if_pressed : signaled_before;
	in.places.for_each_unwritten(
	    [&](EventPlace place)
	    {
		    const Event &event = entry_in(place).event;

		    found.has_open = found.has_open || event.is_open;
		    if (is_unwritten(place) && is_to_be_written(event, before))
			    numbers[found.count++] = event.number;
	    });
	LWLockRelease(&in.lock);
	std::ranges::sort(numbers.first(found.count));
	return found;
}

std::size_t
count_never_written()
{
	EventRing &in = ring();
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
	EventRing &in = ring();
	Duration now = monotonic_now();
	std::size_t count = 0;

	LWLockAcquire(&in.lock, LW_EXCLUSIVE);
	in.places.for_each_unwritten(
	    [&](EventPlace place)
	    {
		    if (is_complete(entry_in(place), now))
			    numbers[count++] = entry_in(place).event.number;
	    });
	for (std::uint64_t number : numbers.first(count))
		in.places.note_written(in.places.find(number), true);
	LWLockRelease(&in.lock);
}

bool
mark_moved(const EventEntry &copy)
{
	EventRing &in = ring();

	LWLockAcquire(&in.lock, LW_EXCLUSIVE);
	EventPlace place = in.places.find(copy.event.number);
	if (place != no_place)
	{
		EventEntry &entry = entry_in(place);

		entry.moved_writes = copy.writes;
		in.places.note_written(place, is_complete(entry, monotonic_now()));
	}
	LWLockRelease(&in.lock);
	return place != no_place;
}

} // namespace session_guard
