/*
 * A session as the guard would judge it now (see present_session.h).
 */
#include "functions/present_session.h"

#include "core/horizon_age.h"
#include "core/peer.h"
#include "core/spared.h"
#include "core/stillness.h"

#include "pg/pg.h"

#include "shmem/tracking.h"

#include "status/locks.h"
#include "status/memory.h"
#include "status/peer.h"
#include "status/sql_values.h"
#include "status/switches.h"

#include "functions/session_columns.h"
#include "functions/waits.h"

namespace session_guard
{

namespace
{

bool
may_end(const HorizonHolder &holder, const PresentPolicies &policies)
{
	Session session{};

	session.state = holder.is_tracked ? State::Active : State::Disabled;
	session.superuser = superuser_now(holder.role);
	return may_end_for_horizon(
	    session, policies.policy_of(session.superuser, bound_of(holder, Patience::Unlimited)));
}

/* Who waits for whom, as the guard sees it. */
WaitGraph
read_waits(const PresentPolicies &policies)
{
	PresentClock present = present_clock();

	if (oldest_lock_wait() == unknown_time)
		return {};
	WaitGraph graph = read_wait_graph(Patience::Unlimited,
	                                  advisory_if(policies.configured().count_advisory_locks),
	                                  present.clock, present.now);
	graph.leave_out_kept_anyway(
	    [&](const WaitNode &root)
	    {
		    BackendSnapshot snapshot;

		    if (!read_session_of(root, snapshot, Patience::Unlimited))
			    return false;
		    snapshot.session.superuser = superuser_now(snapshot.role);
		    return may_end_for_blocking(
		        snapshot.session,
		        policies.policy_of(snapshot.session.superuser, bound_of(snapshot)));
	    });
	return graph;
}

/*
 * Read what a session does to the server, as far as there are limits on that.  Since when its
 * snapshot counts is known to the guard.
 */
void
read_harm(BackendSnapshot &snapshot, const Policy &policy, const TrackingState &tracking,
          const std::optional<HorizonReading> &reading, Instant now)
{
	Session &session = snapshot.session;
	Horizon &horizon = session.horizon;
	const TrackedHorizon &known = tracking.horizon;

	if (is_set(policy, Limit::HorizonAge) && reading)
	{
		complete_horizon(horizon, snapshot.database,
		                 threshold_of(policy.limits, Limit::HorizonAge).value, *reading);
		bool is_known = is_kept_snapshot_known(session, tracking);
		if (horizon.xmin != 0 && is_snapshot_kept(*reading, horizon.xmin))
		{
			horizon.kept_from = is_known ? known.kept_from : reading->next;
			horizon.kept_since = is_known ? known.snapshot.since : now;
		}
	}
	if (threshold_of(policy.limits, Limit::Memory).value != 0 ||
	    threshold_of(policy.limits, Limit::AvailableMemory).value != 0)
		session.memory = memory_of_session(snapshot.backend).value_or(memory_unreadable);
}

/* Read what the limits of a session measure, as the guard does. */
void
measure(PresentSession &present, const Policy &sampled, Others &others)
{
	BackendSnapshot &snapshot = present.snapshot;
	Session &session = snapshot.session;
	TrackingState &tracking = present.tracking;

	session.blocking = blocking_in(others.graph, others.read_at, session.id, tracking);
	read_harm(snapshot, sampled, tracking, others.horizon, present.now);
	place(tracking, session, present.clock, present.now);
	if (wants_switches(session, tracking, sampled, present.now, Asker::Evaluation))
		read_switches(session);
	observe(tracking, session, present.now);
	observe_memory(tracking, session, threshold_of(sampled.limits, Limit::Memory).value,
	               present.now);
	if (is_set(present.policy, Limit::DeadClient) && is_running(session))
		session.peer = read_peer(session, snapshot.backend.slot, tracking.peer).peer;
}

} // namespace

Others
read_others(const PresentPolicies &policies)
{
	Others others{.read_at = present_clock().now,
	              .graph = read_waits(policies),
	              .horizon = read_horizon([&](const HorizonHolder &holder)
	                                      { return may_end(holder, policies); }),
	              .prepared = {}};

	if (others.graph.find(prepared_transaction) != nullptr)
		others.prepared = read_prepared_transactions();
	return others;
}

const char *
roots_of(std::int32_t pid, Others &others)
{
	constexpr int most = 20;
	StringInfoData roots;
	int count = 0;

	initStringInfo(&roots);
	others.graph.for_each_root_above(pid,
	                                 [&](const WaitNode &root)
	                                 {
		                                 if (count++ < most)
			                                 appendStringInfo(&roots, "%s%s", count > 1 ? ", " : "",
			                                                  name_of_root(root, others.prepared));
	                                 });
	if (count > most)
		appendStringInfo(&roots, ", %d more", count - most);
	return count > 0 ? roots.data : nullptr;
}

PresentSession
present_session(const BackendSnapshot &snapshot, const PresentPolicies &policies, Others &others,
                const char *query)
{
	PresentClock clock = present_clock();
	Superuser superuser = superuser_now(snapshot.role);
	PresentSession present{.snapshot = snapshot,
	                       .tracking = read_tracking(snapshot.backend.slot),
	                       .policy = policies.policy_of(superuser, bound_of(snapshot), query),
	                       .names = names_of(snapshot, converted_string),
	                       .clock = clock.clock,
	                       .now = clock.now};

	present.names.exempting_rule = converted_string(
	    rule_name(policies.rules(), present.policy.exempt.source, present.policy.exempt.rule));
	present.snapshot.session.superuser = superuser;
	/* What only logs is measured as well. */
	measure(present, with_trials(present.policy), others);
	return present;
}

bool
is_bound(const BackendSnapshot &snapshot)
{
	return is_guarded(snapshot) && snapshot.session.state != State::Starting;
}

} // namespace session_guard
