/*
 * Whether a session has really been still (see stillness.h).
 */
#include "core/stillness.h"

#include "core/episode.h"
#include "core/spared.h"

#include <optional>

namespace session_guard
{

namespace
{

/* The wait for the client that a limit measures. */
std::optional<Episode>
wait_for_client(Limit limit, const Session &session, const TrackingState &tracking)
{
	/* Whether the session will have to make room is not known yet. */
	return limit == Limit::Headroom ? idle_episode(session, tracking)
	                                : episode_of(limit, session, tracking);
}

/* How long it lasts before the switches of the process are wanted. */
Duration
wait_before_reading(Limit limit, Duration longest)
{
	return limit == Limit::Headroom ? longest / 2 : longest - reading_before_deadline(longest);
}

} // namespace

bool
wants_switches(const Session &session, const TrackingState &tracking, const Policy &policy,
               Instant now, Asker asker)
{
	/* A process that was found awake has told nothing. */
	bool is_known = tracking.still.since != unknown_time && !tracking.still.is_awake &&
	                tracking.still.state_change == session.state_change;
	auto wants_them = [&](Limit limit)
	{
		Duration longest = longest_wait(limit, policy);

		if (!measures_wait_for_client(limit) || longest == 0 || (asker == Asker::Scan && is_known))
			return false;
		std::optional<Episode> episode = wait_for_client(limit, session, tracking);
		return episode && now >= later(episode->start, wait_before_reading(limit, longest)) &&
		       spared_from(limit, session, tracking, policy) == Spared::No;
	};

	return policy.mode != Mode::Off && std::ranges::any_of(all_limits, wants_them);
}

/*
 * A message may take its time.  But a session that is idle by its status must not
 * keep its locks by sending one byte a second: from its deadline, or from the
 * first reading of its process after that, it has as much time again.  The server
 * itself says of such a session that it is idle; of an active one nothing better
 * is known.
 */
Instant
still_enough_at(Limit limit, Duration threshold, Instant deadline, const Session &session,
                const TrackingState &tracking, Instant now)
{
	if (!measures_wait_for_client(limit) || session.switches == switches_unreadable)
		return beginning;
	Instant settled = later(tracking.still.since, stillness_for(threshold));
	/* Whatever an awake process does takes a moment only, unless it works on a message. */
	if (tracking.still.is_awake)
		settled = later(tracking.read_at, 10 * millisecond);
	/* Switches that have not been read yet are read by the next evaluation. */
	else if (tracking.still.since == unknown_time)
		return now + 1;
	if (session.state == State::Active)
		return settled;
	return std::min(settled, later(std::max(deadline, tracking.still.asked_since),
	                               std::max(threshold, minute)));
}

} // namespace session_guard
