/*
 * The deadlines that are known, earliest first: a binary heap over memory that
 * the caller owns.
 *
 * When the memory is full the latest deadline is left out: its session is found
 * again by the next scan.
 */
#pragma once

#include "core/limits.h"
#include "core/session.h"

#include <span>
#include <type_traits>

namespace session_guard
{

struct Deadline
{
	/* When to read the session: at the deadline itself, or later for one that was spared. */
	Instant wake;
	/* When the limit was reached: the session that exceeds its limit longest comes first. */
	Instant due;
	SessionId session;
	/* Where the session stands in the backend-status array. */
	std::int32_t slot;
	Limit limit;
	/* It is one of what a rule that only logs would put in the limit's place. */
	bool is_trial = false;
};
static_assert(std::is_trivially_copyable_v<Deadline>);

/* The order of deadlines: by wake-up, by deadline, by action (milder first), by limit. */
bool comes_before(const Deadline &a, const Deadline &b);

class Deadlines
{
  public:
	Deadlines() = default;
	explicit Deadlines(std::span<Deadline> memory) : memory_(memory)
	{
	}

	bool
	empty() const
	{
		return count_ == 0;
	}
	std::size_t
	size() const
	{
		return count_;
	}
	void
	clear()
	{
		count_ = 0;
	}

	/* The next wake-up; never, if there is none. */
	Instant next_wake() const;

	/* Add one; false if it, or a later one in its favor, had to be left out. */
	bool push(const Deadline &deadline);

	/* Take out the first.  Only if not empty. */
	Deadline pop();

  private:
	std::span<Deadline> memory_;
	std::size_t count_ = 0;
};
static_assert(std::is_trivially_destructible_v<Deadlines>);

} // namespace session_guard
