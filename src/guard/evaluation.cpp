/*
 * The evaluation of one session (see evaluation.h).
 */
#include "guard/evaluation.h"

#include "core/memory_sampling.h"
#include "core/peer.h"

#include "shmem/event.h"
#include "shmem/present_time.h"
#include "shmem/tracking.h"

#include "status/catalogs.h"
#include "status/switches.h"

#include "policy/current_rules.h"
#include "policy/policy_cache.h"

#include "guard/headroom.h"
#include "guard/horizon.h"
#include "guard/logged_episodes.h"
#include "guard/memory_shortage.h"
#include "guard/names.h"
#include "guard/session_memory.h"
#include "guard/session_peer.h"

namespace session_guard
{

namespace
{

/* Space for the text of a query. */
char *query = nullptr;

} // namespace

Names
names_of(const Evaluation &evaluation, Converter *shown)
{
	Names names = known_names_of(evaluation.snapshot, shown);

	names.rule = shown(evaluation.rule.data());
	names.exempting_rule = shown(evaluation.exempting_rule.data());
	return names;
}

void
prepare_evaluation()
{
	query = static_cast<char *>(MemoryContextAllocZero(TopMemoryContext, query_size()));
}

const TrackingState &
track(int slot, Session &session, const Policy &policy, Instant now, Asker asker)
{
	change_tracking(slot,
	                [&](TrackingState &tracking)
	                {
		                if (tracking.session != session.id)
			                complete_logged(tracking);
		                place(tracking, session, wall_clock(), now);
		                if (wants_switches(session, tracking, policy, now, asker))
			                read_switches(session);
		                if (session.memory == memory_not_read &&
		                    wants_memory(session, tracking, policy, now))
			                read_memory(session, slot);
		                observe(tracking, session, now);
		                observe_memory(tracking, session,
		                               threshold_of(policy.limits, Limit::Memory).value, now);
		                measure_logged(tracking, session, policy, now);
	                });
	return tracking_of(slot);
}

Evaluation
evaluate(Limit limit, int slot, SessionId id, LockTable wanted, bool is_trial)
{
	Evaluation evaluation{};

	/* An exemption may have been committed meanwhile. */
	refresh_policies();
	evaluation.result = read_session(slot, id, evaluation.snapshot, Patience::None, query);
	/* A worker whose type cannot be told any more is about to end. */
	if (evaluation.result == ReadResult::Read && !is_guarded(evaluation.snapshot))
		evaluation.result = ReadResult::Gone;
	evaluation.query = query;
	/* Read after the status: what has been given back meanwhile is nobody's fault. */
	evaluation.is_fresh =
	    !measures_blocking(limit) || evaluation.result != ReadResult::Read || read_blockers(wanted);

	Moment moment = take_time();
	evaluation.at = moment.now;
	evaluation.wall = moment.wall;
	if (evaluation.result != ReadResult::Read)
		return evaluation;

	Session &session = evaluation.snapshot.session;
	session.superuser = superuser_of_session(evaluation.snapshot.role);
	evaluation.policy = policy_of(session.superuser, bound_of(evaluation.snapshot), query);
	Policy sampled = with_trials(evaluation.policy);
	if (is_trial)
		evaluation.policy = trial_of(evaluation.policy, limit);
	if (measures_blocking(limit))
	{
		note_blocking(session, slot);
		count_waiters(session);
	}
	if (limit == Limit::HorizonAge)
	{
		reread_horizon(evaluation.at);
		note_horizon(session, slot, evaluation.snapshot.database, sampled);
	}
	if (limit == Limit::Memory)
		read_memory(session, slot);
	if (limit == Limit::AvailableMemory)
		read_shortage(session, slot, evaluation.at);
	else
		note_shortage(session);
	if (limit == Limit::Headroom)
		read_room(session);
	else
		note_room(session);
	evaluation.tracking = &track(slot, session, sampled, evaluation.at, Asker::Evaluation);
	if (limit == Limit::DeadClient &&
	    wants_peer(session, *evaluation.tracking, evaluation.policy, evaluation.at))
		read_session_peer(session, slot, evaluation.at);
	evaluation.decision =
	    decide(limit, session, *evaluation.tracking, evaluation.policy, evaluation.at);
	const Threshold &threshold = threshold_of(evaluation.policy.limits, limit);
	const Exemption &exempt = evaluation.policy.exempt;
	copy_text(evaluation.rule, rule_name(threshold.source, threshold.rule));
	copy_text(evaluation.exempting_rule, rule_name(exempt.source, exempt.rule));
	return evaluation;
}

} // namespace session_guard
