/*
 * The heap of deadlines (see deadlines.h).
 */
#include "core/deadlines.h"

#include <algorithm>
#include <tuple>

namespace session_guard
{

namespace
{

/* The library's heaps keep the greatest on top; ours keeps the first. */
bool
comes_after(const Deadline &a, const Deadline &b)
{
	return comes_before(b, a);
}

std::tuple<Instant, Instant, Action, Limit, std::int32_t>
order(const Deadline &deadline)
{
	return {deadline.wake, deadline.due, facts(deadline.limit).first_action, deadline.limit,
	        deadline.slot};
}

} // namespace

bool
comes_before(const Deadline &a, const Deadline &b)
{
	return order(a) < order(b);
}

Instant
Deadlines::next_wake() const
{
	return count_ == 0 ? never : memory_.front().wake;
}

bool
Deadlines::push(const Deadline &deadline)
{
	if (count_ == memory_.size())
	{
		auto last = std::max_element(memory_.begin(), memory_.end(), comes_before);

		if (last != memory_.end() && comes_before(deadline, *last))
		{
			*last = deadline;
			std::make_heap(memory_.begin(), memory_.end(), comes_after);
		}
		return false;
	}
	memory_[count_++] = deadline;
	std::push_heap(memory_.begin(), memory_.begin() + static_cast<std::ptrdiff_t>(count_),
	               comes_after);
	return true;
}

Deadline
Deadlines::pop()
{
	std::pop_heap(memory_.begin(), memory_.begin() + static_cast<std::ptrdiff_t>(count_),
	              comes_after);
	return memory_[--count_];
}

} // namespace session_guard
