/*
 * A shortage of memory: since when less is left than pg_session_guard.min_available_memory,
 * which session uses the most, and whether its end would help.
 *
 * The memory may be used up by something else than sessions.  Then their ends free
 * little, or what they free is taken at once, and one session after the other would go
 * for nothing.  So a session must have a part of what is to be left that matters; and
 * once half of what ends have freed was taken elsewhere, only a session goes that has
 * grown by as much itself.
 */
#pragma once

#include "core/available_memory.h"
#include "core/session.h"
#include "core/time.h"

#include <cstdint>
#include <optional>
#include <type_traits>

namespace session_guard
{

struct MemoryShortage
{
	/* The first reading that found too little left; unknown_time before that. */
	Instant since;
	/* The last one that did. */
	Instant low_at;
	/* At the last reading. */
	AvailableMemory left;
	/*
	 * Since when it is known how much has been taken elsewhere: what was left then and what all
	 * sessions had, added up, and how much of that those had then that were ended since.  What
	 * they have taken in between, and given back by their end, is no gain.
	 */
	Instant balance_since;
	std::optional<std::int64_t> together;
	std::int64_t freed;
};
static_assert(std::is_trivially_destructible_v<MemoryShortage>);

/* A session, and the bytes that it uses and that it has grown by since the balance was begun. */
struct MemoryUser
{
	SessionId session;
	/* Where it stands in the backend-status array. */
	std::int32_t slot;
	std::int64_t bytes;
	std::int64_t grown;
};

/* The one of several that uses the most, and what the next one uses. */
struct GreatestUser
{
	std::optional<MemoryUser> user;
	std::int64_t next_bytes;
};

/* What all sessions use, and who uses the most of those that are not spared. */
class MemoryUsers
{
  public:
	explicit MemoryUsers(std::int64_t smallest) : smallest_(smallest)
	{
	}

	/* Count what a session uses, whether it is spared or not. */
	void
	add(std::int64_t bytes)
	{
		all_ += bytes;
	}

	/* Compare one that is not spared. */
	void compare(const MemoryUser &user);

	std::int64_t
	smallest() const
	{
		return smallest_;
	}
	std::int64_t
	all_bytes() const
	{
		return all_;
	}
	/* Of those that have enough for their end to be of use; and of those that have grown by it. */
	const GreatestUser &
	greatest() const
	{
		return greatest_;
	}
	const GreatestUser &
	greatest_grown() const
	{
		return grown_;
	}

  private:
	std::int64_t smallest_;
	std::int64_t all_ = 0;
	GreatestUser greatest_{};
	GreatestUser grown_{};
};
static_assert(std::is_trivially_destructible_v<MemoryUsers>);

/* Whose end would help, or why nobody's would. */
enum class Relief : std::uint8_t
{
	ByEnd,
	NobodyUsesMuch,
	TakenElsewhere,
};

struct ReliefChoice
{
	Relief relief;
	/* Somebody only if an end would help. */
	GreatestUser greatest;
};

/* A session with less than this is not ended: so many of them would have to go to be felt. */
std::int64_t smallest_worth_ending(std::int64_t threshold);

/*
 * How long to wait before it is read again what is left, so that a shortage is found before
 * a quarter of what is to be left is used up, too, if as many processors as there are take
 * memory as fast as they can.  It is not longer than the longest pause.
 */
Duration pause_before_reading_left(std::int64_t left, std::int64_t threshold, int processors,
                                   Duration longest);

/* Note what is left.  Short spells without a shortage do not end it, or it would begin again and
 * again. */
void note_left(MemoryShortage &shortage, const AvailableMemory &left, std::int64_t threshold,
               Instant now);

/* Begin the balance, if it has not begun, before the memory of sessions is read. */
void begin_balance(MemoryShortage &shortage, Instant now);

/* How much has been taken by something else than sessions since the balance was begun. */
std::int64_t taken_elsewhere(const MemoryShortage &shortage, std::int64_t all_bytes);

/* Choose after all sessions were read, and what is left once more. */
ReliefChoice choose_relief(MemoryShortage &shortage, const MemoryUsers &users);

} // namespace session_guard
