/*
 * When to read the memory of a session again.
 */
#include "core/memory_sampling.h"

#include <gtest/gtest.h>

#include <limits>

namespace session_guard::test
{
namespace
{

constexpr std::int64_t largest = std::numeric_limits<std::int64_t>::max();
constexpr std::int64_t gigabyte = 1'000'000'000;
constexpr Duration longest = 10 * second;

TEST(MemorySamplingPause, IsAsLongAsTheFastestGrowthTakesToTheLimit)
{
	EXPECT_EQ(memory_sampling_pause(0, 3 * gigabyte, longest), 2 * second);
	EXPECT_EQ(memory_sampling_pause(gigabyte, 4 * gigabyte, longest), 2 * second);
	EXPECT_EQ(memory_sampling_pause(0, gigabyte * 3 / 2, longest), second);
	EXPECT_EQ(memory_sampling_pause(0, gigabyte * 3 / 20, longest), 100 * millisecond);
}

/* A session that grows as fast as that is not over its limit when it is read next. */
TEST(MemorySamplingPause, FindsTheFastestBeforeItIsOver)
{
	for (std::int64_t limit = 100'000'000; limit < 10 * gigabyte; limit += 123'456'789)
	{
		std::int64_t used = 0;

		while (limit - used >= fastest_growth * shortest_memory_pause)
		{
			used += fastest_growth * memory_sampling_pause(used, limit, longest);
			ASSERT_LE(used, limit);
		}
	}
}

TEST(MemorySamplingPause, IsNotShorterThanTheShortest)
{
	const std::int64_t room = fastest_growth * shortest_memory_pause;

	EXPECT_EQ(memory_sampling_pause(0, room - 1, longest), shortest_memory_pause);
	EXPECT_EQ(memory_sampling_pause(0, room, longest), shortest_memory_pause);
	EXPECT_EQ(memory_sampling_pause(0, room + fastest_growth - 1, longest), shortest_memory_pause);
	EXPECT_EQ(memory_sampling_pause(0, room + fastest_growth, longest), shortest_memory_pause + 1);
	EXPECT_EQ(memory_sampling_pause(gigabyte - 1, gigabyte, longest), shortest_memory_pause);
}

TEST(MemorySamplingPause, IsTheShortestFromTheLimitOn)
{
	EXPECT_EQ(memory_sampling_pause(gigabyte, gigabyte, longest), shortest_memory_pause);
	EXPECT_EQ(memory_sampling_pause(gigabyte + 1, gigabyte, longest), shortest_memory_pause);
	EXPECT_EQ(memory_sampling_pause(largest, gigabyte, longest), shortest_memory_pause);
	EXPECT_EQ(memory_sampling_pause(largest, 0, longest), shortest_memory_pause);
}

TEST(MemorySamplingPause, IsNotLongerThanTheLongest)
{
	const std::int64_t room = fastest_growth * longest;

	EXPECT_EQ(memory_sampling_pause(0, room - 1, longest), longest - 1);
	EXPECT_EQ(memory_sampling_pause(0, room, longest), longest);
	EXPECT_EQ(memory_sampling_pause(0, room + fastest_growth, longest), longest);
	EXPECT_EQ(memory_sampling_pause(0, largest, longest), longest);
	EXPECT_EQ(memory_sampling_pause(0, largest, never), largest / fastest_growth);
	/* The shortest holds, should the longest be shorter. */
	EXPECT_EQ(memory_sampling_pause(0, largest, millisecond), shortest_memory_pause);
}

} // namespace
} // namespace session_guard::test
