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
complete(TrackingState &tracking, std::size_t index)
{
	std::uint64_t &event = tracking.logged_event[index];

	if (complete_event(event, tracking.logged_for[index]))
		request_work(WorkerKind::History);
	event = 0;
}

/* Have the event of an episode stay as it is. */
void
forget_logged(int slot, std::size_t index)
{
	if (tracking_of(slot).logged_event[index] != 0)
		change_tracking(slot, [&](TrackingState &tracking) { tracking.logged_event[index] = 0; });
}

/* Measure, or complete, what is followed of a limit under a policy that only logs it. */
void
measure(TrackingState &tracking, Limit limit, const Session &session, const Policy &policy,
        Instant now)
{
	std::size_t index = logged_index(limit, policy.is_trial);

	if (tracking.logged_event[index] == 0)
		return;
	/* The limit is not logged any more. */
	if (policy.mode != Mode::Log || threshold_of(policy.limits, limit).value == 0)
	{
		tracking.logged_event[index] = 0;
		return;
	}
	std::optional<Verdict> verdict = forecast(limit, session, tracking, policy, now).verdict;
	if (verdict && verdict->episode.stamp == tracking.logged[index])
		tracking.logged_for[index] = verdict->measured;
	else
		complete(tracking, index);
}

} // namespace

void
follow_logged(TrackingState &tracking, Limit limit, bool is_trial, std::uint64_t event,
              Duration measured)
{
	tracking.logged_event[logged_index(limit, is_trial)] = event;
	tracking.logged_for[logged_index(limit, is_trial)] = measured;
	may_follow = true;
}

void
measure_logged(TrackingState &tracking, const Session &session, const Policy &policy, Instant now)
{
	for (Limit limit : all_limits)
	{
		measure(tracking, limit, session, policy, now);
		if (tracking.logged_event[logged_index(limit, true)] != 0)
			measure(tracking, limit, session, trial_of(policy, limit), now);
	}
}

void
leave_logged(bool (*is_logged)(Limit limit, bool is_trial))
{
	for (int slot = 0; may_follow && slot < slot_count(); slot++)
		for (Limit limit : all_limits)
			for (bool is_trial : {false, true})
				if (!is_logged(limit, is_trial))
					forget_logged(slot, logged_index(limit, is_trial));
}

void
complete_logged(TrackingState &tracking)
{
	for (std::size_t index = 0; index < tracking.logged_event.size(); index++)
		if (tracking.logged_event[index] != 0)
			complete(tracking, index);
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
