/*
 * An event: what was done to whom, by whom, why, and what became of it.
 *
 * Texts are bytes as they were found; they may be of another database's
 * encoding, and cut in the middle of a character.
 */
#pragma once

#include "core/action.h"
#include "core/limits.h"
#include "core/session.h"

#include "pg/pg.h"

#include "shmem/backend_ref.h"

#include <array>
#include <cstddef>
#include <optional>
#include <type_traits>

namespace session_guard
{

/* How long the filters of a call get at most, their terminating NUL included. */
inline constexpr std::size_t filters_room = 256;

/* Who has acted. */
struct Actor
{
	bool is_guard;
	/* For a function: the role that called it, as the log has it, the function and its filters. */
	std::array<char, 320> role;
	std::array<char, NAMEDATALEN> function;
	std::array<char, filters_room> filters;
};

/* The call of a function that waits for the effect. */
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
	BackendRef backend;
	/* The stamp of the statement that it ran; unknown_time if it ran none. */
	Timestamp statement;
	/* Of a process without a status entry only the pid is known. */
	bool is_known;
	bool is_client;
	Oid role;
	State state;
	std::array<char, NAMEDATALEN> database;
	std::array<char, NAMEDATALEN> user;
	/* Taken on by SET ROLE; of the guard only. */
	std::array<char, NAMEDATALEN> taken_role;
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
	/* The rule that it is of; empty if it is of none. */
	std::array<char, NAMEDATALEN> rule;
	/* As the limit measures. */
	std::int64_t measured;
	/* None if nobody could have been in time. */
	std::optional<Duration> late;
	Action action;
	Outcome outcome;
	/* The effect is not known yet: somebody has to look. */
	bool is_open;
	/* From the signal until the effect was seen. */
	std::optional<Duration> gone_after;
	/* How often the same was done again, and when last (see is_repetition()). */
	std::uint32_t repetitions;
	Timestamp repeated_at;
	/* What the caller of a function has said; empty if nothing. */
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

/* Copy text as far as it fits; nothing for nullptr. */
template <std::size_t size>
void
copy_text(std::array<char, size> &copy, const char *text)
{
	strlcpy(copy.data(), text != nullptr ? text : "", size);
}

} // namespace session_guard
