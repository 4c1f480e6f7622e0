/*
 * The deadline pass (see deadline_pass.h).
 */
#include "guard/deadline_pass.h"

#include "core/decision.h"
#include "core/escalation.h"

#include "shmem/counters.h"
#include "shmem/tracking.h"

#include "policy/policy_cache.h"
#include "policy/policy_changes.h"

#include "guard/blockers.h"
#include "guard/enforce.h"
#include "guard/evaluation.h"
#include "guard/headroom.h"
#include "guard/plan.h"
#include "guard/spared_blockers.h"
#include "guard/throttle.h"

namespace session_guard
{

namespace
{

/* Before a session is evaluated again of which it is not known what binds it. */
constexpr Duration pause_in_doubt = 100 * millisecond;

/* How many evaluations in a row have not led to an action, though the limit was reached. */
std::int32_t
times_spared(const Deadline &deadline, const Evaluation &evaluation)
{
	return evaluation.tracking->times_spared[logged_index(deadline.limit, deadline.is_trial)];
}

void
set_times_spared(const Deadline &deadline, std::int32_t times)
{
	change_tracking(
	    deadline.slot, [&](TrackingState &tracking)
	    { tracking.times_spared[logged_index(deadline.limit, deadline.is_trial)] = times; });
}

/* Put what was decided in the plan. */
void
plan_by(const Deadline &deadline, const Evaluation &evaluation)
{
	plan(deadline, evaluation.decision, *evaluation.tracking, evaluation.at);
}

/* Was the role whose limit it is taken on only after the deadline? */
bool
was_bound_too_late(const Evaluation &evaluation)
{
	const Verdict &verdict = evaluation.decision.verdict;

	return is_of_taken_role(verdict.threshold.source) && verdict.since_cancel == 0 &&
	       verdict.deadline < evaluation.snapshot.taken_role.since;
}

/* Did nothing delay the action beyond the deadline: no exemption, no earlier cancel? */
bool
was_in_time(const Deadline &deadline, const Evaluation &evaluation)
{
	return times_spared(deadline, evaluation) == 0 && !was_bound_too_late(evaluation) &&
	       (evaluation.decision.verdict.since_cancel != 0 ||
	        !is_escalating(evaluation.tracking->escalation,
	                       running_statement(evaluation.snapshot.session)));
}

/* The session has moved on between the evaluation and the signal: try again soon. */
void
try_again(const Deadline &deadline, const Evaluation &evaluation)
{
	std::int32_t times = times_spared(deadline, evaluation);

	plan_reading(deadline,
	             evaluation.at + pause_before_reading_again(Spared::InTransaction, times));
	set_times_spared(deadline, times + 1);
	if (deadline.limit == Limit::Headroom)
		note_not_gone(evaluation.at);
}

/* After a cancel, plan what follows if the statement survives it. */
void
plan_escalation(const Deadline &deadline, const Evaluation &evaluation)
{
	plan(deadline,
	     decide(deadline.limit, evaluation.snapshot.session, *evaluation.tracking,
	            evaluation.policy, evaluation.at),
	     *evaluation.tracking, evaluation.at);
}

/* Act on a verdict, unless it has to wait its turn in the throttle. */
void
act_or_throttle(const Deadline &deadline, const Evaluation &evaluation, bool was_throttled)
{
	const Verdict &verdict = evaluation.decision.verdict;
	bool is_late = is_catch_up(verdict, *evaluation.tracking);

	if (must_be_throttled(verdict, is_late, was_throttled, evaluation.at))
	{
		Deadline waiting = deadline;

		waiting.wake = waiting.due = verdict.deadline;
		enqueue_throttled(waiting);
		return;
	}

	/* What does not measure time has no moment at which it was due. */
	bool is_punctual = measures_time(verdict.limit) && !is_late && !was_throttled &&
	                   was_in_time(deadline, evaluation);
	switch (enforce(evaluation, is_punctual))
	{
		case Outcome::Gone:
			return;
		case Outcome::Raced:
			try_again(deadline, evaluation);
			return;
		default:
			break;
	}
	if (verdict.action == Action::Cancel)
		plan_escalation(deadline, evaluation);
	/* What only logs takes nobody's turn. */
	if (is_late && !deadline.is_trial)
		note_throttled_action(evaluation.at);
}

/* Of several that keep one session waiting, one ends at a time: how long to leave this one. */
Duration
wait_for_another(Limit limit, const Evaluation &evaluation)
{
	return measures_blocking(limit) && evaluation.decision.outlook == Outlook::Due &&
	               evaluation.decision.verdict.action != Action::Log
	           ? pause_for_another(evaluation.snapshot.session)
	           : 0;
}

/* A session that was neither due nor gone: plan its next evaluation. */
void
leave(const Deadline &deadline, const Evaluation &evaluation)
{
	std::int32_t times = times_spared(deadline, evaluation);

	if (!deadline.is_trial)
		name_spared_blocker(evaluation);
	plan_by(deadline, evaluation);
	set_times_spared(deadline, evaluation.decision.outlook == Outlook::Spared ? times + 1 : 0);
	if (deadline.limit == Limit::Headroom)
		note_not_gone(evaluation.at);
}

/* Do what the present state of a session asks for. */
void
handle(const Deadline &deadline, const Evaluation &evaluation, Duration wait, bool was_throttled)
{
	switch (evaluation.result)
	{
		case ReadResult::Gone:
			return;
		case ReadResult::Unreadable:
			plan_reading(deadline,
			             evaluation.at + pause_before_reading_again(Spared::Unreadable, 0));
			return;
		case ReadResult::Read:
			break;
	}
	if (evaluation.decision.outlook != Outlook::Due)
		leave(deadline, evaluation);
	/* Nothing is announced that would then be left undone. */
	else if (policies_are_in_doubt())
		plan_reading(deadline, evaluation.at + pause_in_doubt);
	else if (wait > 0)
		plan_reading(deadline, evaluation.at + wait);
	else
		act_or_throttle(deadline, evaluation, was_throttled);
}

/*
 * Evaluate the session of a deadline, and handle it.  One that comes from the throttle has
 * had its turn there.  Many that are not to be acted on do with one reading of the lock table.
 */
void
evaluate_and_handle(const Deadline &deadline, bool was_throttled)
{
	Limit limit = deadline.limit;
	Evaluation evaluation = evaluate(limit, deadline.slot, deadline.session,
	                                 LockTable::AsReadLately, deadline.is_trial);
	Duration wait = wait_for_another(limit, evaluation);

	if (!evaluation.is_fresh && evaluation.decision.outlook == Outlook::Due && wait == 0)
	{
		evaluation =
		    evaluate(limit, deadline.slot, deadline.session, LockTable::AsOfNow, deadline.is_trial);
		wait = wait_for_another(limit, evaluation);
	}
	count(shared_counters().evaluations);
	handle(deadline, evaluation, wait, was_throttled);
}

/*
 * Must the pass stop?  Each session is evaluated by the latest policy, so a change
 * that only relaxes it does not stop the pass: a session that commits in a loop
 * would let one other end for each scan.  A session that a stricter limit finds
 * over it has to wait its turn, which is decided only after all is planned anew.
 */
bool
is_interrupted()
{
	CHECK_FOR_INTERRUPTS();
	return ConfigReloadPending || policies_are_stricter();
}

} // namespace

void
handle_due(Instant now)
{
	while (next_planned() <= now && !is_interrupted())
		evaluate_and_handle(take_planned(), false);
	while (next_throttled() <= now && !is_interrupted())
		evaluate_and_handle(dequeue_throttled(), true);
}

} // namespace session_guard
