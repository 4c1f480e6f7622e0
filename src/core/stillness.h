/*
 * Whether a session that is idle by its status has really been still, or a
 * message of its client has been arriving.
 *
 * A message that arrives in pieces wakes the process with each of them, while
 * its status says all the time that it waits for one.  Only the context switches
 * of the process show the difference.
 */
#pragma once

#include "core/limits.h"
#include "core/policy.h"
#include "core/session.h"
#include "core/tracking_state.h"

#include <algorithm>

namespace session_guard
{

/* For how long an idle session must have been still before it is ended. */
constexpr Duration
stillness_for(Duration threshold)
{
	return std::min(second, threshold / 2);
}

/* How long before its deadline to read an idle session, to be sure at the deadline. */
constexpr Duration
reading_before_deadline(Duration threshold)
{
	return stillness_for(threshold) + stillness_for(threshold) / 4;
}

/*
 * For how long a session may have its client wait under a limit that measures that; 0 if the
 * limit is off.  Who makes room for new connections has been idle for this long at least.
 */
constexpr Duration
longest_wait(Limit limit, const Policy &policy)
{
	Duration threshold = threshold_of(policy.limits, limit).value;

	return limit == Limit::Headroom && threshold != 0 ? policy.headroom_min_idle : threshold;
}

/* Who asks whether the context switches of a process are wanted. */
enum class Asker : std::uint8_t
{
	Scan,
	Evaluation,
};

/*
 * Are the context switches of the process needed to judge the session?
 *
 * They cost the guard two reads in /proc, so they are wanted only of sessions that
 * have been idle, or have seemed to pause, for nearly as long as they may; for half as
 * long as that of those that may have to make room for a newcomer, who cannot wait.  A
 * scan wants them until they have told something; an evaluation, which may end the
 * session, always.  After place().
 */
bool wants_switches(const Session &session, const TrackingState &tracking, const Policy &policy,
                    Instant now, Asker asker);

/*
 * From when an idle session that exceeds a limit has been still for long enough
 * to be ended, if it stays still; long ago if that does not matter, or cannot be
 * known.
 */
Instant still_enough_at(Limit limit, Duration threshold, Instant deadline, const Session &session,
                        const TrackingState &tracking, Instant now);

} // namespace session_guard
