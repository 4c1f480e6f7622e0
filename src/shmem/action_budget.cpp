/*
 * What the guard has spent of its budget (see action_budget.h).
 */
#include "shmem/action_budget.h"

namespace session_guard
{

namespace
{

ActionBudget *spent = nullptr;

} // namespace

Size
action_budget_size()
{
	return sizeof(ActionBudget);
}

/* Zeros are a budget of which nothing is spent. */
void
action_budget_init(void *memory, bool)
{
	spent = static_cast<ActionBudget *>(memory);
}

ActionBudget &
action_budget()
{
	return *spent;
}

} // namespace session_guard
