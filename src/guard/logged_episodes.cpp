/*
 * How long logged episodes lasted in the end (see logged_episodes.h).
 */
#include "guard/logged_episodes.h"

#include "core/forecast.h"

#include "shmem/tracking.h"
#include "shmem/worker_slot.h"

#include "action/events.h"

#include <algorithm>

namespace session_guard
{

namespace
{

/* An episode may be followed; true until all were asked, since a guard before this one may have
 * begun to follow one. */
bool may_follow = true;

bool
follows(const TrackingState &tracking)
{
	return std::ranges::any_of(tracking.logged_event,
	                           [](std::uint64_t event) { return event != 0; });
}

/* Bring the last measure to the event, which is not followed any more. */
void
complete(TrackingState &tracking, Limit limit)
{
	std::uint64_t &event = tracking.logged_event[index_of(limit)];

	if (complete_event(event, tracking.logged_for[index_of(limit)]))
		request_work(WorkerKind::History);
	event = 0;
}

/* Have the event of an episode stay as it is. */
void
forget_logged(int slot, Limit limit)
{
	if (tracking_of(slot).logged_event[index_of(limit)] != 0)
		change_tracking(slot, [&](TrackingState &tracking)
		                { tracking.logged_event[index_of(limit)] = 0; });
}

} // namespace

void
follow_logged(TrackingState &tracking, Limit limit, std::uint64_t event, Duration measured)
{
	tracking.logged_event[index_of(limit)] = event;
	tracking.logged_for[index_of(limit)] = measured;
	may_follow = true;
}

void
measure_logged(TrackingState &tracking, const Session &session, const Policy &policy, Instant now)
{
	for (Limit limit : all_limits)
	{
		std::uint64_t &event = tracking.logged_event[index_of(limit)];

		if (event == 0)
			continue;
		/* The limit is not logged any more. */
		if (policy.mode != Mode::Log || threshold_of(policy.limits, limit).value == 0)
		{
			event = 0;
			continue;
		}
		std::optional<Verdict> verdict = forecast(limit, session, tracking, policy, now).verdict;
		if (verdict && verdict->episode.stamp == tracking.logged[index_of(limit)])
			tracking.logged_for[index_of(limit)] = verdict->measured;
		else
			complete(tracking, limit);
	}
}

void
leave_logged(bool (*is_logged)(Limit limit))
{
	for (int slot = 0; may_follow && slot < slot_count(); slot++)
		for (Limit limit : all_limits)
			if (!is_logged(limit))
				forget_logged(slot, limit);
}

void
complete_logged(TrackingState &tracking)
{
	for (Limit limit : all_limits)
		if (tracking.logged_event[index_of(limit)] != 0)
			complete(tracking, limit);
}

void
complete_logged_of_ended()
{
	BackendSnapshot snapshot;

	if (!may_follow)
		return;
	may_follow = false;
	for (int slot = 0; slot < slot_count(); slot++)
	{
		const TrackingState &tracking = tracking_of(slot);

		if (!follows(tracking))
			continue;
		if (read_session(slot, tracking.session, snapshot, Patience::None) == ReadResult::Gone)
			change_tracking(slot, complete_logged);
		else
			may_follow = true;
	}
}

} // namespace session_guard
