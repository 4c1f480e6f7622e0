/*
 * Where a cgroup is, and what it leaves of memory.
 */
#include "core/cgroup_text.h"

#include "core/available_memory.h"

#include <gtest/gtest.h>

#include <limits>
#include <string>

namespace session_guard::test
{
namespace
{

constexpr std::int64_t largest = std::numeric_limits<std::int64_t>::max();

/* "1" or "2" for the version, and the path. */
std::string
path_text(std::string_view line)
{
	std::optional<CgroupPath> path = cgroup_path_in(line);

	if (!path)
		return "none";
	return (path->version == CgroupVersion::V1 ? "1 " : "2 ") + std::string(path->path);
}

std::string
mount_text(std::string_view line)
{
	std::optional<CgroupMount> mount = cgroup_mount_in(line);

	if (!mount)
		return "none";
	return (mount->version == CgroupVersion::V1 ? "1 " : "2 ") + std::string(mount->root) + " " +
	       std::string(mount->point);
}

TEST(CgroupPath, IsThatOfTheHierarchyOfMemory)
{
	EXPECT_EQ(path_text("0::/"), "2 /");
	EXPECT_EQ(path_text("0::/system.slice/postgresql@15-main.service"),
	          "2 /system.slice/postgresql@15-main.service");
	EXPECT_EQ(path_text("4:memory:/docker/1f"), "1 /docker/1f");
	EXPECT_EQ(path_text("4:cpu,memory:/a"), "1 /a");
	EXPECT_EQ(path_text("4:memory,cpu:/a"), "1 /a");
	EXPECT_EQ(path_text("0::/with:colons:of:its:own"), "2 /with:colons:of:its:own");
	EXPECT_EQ(path_text("0::/with blanks"), "2 /with blanks");
	EXPECT_EQ(path_text("0::/../other"), "2 /../other");
}

TEST(CgroupPath, IsNoneOfOtherHierarchies)
{
	EXPECT_EQ(path_text("9:name=systemd:/"), "none");
	EXPECT_EQ(path_text("9:name=memory:/"), "none");
	EXPECT_EQ(path_text("2:cpuacct:/memory"), "none");
	EXPECT_EQ(path_text("2:memoryless:/"), "none");
	/* A hierarchy without a controller, of version 1. */
	EXPECT_EQ(path_text("3::/"), "none");
}

TEST(CgroupPath, IsNoneOfGarbage)
{
	for (const char *line :
	     {"", ":", "::", "0", "0:", "0::", "0:/", "4:memory", "4:memory:", "4:memory:a", "/"})
		EXPECT_EQ(path_text(line), "none") << line;
}

TEST(CgroupMount, IsWhereAHierarchyOfMemoryIs)
{
	EXPECT_EQ(
	    mount_text("35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory"),
	    "1 / /sys/fs/cgroup/memory");
	EXPECT_EQ(
	    mount_text(
	        "35 31 0:32 /docker/1f /sys/fs/cgroup/memory ro master:9 - cgroup cgroup rw,memory"),
	    "1 /docker/1f /sys/fs/cgroup/memory");
	EXPECT_EQ(mount_text("41 31 0:38 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate"),
	          "2 / /sys/fs/cgroup");
	/* Optional fields, of which there may be any number. */
	EXPECT_EQ(
	    mount_text("41 31 0:38 / /cg rw shared:5 master:3 propagate_from:2 - cgroup2 none rw"),
	    "2 / /cg");
	EXPECT_EQ(mount_text("41 31 0:38 /../.. /cg rw - cgroup2 none rw"), "2 /../.. /cg");
}

TEST(CgroupMount, IsNoneOfOtherFileSystems)
{
	EXPECT_EQ(mount_text("32 31 0:29 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu"),
	          "none");
	EXPECT_EQ(mount_text("31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755"),
	          "none");
	EXPECT_EQ(mount_text("36 35 98:0 /memory /mnt/memory rw,memory - ext3 /dev/root rw,memory"),
	          "none");
	EXPECT_EQ(mount_text("36 35 98:0 / /cgroup2 rw - ext3 cgroup2 rw"), "none");
}

TEST(CgroupMount, IsNoneOfWhatIsCutOff)
{
	const std::string whole =
	    "35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory";

	for (std::size_t size = 0; size < whole.size(); size++)
		EXPECT_EQ(mount_text(whole.substr(0, size)), "none") << size;
	EXPECT_NE(mount_text(whole), "none");
	for (const char *line :
	     {" - ", "- cgroup2", " - cgroup2 cgroup2 rw", "1 2 3 - cgroup2 cgroup2 rw",
	      "1 2 3 / - cgroup2 cgroup2 rw", "1 2 3 a b rw - cgroup2 cgroup2 rw"})
		EXPECT_EQ(mount_text(line), "none") << line;
}

TEST(PathBelow, IsThePathWithoutWhatIsMounted)
{
	EXPECT_EQ(path_below("/", "/a/b"), "/a/b");
	EXPECT_EQ(path_below("/a", "/a/b"), "/b");
	EXPECT_EQ(path_below("/a/b", "/a/b/c/d"), "/c/d");
}

TEST(PathBelow, IsEmptyForWhatIsMountedItself)
{
	EXPECT_EQ(path_below("/", "/"), "");
	EXPECT_EQ(path_below("/a/b", "/a/b"), "");
}

TEST(PathBelow, IsEmptyForWhatCannotBeSeenThere)
{
	EXPECT_EQ(path_below("/a", "/b/c"), "");
	EXPECT_EQ(path_below("/a", "/ab"), "");
	EXPECT_EQ(path_below("/a/b", "/a"), "");
	EXPECT_EQ(path_below("/a", "/"), "");
	EXPECT_EQ(path_below("/../..", "/a"), "");
}

TEST(CgroupLimit, IsThatNumberOrNone)
{
	EXPECT_EQ(cgroup_limit_in("536870912\n"), 536870912);
	EXPECT_EQ(cgroup_limit_in("0\n"), 0);
	EXPECT_EQ(cgroup_limit_in("max\n"), std::nullopt);
	EXPECT_EQ(cgroup_limit_in(""), std::nullopt);
	EXPECT_EQ(cgroup_limit_in("536870912"), std::nullopt);
	/* The largest number of pages of 4 kB, and of 64 kB. */
	EXPECT_EQ(cgroup_limit_in("9223372036854771712\n"), std::nullopt);
	EXPECT_EQ(cgroup_limit_in("9223372036854710272\n"), std::nullopt);
	EXPECT_EQ(cgroup_limit_in("4611686018427387903\n"), (std::int64_t{1} << 62) - 1);
	EXPECT_EQ(cgroup_limit_in("4611686018427387904\n"), std::nullopt);
}

TEST(LeftInCgroup, IsTheLimitWithoutWhatIsInUse)
{
	EXPECT_EQ(left_in_cgroup(1000, 700, 0), 300);
	EXPECT_EQ(left_in_cgroup(1000, 700, 200), 500);
	EXPECT_EQ(left_in_cgroup(1000, 0, 0), 1000);
}

TEST(LeftInCgroup, IsNeitherNegativeNorMoreThanTheLimit)
{
	EXPECT_EQ(left_in_cgroup(1000, 1000, 0), 0);
	EXPECT_EQ(left_in_cgroup(1000, 1001, 0), 0);
	EXPECT_EQ(left_in_cgroup(0, largest, 0), 0);
	/* They are not read at the same moment. */
	EXPECT_EQ(left_in_cgroup(1000, 100, 200), 1000);
	EXPECT_EQ(left_in_cgroup(1000, 0, largest), 1000);
	EXPECT_EQ(left_in_cgroup(largest, largest, largest), largest);
}

TEST(LesserMemory, IsOfWhoeverLeavesLess)
{
	EXPECT_EQ(lesser_memory(5, 3)->bytes, 3);
	EXPECT_EQ(lesser_memory(5, 3)->bound, MemoryBound::Cgroup);
	EXPECT_EQ(lesser_memory(3, 5)->bytes, 3);
	EXPECT_EQ(lesser_memory(3, 5)->bound, MemoryBound::Host);
	EXPECT_EQ(lesser_memory(0, 0)->bound, MemoryBound::Host);
	EXPECT_EQ(lesser_memory(1, 0)->bytes, 0);
}

TEST(LesserMemory, IsOfTheOneThatIsKnown)
{
	EXPECT_EQ(lesser_memory(5, std::nullopt)->bytes, 5);
	EXPECT_EQ(lesser_memory(5, std::nullopt)->bound, MemoryBound::Host);
	EXPECT_EQ(lesser_memory(std::nullopt, 3)->bytes, 3);
	EXPECT_EQ(lesser_memory(std::nullopt, 3)->bound, MemoryBound::Cgroup);
	EXPECT_FALSE(lesser_memory(std::nullopt, std::nullopt));
}

} // namespace
} // namespace session_guard::test
