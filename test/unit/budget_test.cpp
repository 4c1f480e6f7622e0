/*
 * Never more actions within a minute than are allowed, and never fewer.
 */
#include "core/budget.h"

#include "unit/builders.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

namespace session_guard::test
{
namespace
{

/* Any moment will do here, too: the clock counts from the start of the machine.
 */
constexpr Duration start = hour;

TEST(Budget, WithoutACapIsEndless)
{
	Budget budget{};

	for (std::size_t i = 0; i < 2 * largest_budget; i++)
	{
		EXPECT_EQ(allowed_at(budget, 0, start), start);
		spend(budget, start);
	}
}

TEST(Budget, TellsHowManyAreLeft)
{
	Budget budget{};

	EXPECT_EQ(left_in(budget, 0, start), largest_budget);
	EXPECT_EQ(left_in(budget, 3, start), 3U);
	spend(budget, start);
	spend(budget, start + second);
	EXPECT_EQ(left_in(budget, 3, start + second), 1U);
	/* A lower cap than has been spent leaves nothing, and no less than that. */
	EXPECT_EQ(left_in(budget, 1, start + second), 0U);
	EXPECT_EQ(left_in(budget, 3, start + minute - 1), 1U);
	EXPECT_EQ(left_in(budget, 3, start + minute), 2U);
	EXPECT_EQ(left_in(budget, 3, start + minute + second), 3U);
}

TEST(Budget, AllowsTheFirstOnesAtOnce)
{
	Budget budget{};

	for (int i = 0; i < 5; i++)
	{
		EXPECT_EQ(allowed_at(budget, 5, start), start);
		spend(budget, start);
	}
	EXPECT_EQ(allowed_at(budget, 5, start), start + minute);
}

TEST(Budget, AllowsTheNextAMinuteAfterTheOldest)
{
	Budget budget{};

	for (int i = 0; i < 3; i++)
		spend(budget, start + i * second);
	EXPECT_EQ(allowed_at(budget, 3, start + 3 * second), start + minute);
	EXPECT_EQ(allowed_at(budget, 3, start + minute - 1), start + minute);
	EXPECT_EQ(allowed_at(budget, 3, start + minute), start + minute);
	EXPECT_EQ(allowed_at(budget, 3, start + hour), start + hour);

	spend(budget, start + minute);
	EXPECT_EQ(allowed_at(budget, 3, start + minute), start + minute + second);
}

TEST(Budget, OfOneIsOneAMinute)
{
	Budget budget{};

	spend(budget, start);
	EXPECT_EQ(allowed_at(budget, 1, start + 1), start + minute);
	spend(budget, start + minute);
	EXPECT_EQ(allowed_at(budget, 1, start + minute + 1), start + 2 * minute);
}

TEST(Budget, OfTheLargestSizeIsKept)
{
	Budget budget{};

	for (std::size_t i = 0; i < largest_budget; i++)
	{
		EXPECT_EQ(allowed_at(budget, largest_budget, start + second), start + second);
		spend(budget, start);
	}
	EXPECT_EQ(allowed_at(budget, largest_budget, start + second), start + minute);
}

TEST(Budget, CountsWhatWasDoneWhileTheCapWasAnother)
{
	Budget budget{};

	for (int i = 0; i < 10; i++)
		spend(budget, start + i * second);
	EXPECT_EQ(allowed_at(budget, 20, start + 10 * second), start + 10 * second);
	EXPECT_EQ(allowed_at(budget, 10, start + 10 * second), start + minute);
	/* The fourth of the ten that were has to be forgotten first; three are left.
	 */
	EXPECT_EQ(allowed_at(budget, 4, start + 10 * second), start + 6 * second + minute);
}

/* How many of these were taken within the minute before this moment? */
std::size_t
taken_within_minute(const std::vector<Duration> &taken, Duration now)
{
	return static_cast<std::size_t>(
	    std::ranges::count_if(taken, [&](Duration at) { return at > now - minute; }));
}

/* Caps of all sizes: the ring is wrapped many times, and by the largest just
 * so. */
class AnyBudget : public testing::TestWithParam<std::size_t>
{
};

TEST_P(AnyBudget, IsNeverExceededAndNeverLeftUnused)
{
	const std::size_t cap = GetParam();
	std::mt19937 random(static_cast<unsigned>(cap));
	Budget budget{};
	std::vector<Duration> taken;
	Duration now = start;

	for (std::size_t tries = 0; tries < 3 * largest_budget; tries++)
	{
		/* Bursts, and pauses of up to three times what the cap allows. */
		if (random() % 4 == 0)
			now += static_cast<Duration>(random()) %
			       (3 * minute / static_cast<Duration>(cap) + second);

		bool is_allowed = allowed_at(budget, cap, now) <= now;
		ASSERT_EQ(is_allowed, taken_within_minute(taken, now) < cap);
		ASSERT_EQ(left_in(budget, cap, now), cap - taken_within_minute(taken, now));
		if (!is_allowed)
		{
			Duration at = allowed_at(budget, cap, now);

			/* The very moment at which there is room again. */
			ASSERT_EQ(taken_within_minute(taken, at - 1), cap);
			ASSERT_LT(taken_within_minute(taken, at), cap);
			now = at;
		}
		spend(budget, now);
		taken.push_back(now);
	}
	for (std::size_t i = cap; i < taken.size(); i++)
		ASSERT_GE(taken[i] - taken[i - cap], minute);
}

INSTANTIATE_TEST_SUITE_P(Caps, AnyBudget,
                         testing::Values(1, 2, 5, 59, 499, largest_budget - 1, largest_budget));

} // namespace
} // namespace session_guard::test
