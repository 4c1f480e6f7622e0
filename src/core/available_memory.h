/*
 * How much memory is left before the kernel's OOM killer ends a process, and with a
 * backend the whole server.
 */
#pragma once

#include <cstdint>
#include <optional>

namespace session_guard
{

/* What bounds it. */
enum class MemoryBound : std::uint8_t
{
	Host,
	Cgroup,
};

struct AvailableMemory
{
	std::int64_t bytes;
	MemoryBound bound;
};

/* The lesser of what the host and the cgroups leave; nothing if neither is known. */
constexpr std::optional<AvailableMemory>
lesser_memory(std::optional<std::int64_t> host, std::optional<std::int64_t> cgroup)
{
	if (cgroup && (!host || *cgroup < *host))
		return AvailableMemory{*cgroup, MemoryBound::Cgroup};
	if (host)
		return AvailableMemory{*host, MemoryBound::Host};
	return std::nullopt;
}

} // namespace session_guard
