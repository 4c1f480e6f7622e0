/*
 * How long the guard may pause between two scans (see scan_pauses.h).
 */
#include "core/scan_pauses.h"

#include "core/memory_sampling.h"
#include "core/stillness.h"

namespace session_guard
{

namespace
{

/* How soon an episode that has not been seen yet must be read for a threshold; 0: the limit is off.
 */
Duration
pause_for(Limit limit, Duration threshold)
{
	/*
	 * Whatever happens meanwhile, two readings are needed to act; and what is left of memory is
	 * read apart from the sessions, as newcomers say themselves that too few connections are free.
	 */
	if (limit == Limit::HorizonAge || bounds_what_is_left(limit))
		return threshold == 0 ? 0 : longest_memory_pause;
	/* Whoever was idle then, and has grown since, is not near its limit yet. */
	if (limit == Limit::Memory)
		return threshold / (2 * fastest_growth);
	if (excludes_waits(limit))
		return sampling_pause(threshold, Pace::Quiet);
	/* In time to know at the deadline whether the session has been still. */
	return measures_wait_for_client(limit) ? threshold - reading_before_deadline(threshold)
	                                       : threshold;
}

Duration
only_with_waits(Limit limit, Duration threshold)
{
	return excludes_waits(limit) || measures_blocking(limit) ? threshold : 0;
}

Duration
only_blocking(Limit limit, Duration threshold)
{
	return measures_blocking(limit) ? threshold : 0;
}

/* The shortest pause that is made of each threshold; 0 if all limits are off. */
using MakePause = Duration (*)(Limit, Duration);

Duration
shortest_of(const Policy &policy, MakePause make)
{
	Duration shortest = 0;

	if (policy.mode == Mode::Off)
		return 0;
	for (Limit limit : all_limits)
		shortest = shorter_pause(shortest, make(limit, threshold_of(policy.limits, limit).value));
	return shortest;
}

Duration
shortest_of(const RoleDatabaseSettings &stored, MakePause make)
{
	Duration shortest = 0;

	for (Limit limit : all_limits)
		shortest = shorter_pause(shortest, make(limit, stored.limits[index_of(limit)].value_or(0)));
	return shortest;
}

Duration
shortest_of(const Rule &rule, MakePause make)
{
	Duration shortest = 0;

	if (!rule.is_enabled)
		return 0;
	for (Limit limit : all_limits)
		if (!is_of_server(limit))
			shortest =
			    shorter_pause(shortest, make(limit, rule.limits[index_of(limit)].value_or(0)));
	return shortest;
}

} // namespace

Duration
sampling_pause(Duration threshold, Pace pace)
{
	switch (pace)
	{
		case Pace::Quiet:
			break;
		case Pace::Running:
			return threshold / 8;
		case Pace::Waiting:
			return std::min(threshold / 20, second);
	}
	return threshold / 2;
}

Duration
shortest_pause(const Policy &policy)
{
	return shortest_of(policy, pause_for);
}

Duration
shortest_pause(const RoleDatabaseSettings &stored)
{
	return shortest_of(stored, pause_for);
}

Duration
shortest_pause(const Rule &rule)
{
	return shortest_of(rule, pause_for);
}

Duration
shortest_blocking(const Policy &policy)
{
	return shortest_of(policy, only_blocking);
}

Duration
shortest_blocking(const RoleDatabaseSettings &stored)
{
	return shortest_of(stored, only_blocking);
}

Duration
shortest_blocking(const Rule &rule)
{
	return shortest_of(rule, only_blocking);
}

Duration
wait_before_looking(Duration threshold)
{
	return threshold - reading_before_deadline(threshold) - std::min(threshold / 8, second);
}

Duration
shortest_with_waits(const Policy &policy)
{
	return shortest_of(policy, only_with_waits);
}

Duration
shortest_with_waits(const RoleDatabaseSettings &stored)
{
	return shortest_of(stored, only_with_waits);
}

Duration
shortest_with_waits(const Rule &rule)
{
	return shortest_of(rule, only_with_waits);
}

} // namespace session_guard
