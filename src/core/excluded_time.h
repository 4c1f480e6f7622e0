/*
 * What is excluded from the time of an episode: waits for other sessions' locks
 * and spared maintenance if the policy says so, waits for a synchronous standby,
 * and, for a statement, pauses of its client.
 */
#pragma once

#include "core/limits.h"
#include "core/policy.h"
#include "core/session.h"
#include "core/tracking_state.h"

#include <type_traits>

namespace session_guard
{

struct ExcludedTime
{
	/* Seen until the last reading. */
	Duration seen;
	/*
	 * Presumed of an episode that had begun before the session was first read in
	 * it: it is presumed to have waited then for as large a part of the time as it
	 * has since.
	 */
	Duration presumed;

	constexpr Duration
	total() const
	{
		return seen + presumed;
	}
};
static_assert(std::is_trivially_destructible_v<ExcludedTime>);

/* The time excluded from an episode of a limit that began at "start"; after observe(). */
ExcludedTime excluded_time(Limit limit, Instant start, const Session &session,
                           const TrackingState &tracking, const Policy &policy);

/* Has the session run more maintenance than is spared from this limit? */
bool has_used_up_maintenance(Limit limit, const Session &session, const TrackingState &tracking,
                             const Policy &policy);

} // namespace session_guard
