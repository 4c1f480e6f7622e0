/*
 * What the cgroups leave of memory (see cgroup.h).
 */
#include "status/cgroup.h"

#include "core/cgroup_text.h"
#include "core/proc_text.h"
#include "core/text.h"

#include "status/proc_file.h"

#include <algorithm>
#include <array>

namespace session_guard
{

namespace
{

/* As long as the server lets a path be (MAXPGPATH); one that is longer is cut, and not found. */
constexpr std::size_t path_size = 1024;

/* A cgroup, as a folder; its ancestors are the folders above it, down to the mount point. */
struct Cgroup
{
	CgroupFiles files;
	std::array<char, path_size> path;
	/* 0: there is none. */
	std::size_t length;
	std::size_t length_of_mount_point;
};

/*
 * The path of this process in the hierarchy that has the memory controller.  It is in
 * one only: in one of version 1 if there is such a one.
 */
std::optional<CgroupVersion>
read_path(std::span<char> path)
{
	std::array<char, 4096> buffer;
	std::optional<CgroupVersion> version;

	for_each_line("/proc/self/cgroup", buffer,
	              [&](std::string_view line)
	              {
		              std::optional<CgroupPath> found = cgroup_path_in(line);

		              if (!found || (version && found->version == CgroupVersion::V2))
			              return;
		              version = found->version;
		              Text(path).append(found->path);
	              });
	return version;
}

Cgroup
find_own_cgroup()
{
	std::array<char, 4096> buffer;
	std::array<char, path_size> path_buffer;
	std::optional<CgroupVersion> version = read_path(path_buffer);
	Cgroup own{};

	if (!version)
		return own;
	own.files = files_of(*version);
	std::string_view path = path_buffer.data();
	for_each_line("/proc/self/mountinfo", buffer,
	              [&](std::string_view line)
	              {
		              std::optional<CgroupMount> mount = cgroup_mount_in(line);

		              if (!mount || mount->version != *version || own.length > 0)
			              return;
		              Text folder(own.path);
		              own.length_of_mount_point = folder.append(mount->point).view().size();
		              folder.append(path_below(mount->root, path));
		              own.length = folder.view().size();
	              });
	return own;
}

std::string_view
read_file_in(std::string_view folder, std::string_view file, std::span<char> buffer)
{
	std::array<char, path_size + 64> path_buffer;
	Text path(path_buffer);

	path.append(folder).append("/").append(file);
	return read_file(path.c_str(), buffer);
}

/* What the limit of one cgroup leaves. */
std::optional<std::int64_t>
left_in(std::string_view folder, const CgroupFiles &files)
{
	std::array<char, 4096> buffer;
	std::optional<std::int64_t> limit = cgroup_limit_in(read_file_in(folder, files.limit, buffer));

	if (!limit)
		return std::nullopt;
	std::optional<std::int64_t> usage = leading_number(read_file_in(folder, files.usage, buffer));
	if (!usage)
		return std::nullopt;
	std::optional<std::int64_t> reclaimable =
	    number_behind(read_file_in(folder, "memory.stat", buffer), files.reclaimable_label);
	return left_in_cgroup(*limit, *usage, reclaimable.value_or(0));
}

} // namespace

std::optional<std::int64_t>
memory_left_in_cgroups()
{
	static constinit Cgroup own{};
	static constinit bool is_known = false;
	std::optional<std::int64_t> least;

	if (!is_known)
		own = find_own_cgroup();
	is_known = true;
	for (std::string_view folder(own.path.data(), own.length);
	     !folder.empty() && folder.size() >= own.length_of_mount_point;
	     folder = folder.substr(0, folder.rfind('/')))
		if (std::optional<std::int64_t> left = left_in(folder, own.files))
			least = std::min(*left, least.value_or(*left));
	return least;
}

} // namespace session_guard
