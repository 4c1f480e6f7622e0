/*
 * The plan: the deadlines that lie ahead, of all sessions and limits.  A scan
 * makes it anew; what is decided about one session puts its next deadline in it.
 */
#pragma once

#include "core/deadlines.h"
#include "core/decision.h"

namespace session_guard
{

/* Allocate the memory.  Once. */
void prepare_plan();

/* Forget all deadlines, those in the throttle too. */
void clear_plan();

/*
 * Put what was decided about a limit of a session where it will be acted on: in
 * the plan, or in the throttle.  The caller says of the deadline whose it is; when
 * it is follows from the decision.
 */
void plan(Deadline deadline, const Decision &decision, const TrackingState &tracking, Instant now);

/* Read the session of a deadline again at this moment. */
void plan_reading(Deadline deadline, Instant at);

/* How many deadlines are known, those in the throttle too. */
std::size_t planned_count();

/* The first deadline of the plan, without the throttle's: when it is (never, if there is none), and
 * take it out. */
Instant next_planned();
Deadline take_planned();

} // namespace session_guard
