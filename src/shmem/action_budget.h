/*
 * What the guard has spent of pg_session_guard.max_actions_per_minute.  Only the
 * guard reads and writes it; it is in shared memory so that it outlives the guard.
 */
#pragma once

#include "core/budget.h"

#include "pg/pg.h"

namespace session_guard
{

struct ActionBudget
{
	Budget budget;
	/* When the log last said that the budget is spent, by the monotonic clock. */
	Instant said_spent_at;
};

Size action_budget_size();
void action_budget_init(void *memory, bool found);

ActionBudget &action_budget();

} // namespace session_guard
