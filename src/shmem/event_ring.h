/*
 * The events in shared memory, where everybody who acts adds to them and
 * everybody may read, on standbys too.  The history writer moves them into a
 * table (unwritten_events.h).  Which of them have to give way to new ones is decided
 * in core/event_places.h; what gives way before it was ever written is counted as
 * lost.
 *
 * An LWLock of its own tranche guards all of it, so nothing in here may be called
 * while an error is being reported: a process that ends by FATAL could hold it.
 */
#pragma once

#include "core/event_places.h"

#include "shmem/event.h"

#include <span>

namespace session_guard
{

/* In shared memory; its arrays follow. */
struct EventRing
{
	LWLock lock;
	/* When the memory was made: with the number it names an event for ever. */
	Timestamp start;
	/* How many events there have been. */
	std::uint64_t count;
	/* Not 0 while events are moved into a history, or will be soon. */
	pg_atomic_uint32 has_history;
	EventPlaces places;
	EventEntry *entries;
};

Size event_ring_size();
void event_ring_init(void *memory, bool found);

EventRing &event_ring();

/* What became of an event that was to be added. */
struct AddedEvent
{
	/* 0 if there was no place for it. */
	std::uint64_t number;
	/* It was counted as a repetition of an earlier event, */
	bool is_merged;
	/* which was in the history already. */
	bool was_written;
};

/*
 * Add an event of this owner, or count it as a repetition of an earlier one
 * (event_repetition.h).
 */
AddedEvent add_event(const Event &event, EventOwner owner);

/* How often the like of an event, which is not recorded yet, was recorded; 0 if it is the first. */
std::uint32_t earlier_events_like(const Event &event, EventOwner owner);

/* May a role act now without others' or its own events being lost (core/event_places.h)? */
bool has_event_room(EventOwner role);

/* Is there a history that events are moved into?  Its writer says so. */
bool has_history();
void set_has_history(bool has);

/*
 * Note what became of an open event, for the first who finds out; false if it
 * is not open any more.  It stays open if somebody is still to look.  A note of
 * nullptr leaves the one that is there; of a survivor it then says how it ended.
 */
bool close_event(std::uint64_t number, Outcome outcome, const char *note, bool stays_open);

/* Note how long the episode of an event with mode = log has lasted; false if it is not there. */
bool complete_event(std::uint64_t number, Duration measured);

/* When the ring was made, the number of the latest event, and how many can be kept. */
Timestamp event_ring_start();
std::uint64_t latest_event();
std::size_t event_capacity();

/* What tells whether an event is to be read at all. */
struct EventState
{
	Outcome outcome;
	bool is_open;
};

/* None if it has given way. */
std::optional<EventState> state_of_event(std::uint64_t number);

/* Copy an event; false if it has given way. */
bool read_event(std::uint64_t number, EventEntry &copy);

/* The numbers of all events that are there, or of the open ones, in their order; room for as many
 * as can be kept. */
std::size_t all_events(std::span<std::uint64_t> numbers);
std::size_t open_events(std::span<std::uint64_t> numbers);

} // namespace session_guard
