/*
 * Comparing many sessions with a filter (see filter_matcher.h).
 */
#include "functions/filter_matcher.h"

#include "pg/monotonic_clock.h"

#include "shmem/present_time.h"

#include "status/locks.h"

#include <algorithm>

namespace session_guard
{

FilterMatcher::FilterMatcher(const Filter &filter)
    : filter_(filter), query_(static_cast<char *>(palloc0(query_size()))),
      scratch_(AllocSetContextCreate(CurrentMemoryContext, "session guard comparison",
                                     ALLOCSET_DEFAULT_SIZES)),
      graph_context_(AllocSetContextCreate(CurrentMemoryContext, "session guard wait graph",
                                           ALLOCSET_DEFAULT_SIZES))
{
	check_patterns(filter);
}

/*
 * Who waits for whom is read again when that is some moments old: moments by what a reading
 * takes, lest a large lock table be read for each session.
 */
const Present &
FilterMatcher::present()
{
	constexpr Duration shortest = 10 * millisecond;
	constexpr int rest_after_reading = 10;
	Instant now = monotonic_now();

	if (filter_.blocking_for && now >= graph_good_until_)
	{
		present_.graph = WaitGraph{};
		MemoryContextReset(graph_context_);
		MemoryContext caller = MemoryContextSwitchTo(graph_context_);
		PresentClock present = present_clock();
		present_.graph = read_wait_graph(Patience::Unlimited, advisory_if(filter_.counts_advisory),
		                                 present.clock, present.now);
		MemoryContextSwitchTo(caller);
		Instant read = monotonic_now();
		graph_good_until_ = read + std::max(shortest, rest_after_reading * (read - now));
	}
	PresentClock present = present_clock();
	present_.now = present.now;
	present_.clock = present.clock;
	return present_;
}

FilterMatch
FilterMatcher::compare(const BackendSnapshot &snapshot)
{
	MemoryContext caller = MemoryContextSwitchTo(scratch_);
	FilterMatch match = matches(filter_, snapshot, query_, present());

	MemoryContextSwitchTo(caller);
	MemoryContextReset(scratch_);
	return match;
}

FilterMatch
FilterMatcher::compare_again(const BackendSnapshot &snapshot)
{
	if (filter_.counts_advisory)
		graph_good_until_ = beginning;
	return compare(snapshot);
}

} // namespace session_guard
