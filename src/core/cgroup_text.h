/*
 * The cgroups of Linux, both versions: where one is, and what it leaves of memory.
 * See cgroups(7), proc_pid_mountinfo(5), and the kernel's cgroup-v2.rst and
 * cgroup-v1/memory.rst.
 */
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace session_guard
{

enum class CgroupVersion : std::uint8_t
{
	V1,
	V2,
};

/* What tells of the memory of a cgroup and all below it. */
struct CgroupFiles
{
	std::string_view limit;
	std::string_view usage;
	/* In memory.stat: page cache that has not been used for long. */
	std::string_view reclaimable_label;
};

constexpr CgroupFiles
files_of(CgroupVersion version)
{
	if (version == CgroupVersion::V1)
		return {"memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file "};
	return {"memory.max", "memory.current", "inactive_file "};
}

/* The cgroup of a process in a hierarchy. */
struct CgroupPath
{
	CgroupVersion version;
	std::string_view path;
};

/*
 * By a line of /proc/PID/cgroup: "4:memory:/docker/1f" or "0::/docker/1f".  Nothing
 * if it is of a hierarchy that has nothing to do with memory.
 */
std::optional<CgroupPath> cgroup_path_in(std::string_view line);

/* Where such a hierarchy is mounted, and from which cgroup on; both as they are written there. */
struct CgroupMount
{
	CgroupVersion version;
	std::string_view root;
	std::string_view point;
};

/* By a line of /proc/PID/mountinfo. */
std::optional<CgroupMount> cgroup_mount_in(std::string_view line);

/*
 * Where a cgroup lies below the mount point of its hierarchy: empty if it is what is
 * mounted there, and if it cannot be seen there.
 */
std::string_view path_below(std::string_view root, std::string_view path);

/* The bytes of a limit; nothing for "max", and for the number that version 1 has for it. */
std::optional<std::int64_t> cgroup_limit_in(std::string_view content);

/*
 * What a limit leaves.  The usage counts page cache, too; the part of it that has
 * not been used for long is given up before anybody is killed, so it is taken off,
 * as Kubernetes does for its working set.
 */
std::int64_t left_in_cgroup(std::int64_t limit, std::int64_t usage, std::int64_t reclaimable);

} // namespace session_guard
