/*
 * At most so many actions in any minute.
 */
#pragma once

#include "core/time.h"

#include <array>
#include <cstddef>
#include <type_traits>

namespace session_guard
{

/* The most that pg_session_guard.max_actions_per_minute can be. */
inline constexpr std::size_t largest_budget = 1000;

/* When the last actions were taken, by the monotonic clock.  Lives in shared memory. */
struct Budget
{
	/* A ring; 0 where there was none. */
	std::array<Duration, largest_budget> taken;
	/* Where the next goes. */
	std::size_t next;
};
static_assert(std::is_trivially_destructible_v<Budget>);

/* Note an action. */
void spend(Budget &budget, Duration now);

/* How many more actions are allowed now.  A cap of 0 is none. */
std::size_t left_in(const Budget &budget, std::size_t cap, Duration now);

/* When the next action is allowed: now, or later. */
Duration allowed_at(const Budget &budget, std::size_t cap, Duration now);

} // namespace session_guard
