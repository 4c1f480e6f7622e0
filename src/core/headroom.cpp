/*
 * Room for new connections (see headroom.h).
 */
#include "core/headroom.h"

#include <algorithm>

namespace session_guard
{

LongestIdle::LongestIdle(int wanted)
    : wanted_(static_cast<std::size_t>(std::clamp(wanted, 0, largest_headroom)))
{
}

void
LongestIdle::compare(const IdleSession &session)
{
	IdleSession *end = chosen_.data() + count_;
	IdleSession *place = std::upper_bound(chosen_.data(), end, session,
	                                      [](const IdleSession &a, const IdleSession &b)
	                                      { return a.since < b.since; });

	if (count_ < wanted_)
		count_++;
	else if (place == end)
		return;
	else
		end--;
	std::move_backward(place, end, end + 1);
	*place = session;
}

} // namespace session_guard
