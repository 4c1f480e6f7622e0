/*
 * Comparing many sessions with a filter (see filter_matcher.h).
 */
#include "functions/filter_matcher.h"

#include "pg/monotonic_clock.h"

#include "shmem/present_time.h"

#include "status/locks.h"

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

const Present &
FilterMatcher::present()
{
	constexpr Duration good_for = 10 * millisecond;

	if (filter_.blocking_for &&
	    (graph_read_at_ == 0 || monotonic_now() - graph_read_at_ > good_for))
	{
		present_.graph = WaitGraph{};
		MemoryContextReset(graph_context_);
		MemoryContext caller = MemoryContextSwitchTo(graph_context_);
		/* Taken before the reading, which may last. */
		graph_read_at_ = monotonic_now();
		PresentClock present = present_clock();
		present_.graph = read_wait_graph(Patience::Unlimited, advisory_if(filter_.counts_advisory),
		                                 present.clock, present.now);
		MemoryContextSwitchTo(caller);
	}
	PresentClock present = present_clock();
	present_.now = present.now;
	present_.clock = present.clock;
	return present_;
}

Match
FilterMatcher::compare(const BackendSnapshot &snapshot)
{
	MemoryContext caller = MemoryContextSwitchTo(scratch_);
	Match match = matches(filter_, snapshot, query_, present());

	MemoryContextSwitchTo(caller);
	MemoryContextReset(scratch_);
	return match;
}

Match
FilterMatcher::compare_again(const BackendSnapshot &snapshot)
{
	if (filter_.counts_advisory)
		graph_read_at_ = 0;
	return compare(snapshot);
}

} // namespace session_guard
