/*
 * Who has to wait its turn: who was over a limit already when it came into
 * force, and ends at catch_up_rate; and who is over one when
 * max_actions_per_minute is spent.
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

/* Forget who waits. */
void clear_throttle();

/* Forget that the budget is spent: it may be another one now. */
void forget_spent_budget();

/* Was the deadline met before its limit was in force, or the grace over before it was as short? */
bool is_catch_up(const Verdict &verdict);

/* Is the budget known to be spent until later than this? */
bool is_spent(Instant now);

/* Must a verdict wait for its turn, unless it has it? */
bool must_be_throttled(const Verdict &verdict, bool is_late, bool was_throttled, Instant now);

/* Let one wait. */
void enqueue_throttled(const Deadline &deadline);
std::size_t throttled_count();

/* When the first of those who wait may have its turn; never, if nobody waits. */
Instant next_throttled();
/* Who has it.  Only if somebody waits. */
Deadline dequeue_throttled();

/* Note that one who was over the limit before it was in force has been acted on. */
void note_throttled_action(Instant now);

} // namespace session_guard
