/*
 * How much memory is left (see available_memory.h).
 */
#include "status/available_memory.h"

#include "core/proc_text.h"

#include "status/cgroup.h"
#include "status/proc_file.h"

#include <array>

namespace session_guard
{

std::optional<AvailableMemory>
available_memory()
{
	/* What is wanted is near the beginning. */
	std::array<char, 512> buffer;

	return lesser_memory(available_memory_in(read_file("/proc/meminfo", buffer)),
	                     memory_left_in_cgroups());
}

} // namespace session_guard
