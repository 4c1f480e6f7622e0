/*
 * How many sessions a limit that comes into force concerns.
 */
#pragma once

#include "core/decision.h"

#include <array>
#include <type_traits>

namespace session_guard
{

struct Census
{
	/* Sessions that exceed the limit and are not spared. */
	std::int64_t over;
	/* Sessions that are spared from it, by reason. */
	std::array<std::int64_t, spared_count> spared;
};
static_assert(std::is_trivially_destructible_v<Census>);

/*
 * Count a session by what was decided about it.  A session counts as spared if it
 * exceeds the limit and is spared now, or if it would be spared in any case.
 */
void count_session(Census &census, Limit limit, const Decision &decision, const Session &session,
                   const TrackingState &tracking, const Policy &policy);

} // namespace session_guard
