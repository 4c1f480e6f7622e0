/*
 * The throttle: deadlines that have to wait their turn.  Sessions that were over
 * a limit already when it came into force are acted on at catch_up_rate, and all
 * wait while max_actions_per_minute is spent.
 */
#pragma once

#include "core/deadlines.h"
#include "core/decision.h"

namespace session_guard
{

/* Allocate the memory for so many deadlines.  Once. */
void prepare_throttle(std::size_t deadlines);

/* These limits (a bit for each) and the grace are as strict as they are now since this moment. */
void note_in_force(std::uint32_t limits, bool is_grace_shorter, Instant now);

/* Empty the queue. */
void clear_throttle();

/* Forget that the budget is spent: it may be another one now. */
void forget_spent_budget();

/*
 * Was the deadline met before its limit was in force, or the grace over before it was as short?
 * A limit of the server as a whole has a pace of its own.
 */
bool is_catch_up(const Verdict &verdict, const TrackingState &tracking);

/* Is the budget known to be spent until later than this? */
bool is_spent(Instant now);
Instant spent_until();

/* Must a verdict wait for its turn?  One that was throttled before has had it. */
bool must_be_throttled(const Verdict &verdict, bool is_late, bool was_throttled, Instant now);

/* Let a deadline wait. */
void enqueue_throttled(const Deadline &deadline);
std::size_t throttled_count();

/* When the first deadline may have its turn; never, if none waits. */
Instant next_throttled();
/* Take it out.  Only if one waits. */
Deadline dequeue_throttled();

/* Note an action on a session that was over its limit before that was in force. */
void note_throttled_action(Instant now);

} // namespace session_guard
