/*
 * How long the guard may pause between two scans of all sessions.
 */
#pragma once

#include "core/limits.h"
#include "core/policy.h"

#include <algorithm>

namespace session_guard
{

/*
 * The longest pause after which a scan still finds each episode that began after
 * the scan before in time for its deadline; 0 if no limit is set.
 */
Duration shortest_pause(const Policy &policy);
Duration shortest_pause(const RoleDatabaseSettings &stored);

/* The shortest threshold of the limits that exclude waits; 0 if none of them is set. */
Duration shortest_with_waits(const Policy &policy);
Duration shortest_with_waits(const RoleDatabaseSettings &stored);

/* What goes on in the server that a limit which excludes waits depends on. */
enum class Pace : std::uint8_t
{
	Quiet,
	Running,
	Waiting,
};

/*
 * How soon to scan again for a threshold of a limit that excludes waits.  A wait
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
