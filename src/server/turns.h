/*
 * Who has to wait its turn: who was over a limit already when it came into
 * force, and ends at catch_up_rate; and who is over one when
 * max_actions_per_minute is spent.
 */
#pragma once

#include "core/deadlines.h"
#include "core/policy.h"

namespace session_guard
{

/* Allocate the memory for so many deadlines.  Once. */
void prepare_turns(std::size_t deadlines);

/* These limits (a bit for each) and the grace are as strict as they are now since this moment. */
void note_in_force(std::uint32_t limits, bool is_grace_shorter, Instant now);

/* Forget who waits. */
void forget_turns();

/* Forget that the budget is spent: it may be another one now. */
void forget_spent();

/* Was the deadline met before its limit was in force, or the grace over before it was as short? */
bool is_catch_up(const Verdict &verdict);

/* Is the budget known to be spent until later than this? */
bool is_spent(Instant now);

/* Must a verdict wait for its turn, unless it has it? */
bool must_wait(const Verdict &verdict, bool is_late, bool has_turn, Instant now);

/* Let one wait. */
void await_turn(const Deadline &deadline);
std::size_t waiting_count();

/* When the first of those who wait may have its turn; never, if nobody waits. */
Instant next_turn();
/* Who has it.  Only if somebody waits. */
Deadline take_turn();

/* Note that one who was over the limit before it was in force has been acted on. */
void spend_turn(Instant now);

} // namespace session_guard
