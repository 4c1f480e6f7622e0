/*
 * At most so many actions in any minute (see budget.h).
 */
#include "core/budget.h"

#include <algorithm>

namespace session_guard
{

void
spend(Budget &budget, Duration now)
{
	budget.taken[budget.next] = now;
	budget.next = (budget.next + 1) % largest_budget;
}

std::size_t
left_in(const Budget &budget, std::size_t cap, Duration now)
{
	auto is_recent = [&](Duration at) { return at != 0 && at + minute > now; };
	auto recent = static_cast<std::size_t>(std::ranges::count_if(budget.taken, is_recent));

	if (cap == 0)
		return largest_budget;
	return cap - std::min(cap, recent);
}

Duration
allowed_at(const Budget &budget, std::size_t cap, Duration now)
{
	if (cap == 0)
		return now;

	/* With the one that was taken "cap" actions ago the next would be one too many in a minute. */
	Duration oldest = budget.taken[(budget.next + largest_budget - cap) % largest_budget];
	return oldest == 0 ? now : std::max(now, oldest + minute);
}

} // namespace session_guard
