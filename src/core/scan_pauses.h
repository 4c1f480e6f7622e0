/*
 * How long the guard may pause between two scans of all sessions.
 */
#pragma once

#include "core/limits.h"
#include "core/policy.h"
#include "core/rule.h"

#include <algorithm>

namespace session_guard
{

/*
 * The longest pause after which a scan still finds each episode that began after
 * the scan before in time for its deadline; 0 if no limit is set.  Here and below, a rule
 * counts as if it meant a session, even if it only logs.
 */
Duration shortest_pause(const Policy &policy);
Duration shortest_pause(const RoleDatabaseSettings &stored);
Duration shortest_pause(const Rule &rule);

/* The shortest threshold of the limits on blocking; 0 if none is set. */
Duration shortest_blocking(const Policy &policy);
Duration shortest_blocking(const RoleDatabaseSettings &stored);
Duration shortest_blocking(const Rule &rule);

/*
 * How long somebody must have waited before it is looked who is in the way, for a
 * threshold of these limits: in time to know at the deadline whether an idle session
 * has been still.
 */
Duration wait_before_looking(Duration threshold);

/*
 * The shortest threshold of the limits for which waits are sampled: they are excluded
 * from what is measured, or tell since when others can be blocked.  0 if none is set.
 */
Duration shortest_with_waits(const Policy &policy);
Duration shortest_with_waits(const RoleDatabaseSettings &stored);
Duration shortest_with_waits(const Rule &rule);

/* What goes on in the server that a limit for which waits are sampled depends on. */
enum class Pace : std::uint8_t
{
	Quiet,
	Running,
	Waiting,
};

/*
 * How soon to scan again for such a threshold.  A wait
 * that is not seen counts as running.  So while something runs that could wait, no
 * wait of an eighth of the threshold stays unseen; and while something does wait,
 * many samples show how much of the time that was.
 */
Duration sampling_pause(Duration threshold, Pace pace);

/* The shorter of two pauses, of which 0 is none. */
constexpr Duration
shorter_pause(Duration a, Duration b)
{
	return a == 0 || b == 0 ? std::max(a, b) : std::min(a, b);
}

} // namespace session_guard
