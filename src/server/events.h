/*
 * Events: what was done to whom, by whom, why, and what became of it.
 *
 * They live in a ring in shared memory, where everybody who acts adds to it and
 * everybody may read, on standbys too.  The history writer moves them into a
 * table; whatever the ring has to overwrite before that is counted as lost.
 *
 * Texts are bytes as they were found; they may be of another database's
 * encoding, and cut in the middle of a character.
 */
#pragma once

#include "functions/given.h"

#include "server/status.h"

#include "core/limits.h"
#include "core/outcome.h"
#include "core/policy.h"

#include <array>
#include <optional>
#include <type_traits>

namespace session_guard
{

/* Who has acted. */
struct Actor
{
	bool is_guard;
	/* For a verb: the role that called it, as the log has it, the function and its filters. */
	std::array<char, 192> role;
	std::array<char, NAMEDATALEN> function;
	std::array<char, given_room> filters;
};

/* Whoever has given an order and waits for its effect. */
struct Waiter
{
	/* The call is over when the process has left this transaction; nullptr if nobody waits. */
	const PGPROC *process;
	int pid;
	LocalTransactionId transaction;
	/* By the monotonic clock. */
	Duration until;
};

/* The session or process that was acted on. */
struct Subject
{
	SessionId id;
	/* Its place in the backend-status array, or -1; and its process while it has this pid. */
	int slot;
	const PGPROC *process;
	/* The stamp of the statement that it ran; unknown_time if it ran none. */
	Timestamp statement;
	/* Of a process without a status entry only the pid is known. */
	bool is_known;
	bool is_client;
	Oid role;
	State state;
	std::array<char, NAMEDATALEN> database;
	std::array<char, NAMEDATALEN> user;
	std::array<char, NAMEDATALEN> application;
	SockAddr address;
	std::array<char, 1024> query;
};

struct Event
{
	/* Given by the ring: 1, 2, 3 ... since its memory was made. */
	std::uint64_t number;
	/* When the signal was sent, or the decision taken that there would be none. */
	Timestamp at;
	/* The same by the monotonic clock. */
	Duration signaled_at;
	Waiter waiter;
	Actor actor;
	Subject subject;
	/* Of the guard only. */
	std::optional<Limit> limit;
	Threshold threshold;
	Duration measured;
	/* None if nobody could have been in time. */
	std::optional<Duration> late;
	Action action;
	Outcome outcome;
	/* The effect is not known yet: somebody has to look. */
	bool is_open;
	/* From the signal until the effect was seen. */
	std::optional<Duration> gone_after;
	/* What the caller of a verb has said; empty if nothing. */
	std::array<char, 512> reason;
	std::array<char, 256> note;
};
static_assert(std::is_trivially_copyable_v<Event>);
static_assert(std::is_trivially_destructible_v<Event>);

/* An event and how often it has been written to; the history has it as it was then. */
struct EventEntry
{
	Event event;
	std::uint32_t writes;
	std::uint32_t moved_writes;
};

/* In shared memory; pg_session_guard.history_buffer entries follow. */
struct EventRing
{
	/* Held for the time of one copy. */
	slock_t lock;
	/* When the memory was made: with the number it names an event for ever. */
	Timestamp start;
	/* How many events there have been. */
	std::uint64_t count;
	std::size_t capacity;
};

Size event_ring_size();
void init_event_ring(EventRing &ring);

/* Describe a process as a look has found it; names that it has not are nullptr. */
Subject subject_of(const Sighting &sighting, const char *user, const char *database,
                   const char *query);

/* Copy text as far as it fits; nothing for nullptr. */
template <std::size_t size>
void
copy_text(std::array<char, size> &copy, const char *text)
{
	strlcpy(copy.data(), text != nullptr ? text : "", size);
}

/*
 * Add an event; its number is given here, and returned.  0 without shared
 * memory.  Who has to follow or write it is woken.
 */
std::uint64_t record_event(const Event &event);

/*
 * Note what became of an open event, for the first who finds out; false if it
 * is not open any more.  It stays open if somebody is still to look.  A note of
 * nullptr leaves the one that is there.
 */
bool settle_event(std::uint64_t number, Outcome outcome, const char *note, bool stays_open = false);

/* When the ring was made, and the numbers of the oldest and the latest event; none if 1 > 0. */
struct EventRange
{
	Timestamp start;
	std::uint64_t oldest;
	std::uint64_t latest;
};
EventRange event_range();

/* What tells whether an event is to be read at all. */
struct EventState
{
	Duration signaled_at;
	Outcome outcome;
	bool is_open;
	/* The history has it as it is. */
	bool is_moved;
};

/* None if it has been overwritten. */
std::optional<EventState> state_of_event(std::uint64_t number);

/* Copy an event; false if it has been overwritten. */
bool read_event(std::uint64_t number, EventEntry &copy);

/* Note that the history has an event as it was copied. */
void mark_moved(const EventEntry &copy);

} // namespace session_guard
