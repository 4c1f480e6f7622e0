/*
 * The deadlines that lie ahead (see plan.h).
 */
#include "guard/plan.h"

#include "pg/pg.h"

#include "status/entry_reader.h"

#include "guard/spared_blockers.h"
#include "guard/throttle.h"

namespace session_guard
{

namespace
{

/* Deadlines that lie ahead, or were met and have no turn to wait for. */
Deadlines pending;

} // namespace

void
prepare_plan()
{
	std::size_t most = static_cast<std::size_t>(slot_count()) * limit_count * 2;

	pending = Deadlines(
	    {static_cast<Deadline *>(MemoryContextAlloc(TopMemoryContext, most * sizeof(Deadline))),
	     most});
	prepare_throttle(most);
}

void
clear_plan()
{
	pending.clear();
	clear_throttle();
}

void
plan(Deadline deadline, const Decision &decision, const TrackingState &tracking, Instant now)
{
	deadline.wake = deadline.due = decision.at;
	switch (decision.outlook)
	{
		case Outlook::Nothing:
			return;
		case Outlook::Wait:
			/* A session that is over the limit already keeps its place among those. */
			if (is_over(decision))
				deadline.due = decision.verdict.deadline;
			pending.push(deadline);
			return;
		case Outlook::Spared:
			if (!deadline.is_trial && is_to_be_named(deadline.limit, decision, tracking))
				plan_reading(deadline, now);
			else if (decision.spared == Spared::PeerThere)
				plan_reading(deadline, decision.at);
			else if (may_pass_soon(decision.spared))
				plan_reading(deadline,
				             now + pause_before_reading_again(
				                       decision.spared, tracking.times_spared[logged_index(
				                                            deadline.limit, deadline.is_trial)]));
			return;
		case Outlook::Due:
			if (is_catch_up(decision.verdict, tracking) || is_spent(now))
				enqueue_throttled(deadline);
			else
				pending.push(deadline);
			return;
	}
}

void
plan_reading(Deadline deadline, Instant at)
{
	deadline.wake = at;
	pending.push(deadline);
}

std::size_t
planned_count()
{
	return pending.size() + throttled_count();
}

Instant
next_planned()
{
	return pending.next_wake();
}

Deadline
take_planned()
{
	return pending.pop();
}

} // namespace session_guard
