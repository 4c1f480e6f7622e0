/*
 * When to read the memory of a session again (see memory_sampling.h).
 */
#include "core/memory_sampling.h"

#include <algorithm>

namespace session_guard
{

Duration
memory_sampling_pause(std::int64_t used, std::int64_t limit, Duration longest)
{
	std::int64_t room = limit - std::min(used, limit);

	return std::max(std::min(room / fastest_growth, longest), shortest_memory_pause);
}

Instant
next_memory_reading(const TrackedMemory &known, const Policy &policy)
{
	return known.read_at + memory_sampling_pause(std::max<std::int64_t>(0, known.bytes),
	                                             threshold_of(policy.limits, Limit::Memory).value,
	                                             longest_memory_pause);
}

bool
wants_memory(const Session &session, const TrackingState &tracking, const Policy &policy,
             Instant now)
{
	const TrackedMemory &known = tracking.memory;

	if (!is_set(policy, Limit::Memory))
		return false;
	if (known.read_at == unknown_time || known.state_change != session.state_change ||
	    known.limit != threshold_of(policy.limits, Limit::Memory).value)
		return true;
	if (is_running(session))
		return now >= next_memory_reading(known, policy);
	/* A message that arrives in pieces takes memory, too, and does not show. */
	return now >= known.read_at + longest_memory_pause;
}

} // namespace session_guard
