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

} // namespace session_guard
