/*
 * The scan pass (see scan_pass.h).
 */
#include "guard/scan_pass.h"

#include "core/decision.h"
#include "core/stillness.h"

#include "shmem/present_time.h"
#include "shmem/tracking.h"

#include "status/scan.h"

#include "policy/policy_cache.h"

#include "guard/announcements.h"
#include "guard/blockers.h"
#include "guard/evaluation.h"
#include "guard/gauges.h"
#include "guard/horizon.h"
#include "guard/logged_episodes.h"
#include "guard/plan.h"
#include "guard/scan_pace.h"
#include "guard/spared_blockers.h"

namespace session_guard
{

namespace
{

/* Track a session that was found, and plan its deadlines. */
void
plan_session(Scanned &found, Instant now, LimitCensus &census)
{
	Session &session = found.session;
	Policy policy = policy_of(session.superuser, found.role, found.database);
	note_blocking(session, found.slot);
	note_horizon(session, found.slot, found.database, policy);
	const TrackingState &tracking = track(found.slot, session, policy, now, Asker::Scan);

	note_pace(session, tracking, policy);
	for (Limit limit : all_limits)
	{
		Decision decision = decide(limit, session, tracking, policy, now);

		plan({.wake = now, .due = now, .session = session.id, .slot = found.slot, .limit = limit},
		     decision, tracking, now);
		census.add(limit, decision, session, tracking, policy);
		if (limit == Limit::HorizonAge)
			name_horizon_holder(decision, session, found.database, tracking, now);
	}
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
	for (Scanned &found : sessions)
		plan_session(found, now, census);
	complete_logged_of_ended();
	note_scan(start, is_full);
	census.announce();
	show_scan(kind, sessions.size(), start);
}

} // namespace session_guard
