/*
 * The scan pass (see scan_pass.h).
 */
#include "guard/scan_pass.h"

#include "core/decision.h"
#include "core/peer.h"
#include "core/stillness.h"

#include "shmem/present_time.h"
#include "shmem/tracking.h"

#include "status/scan.h"

#include "policy/policy_cache.h"

#include "guard/announcements.h"
#include "guard/blockers.h"
#include "guard/evaluation.h"
#include "guard/gauges.h"
#include "guard/headroom.h"
#include "guard/horizon.h"
#include "guard/logged_episodes.h"
#include "guard/memory_shortage.h"
#include "guard/plan.h"
#include "guard/scan_pace.h"
#include "guard/session_memory.h"
#include "guard/session_peer.h"
#include "guard/spared_blockers.h"

#include <algorithm>

namespace session_guard
{

namespace
{

/* Note that a session is over a limit that has just come into force, and measures no deadline. */
void
note_over_when_new(int slot, const Decision &decision)
{
	const Verdict &verdict = decision.verdict;

	change_tracking(slot, [&](TrackingState &tracking)
	                { tracking.over_when_new[index_of(verdict.limit)] = verdict.episode.stamp; });
}

/* Plan what a rule that only logs would put in the place of a limit. */
void
plan_trial(Limit limit, const Scanned &found, const TrackingState &tracking, const Policy &policy,
           Instant now)
{
	if (threshold_of(policy.trials, limit).value == 0)
		return;
	plan({.wake = now,
	      .due = now,
	      .session = found.session.id,
	      .slot = found.slot,
	      .limit = limit,
	      .is_trial = true},
	     decide(limit, found.session, tracking, trial_of(policy, limit), now), tracking, now);
}

/* Decide about the limits that a session has of its own, and plan its deadlines. */
void
plan_limits(const Scanned &found, const TrackingState &tracking, const Policy &policy, Instant now,
            LimitCensus &census)
{
	const Session &session = found.session;

	for (Limit limit : all_limits)
	{
		if (bounds_what_is_left(limit))
			continue;
		plan_trial(limit, found, tracking, policy, now);
		Decision decision = decide(limit, session, tracking, policy, now);

		if (is_new(limit) && !measures_time(limit) && decision.verdict.deadline != 0)
			note_over_when_new(found.slot, decision);
		plan({.wake = now, .due = now, .session = session.id, .slot = found.slot, .limit = limit},
		     decision, tracking, now);
		census.add(limit, decision, session, tracking, policy);
		if (limit == Limit::HorizonAge)
			name_horizon_holder(decision, session, found.bound.database, tracking, now);
	}
}

/* Is a session over a limit, or over what only logs? */
bool
is_over_any(const Session &session, const TrackingState &tracking, const Policy &policy,
            Instant now)
{
	return std::ranges::any_of(
	    all_limits, [&](Limit limit)
	    { return decide(limit, session, tracking, policy, now).verdict.deadline != 0; });
}

/*
 * What binds a session for a scan.  Its query is compared with expressions only if it is over
 * something, or if it is to be told from others that may be ended for all.
 */
Policy
settle(const PlannedPolicy &planned, const Policy &sampled, const Scanned &found,
       const TrackingState &tracking, bool is_compared, Instant now)
{
	if (!planned.depends_on_query || (!is_compared && !chooses_who_goes() &&
	                                  !is_over_any(found.session, tracking, sampled, now)))
		return planned.policy;
	return policy_of(found.session.superuser, found.bound);
}

/* Track a session that was found, and plan its deadlines. */
void
plan_session(Scanned &found, bool is_compared, Instant now, LimitCensus &census)
{
	Session &session = found.session;
	PlannedPolicy planned = planned_policy_of(session.superuser, found.bound);
	Policy sampled = with_trials(planned.policy);
	note_blocking(session, found.slot);
	note_horizon(session, found.slot, found.bound.database, sampled);
	if (is_compared)
		read_memory(session, found.slot);
	note_shortage(session);
	note_room(session);
	const TrackingState &tracking = track(found.slot, session, sampled, now, Asker::Scan);
	Policy policy = settle(planned, sampled, found, tracking, is_compared, now);

	/* Otherwise a scan does not ask: how many are over the limit is told once. */
	if (is_new(Limit::DeadClient) && wants_peer(session, tracking, policy, now))
		read_session_peer(session, found.slot, now);
	note_pace(session, tracking, sampled);
	compare_memory(found, tracking, policy, now);
	consider_to_go(found, tracking, policy, now);
	plan_limits(found, tracking, policy, now, census);
}

} // namespace

void
scan_all(Instant start)
{
	LimitCensus census;
	bool is_full = full_scan_is_due(start) || some_limit_is_new();
	ScanKind kind = is_full ? ScanKind::Full : ScanKind::Between;

	clear_plan();
	begin_pace();
	std::span<Scanned> sessions = scan_sessions(kind);
	if (WaitGraph *graph = look_for_blockers(start))
		name_other_blockers(*graph, shortest_blocking_of_all(), start);
	/* The scan has taken its time, and what it found is not older than this. */
	Instant now = take_time().now;
	look_at_horizon(now);
	bool compares_memory = begin_comparison(now);
	begin_to_choose();
	for (Scanned &found : sessions)
		plan_session(found, compares_memory, now, census);
	if (std::optional<Deadline> relief = session_to_go(now))
		plan_reading(*relief, now);
	for (const IdleSession &one : sessions_to_make_room(now))
		plan_reading({.wake = now,
		              .due = one.since,
		              .session = one.session,
		              .slot = one.slot,
		              .limit = Limit::Headroom},
		             now);
	complete_logged_of_ended();
	note_scan(start, is_full);
	census.announce();
	show_scan(kind, sessions.size(), start);
}

} // namespace session_guard
