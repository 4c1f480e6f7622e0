/*
 * What the cgroups that this process is in leave of memory (Linux).
 */
#pragma once

#include <cstdint>
#include <optional>

namespace session_guard
{

/*
 * The least that a limit of its own cgroup, or of one above that can be seen, leaves;
 * nothing if there is none.  Where the cgroup is, is found out once in the life of a
 * process, so one that is moved to another cgroup goes by the first.
 *
 * Beyond the limits that are read here the kernel kills.  memory.high does not count:
 * beyond that it slows down.
 */
std::optional<std::int64_t> memory_left_in_cgroups();

} // namespace session_guard
