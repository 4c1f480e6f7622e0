/*
 * The cgroups of Linux (see cgroup_text.h).
 */
#include "core/cgroup_text.h"

#include "core/proc_text.h"

#include <algorithm>

namespace session_guard
{

namespace
{

/* Take what comes before a separator, and the separator, off the beginning of a text. */
std::string_view
take_until(char separator, std::string_view &text)
{
	std::string_view word = text.substr(0, text.find(separator));

	text.remove_prefix(std::min(word.size() + 1, text.size()));
	return word;
}

/* Is a word among those that commas separate? */
bool
is_listed(std::string_view word, std::string_view list)
{
	while (!list.empty())
		if (take_until(',', list) == word)
			return true;
	return false;
}

} // namespace

std::optional<CgroupPath>
cgroup_path_in(std::string_view line)
{
	std::string_view hierarchy = take_until(':', line);
	std::string_view controllers = take_until(':', line);

	/* What is left is the path, which may have colons of its own. */
	if (!line.starts_with('/'))
		return std::nullopt;
	if (hierarchy == "0" && controllers.empty())
		return CgroupPath{CgroupVersion::V2, line};
	if (is_listed("memory", controllers))
		return CgroupPath{CgroupVersion::V1, line};
	return std::nullopt;
}

std::optional<CgroupMount>
cgroup_mount_in(std::string_view line)
{
	/* Before it there are optional fields, so the others are counted from the ends of both halves.
	 */
	constexpr std::string_view separator = " - ";
	std::size_t middle = line.find(separator);

	if (middle == line.npos)
		return std::nullopt;
	std::string_view mounted = line.substr(0, middle);
	std::string_view file_system = line;
	file_system.remove_prefix(middle + separator.size());
	/* The ids of the mount, its parent and its device. */
	for (int i = 0; i < 3; i++)
		take_until(' ', mounted);
	std::string_view root = take_until(' ', mounted);
	std::string_view point = take_until(' ', mounted);
	std::string_view type = take_until(' ', file_system);
	/* What was mounted, and with which options. */
	take_until(' ', file_system);
	std::string_view options = file_system;

	if (!root.starts_with('/') || !point.starts_with('/'))
		return std::nullopt;
	if (type == "cgroup2")
		return CgroupMount{CgroupVersion::V2, root, point};
	if (type == "cgroup" && is_listed("memory", options))
		return CgroupMount{CgroupVersion::V1, root, point};
	return std::nullopt;
}

std::string_view
path_below(std::string_view root, std::string_view path)
{
	if (root == "/")
		root = {};
	if (!path.starts_with(root))
		return {};
	path.remove_prefix(root.size());
	return path.starts_with('/') && path != "/" ? path : std::string_view{};
}

std::optional<std::int64_t>
cgroup_limit_in(std::string_view content)
{
	/* Version 1 has the largest number of whole pages. */
	constexpr std::int64_t no_limit = std::int64_t{1} << 62;
	std::optional<std::int64_t> limit = leading_number(content);

	return limit && *limit < no_limit ? limit : std::nullopt;
}

std::int64_t
left_in_cgroup(std::int64_t limit, std::int64_t usage, std::int64_t reclaimable)
{
	std::int64_t used = std::max<std::int64_t>(usage - reclaimable, 0);

	return std::max<std::int64_t>(limit - used, 0);
}

} // namespace session_guard
