/*
 * It is known to the second how long a signal took, for a minute.
 */
#include "core/follow_up.h"

#include <gtest/gtest.h>

#include <vector>

namespace session_guard::test
{
namespace
{

/* The follow-ups until then, each as late as given. */
std::vector<Duration>
follow_ups_until(Duration end, Duration naptime, Duration late)
{
	std::vector<Duration> times;

	for (Duration next = first_follow_up; next <= end;
	     next = next_follow_up_after(next + late, naptime))
		times.push_back(next);
	return times;
}

TEST(FollowUp, IsSoonAndThenEachSecond)
{
	std::vector<Duration> expected{10 * millisecond, 100 * millisecond, 1 * second, 2 * second,
	                               3 * second,       4 * second,        5 * second, 6 * second};

	EXPECT_EQ(follow_ups_until(6 * second, 10 * second, 0), expected);
	EXPECT_EQ(follow_ups_until(6 * second, 10 * second, 300), expected);
	EXPECT_EQ(next_follow_up_after(0, second), 10 * millisecond);
}

TEST(FollowUp, NoEndWithinAMinuteIsSeenMoreThanASecondLate)
{
	std::vector<Duration> times = follow_ups_until(2 * minute, 10 * second, 7 * millisecond);

	for (std::size_t i = 1; i < times.size(); i++)
		EXPECT_LE(times[i] - times[i - 1], times[i] <= minute ? second : 11 * second);
	EXPECT_GT(times.back(), minute);
}

TEST(FollowUp, AfterAMinuteThereIsALookForEachScan)
{
	EXPECT_EQ(next_follow_up_after(minute, 10 * second), minute + 10 * second);
	EXPECT_EQ(next_follow_up_after((60 * minute), 3 * minute), (60 * minute) + 3 * minute);
	/* Scans may follow each other closely. */
	EXPECT_EQ(next_follow_up_after((60 * minute), 100 * millisecond), (60 * minute) + second);
}

TEST(FollowUp, WhoHasSurvivedIsKnownAtALook)
{
	std::vector<Duration> times = follow_ups_until(survival, 10 * second, 0);

	EXPECT_EQ(times.back(), survival);
}

} // namespace
} // namespace session_guard::test
