/*
 * Events (see events.h).
 */
#include "server/events.h"

#include "server/clock.h"
#include "server/settings.h"
#include "server/shared.h"

#include <algorithm>

namespace session_guard
{

namespace
{

EventRing &
ring()
{
	return *shared()->events;
}

EventEntry &
entry_of(EventRing &in, std::uint64_t number)
{
	auto entries =
	    reinterpret_cast<EventEntry *>(reinterpret_cast<char *>(&in) + MAXALIGN(sizeof(in)));

	return entries[number % in.capacity];
}

} // namespace

Size
event_ring_size()
{
	return add_size(MAXALIGN(sizeof(EventRing)), mul_size(sizeof(EventEntry), history_buffer()));
}

void
init_event_ring(EventRing &fresh)
{
	SpinLockInit(&fresh.lock);
	fresh.start = GetCurrentTimestamp();
	fresh.count = 0;
	fresh.capacity = history_buffer();
}

Subject
subject_of(const Sighting &sighting, const char *user, const char *database, const char *query)
{
	Subject subject{};

	subject.id = sighting.session.id;
	subject.slot = sighting.slot;
	subject.process = sighting.process;
	subject.statement = running_statement(sighting.session);
	subject.is_known = true;
	subject.is_client = is_client_backend(sighting);
	subject.role = sighting.role;
	subject.state = sighting.session.state;
	subject.address = sighting.client_address;
	copy_text(subject.database, database);
	copy_text(subject.user, user);
	copy_text(subject.application, sighting.application_name);
	copy_text(subject.query, query);
	return subject;
}

std::uint64_t
record_event(const Event &event)
{
	if (shared() == nullptr)
		return 0;

	EventRing &in = ring();
	bool overwrites;

	SpinLockAcquire(&in.lock);
	std::uint64_t number = ++in.count;
	EventEntry &entry = entry_of(in, number);
	overwrites = entry.event.number != 0 && entry.writes != entry.moved_writes;
	entry.event = event;
	entry.event.number = number;
	entry.writes = 1;
	entry.moved_writes = 0;
	SpinLockRelease(&in.lock);
	if (overwrites)
		count(shared()->counters.events_lost);
	/* The guard is to follow it, and the history to have it as it is if that lasts. */
	if (event.is_open && !event.actor.is_guard)
		wake(Post::Guard);
	wake(Post::History);
	return number;
}

bool
settle_event(std::uint64_t number, Outcome outcome, const char *note, bool stays_open)
{
	bool was_open = false;
	bool had_effect = outcome == Outcome::Canceled || outcome == Outcome::Terminated;

	if (number == 0)
		return false;
	Duration now = monotonic_now();
	EventRing &in = ring();
	SpinLockAcquire(&in.lock);
	EventEntry &entry = entry_of(in, number);
	if (entry.event.number == number && entry.event.is_open)
	{
		was_open = true;
		entry.event.outcome = outcome;
		entry.event.is_open = stays_open;
		if (had_effect)
			entry.event.gone_after = now - entry.event.signaled_at;
		if (note != nullptr)
			copy_text(entry.event.note, note);
		entry.writes++;
	}
	SpinLockRelease(&in.lock);
	if (was_open)
		wake(Post::History);
	return was_open;
}

EventRange
event_range()
{
	EventRing &in = ring();

	SpinLockAcquire(&in.lock);
	std::uint64_t latest = in.count;
	SpinLockRelease(&in.lock);
	std::uint64_t kept = std::min<std::uint64_t>(latest, in.capacity);
	return {.start = in.start, .oldest = latest - kept + 1, .latest = latest};
}

std::optional<EventState>
state_of_event(std::uint64_t number)
{
	EventRing &in = ring();

	SpinLockAcquire(&in.lock);
	const EventEntry &entry = entry_of(in, number);
	bool found = entry.event.number == number;
	EventState state{.signaled_at = entry.event.signaled_at,
	                 .outcome = entry.event.outcome,
	                 .is_open = entry.event.is_open,
	                 .is_moved = entry.writes == entry.moved_writes};
	SpinLockRelease(&in.lock);
	return found ? std::optional(state) : std::nullopt;
}

bool
read_event(std::uint64_t number, EventEntry &copy)
{
	EventRing &in = ring();

	SpinLockAcquire(&in.lock);
	copy = entry_of(in, number);
	SpinLockRelease(&in.lock);
	return copy.event.number == number;
}

void
mark_moved(const EventEntry &copy)
{
	EventRing &in = ring();

	SpinLockAcquire(&in.lock);
	EventEntry &entry = entry_of(in, copy.event.number);
	if (entry.event.number == copy.event.number)
		entry.moved_writes = copy.writes;
	SpinLockRelease(&in.lock);
}

} // namespace session_guard
