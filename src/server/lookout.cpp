/*
 * What looking at many sessions needs (see lookout.h).
 */
#include "server/lookout.h"

#include "server/clock.h"
#include "server/locks.h"

namespace session_guard
{

Lookout::Lookout(const Filter &filter)
    : filter_(filter), query_(static_cast<char *>(palloc0(query_size()))),
      scratch_(AllocSetContextCreate(CurrentMemoryContext, "session guard look",
                                     ALLOCSET_DEFAULT_SIZES)),
      graph_context_(AllocSetContextCreate(CurrentMemoryContext, "session guard wait graph",
                                           ALLOCSET_DEFAULT_SIZES))
{
}

const Present &
Lookout::present()
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
		present_.graph = read_wait_graph();
		MemoryContextSwitchTo(caller);
	}
	PresentClock present = present_clock();
	present_.now = present.now;
	present_.clock = present.clock;
	return present_;
}

Match
Lookout::compare(const Sighting &sighting)
{
	MemoryContext caller = MemoryContextSwitchTo(scratch_);
	Match match = matches(filter_, sighting, query_, present());

	MemoryContextSwitchTo(caller);
	MemoryContextReset(scratch_);
	return match;
}

Match
Lookout::compare_again(const Sighting &sighting)
{
	if (filter_.counts_advisory)
		graph_read_at_ = 0;
	return compare(sighting);
}

} // namespace session_guard
