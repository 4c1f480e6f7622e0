/*
 * When the next scan is due (see scan_pace.h).
 */
#include "guard/scan_pace.h"

#include "core/episode.h"
#include "core/scan_pauses.h"

#include "pg/pg.h"

#include "settings/settings.h"

#include "policy/policy_cache.h"

#include <algorithm>
#include <cmath>

namespace session_guard
{

namespace
{

/* No two scans follow each other faster, whatever the limits are. */
constexpr Duration scan_floor = smallest_threshold / 2;

/* For how many scans after the last wait was seen the pace of waiting goes on. */
constexpr int scans_after_wait = 20;

Instant last_scan;
Instant last_full_scan;
bool is_asked_for;
/* A scan is asked for then; never, if none is. */
Instant asked_for_at = never;

/* How many more scans are to go on at the pace of waiting. */
int scans_for_waits;
/* Has the last scan found a statement or transaction that is measured without its waits? */
bool saw_running;
/*
 * What the pause to the next sample of waits is multiplied by.  When it comes
 * must not be known to anybody, not even from when the last one came: a session
 * that waits at each sample, and only then, would seem to wait all the time.
 */
double unevenness = 1;

/* Draw a factor whose mean is 1, and which has no memory but for its bounds. */
double
draw_unevenness()
{
	return std::clamp(-std::log(1 - pg_prng_double(&pg_global_prng_state)), 0.02, 3.0);
}

Pace
pace()
{
	if (scans_for_waits > 0)
		return Pace::Waiting;
	return saw_running ? Pace::Running : Pace::Quiet;
}

/* The pause before the next sample of waits. */
Duration
sample_pause(Duration shortest_with_waits)
{
	Duration sample = std::max(sampling_pause(shortest_with_waits, pace()), scan_floor);

	if (pace() == Pace::Waiting)
		sample = static_cast<Duration>(static_cast<double>(sample) * unevenness);
	return sample;
}

/* The pause before the next scan; 0 if no limit is in force. */
Duration
scan_pause()
{
	Duration pause = shortest_pause_of_all();
	Duration with_waits = shortest_with_waits_of_all();

	if (pause == 0)
		return 0;
	pause = std::max(std::min(pause, naptime()), scan_floor);
	return with_waits == 0 ? pause : std::min(pause, sample_pause(with_waits));
}

/*
 * Is the session in an episode of a limit that waits are taken off?  Whoever runs may be in
 * the way of others, which counts from the end of its own last wait for a lock.
 */
bool
is_measured_without_waits(const Session &session, const TrackingState &tracking,
                          const Policy &policy)
{
	return std::ranges::any_of(
	    all_limits,
	    [&](Limit limit)
	    {
		    if (threshold_of(policy.limits, limit).value == 0)
			    return false;
		    return limit == Limit::Blocker
		               ? is_running(session)
		               : excludes_waits(limit) && episode_of(limit, session, tracking).has_value();
	    });
}

} // namespace

void
ask_for_scan()
{
	is_asked_for = shortest_pause_of_all() != 0;
}

bool
scan_is_asked_for()
{
	return is_asked_for;
}

void
ask_for_scan_at(Instant at)
{
	asked_for_at = std::min(asked_for_at, at);
}

void
note_lock_wait()
{
	scans_for_waits = scans_after_wait;
}

void
postpone_scan(Instant now)
{
	last_scan = now;
}

Instant
next_scan()
{
	Duration pause = scan_pause();

	if (is_asked_for)
		return later(last_scan, scan_floor);
	if (pause == 0)
		return never;
	return std::min(later(last_scan, pause), std::max(asked_for_at, later(last_scan, scan_floor)));
}

bool
full_scan_is_due(Instant now)
{
	return now >= later(last_full_scan, naptime());
}

void
begin_pace()
{
	saw_running = false;
	asked_for_at = never;
	scans_for_waits = std::max(0, scans_for_waits - 1);
}

void
note_pace(const Session &session, const TrackingState &tracking, const Policy &policy)
{
	if (!is_measured_without_waits(session, tracking, policy))
		return;
	saw_running = true;
	if (tracking.waited_for == SeenWait::Lock || tracking.waited_for == SeenWait::Standby)
		scans_for_waits = scans_after_wait;
}

void
note_scan(Instant start, bool is_full)
{
	last_scan = start;
	unevenness = draw_unevenness();
	if (is_full)
		last_full_scan = start;
	is_asked_for = false;
}

} // namespace session_guard
