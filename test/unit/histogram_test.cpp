/*
 * How often something took how long.
 */
#include "core/histogram.h"

#include <gtest/gtest.h>

#include <initializer_list>

namespace session_guard::test
{
namespace
{

Histogram
histogram_of(std::initializer_list<Duration> durations)
{
	Histogram histogram{};

	for (Duration duration : durations)
		histogram[range_of(duration)]++;
	return histogram;
}

TEST(HistogramRange, BeginsWhereTheOneBeforeEnds)
{
	EXPECT_EQ(range_of(0), 0U);
	for (std::size_t range = 0; range + 1 < histogram_size; range++)
	{
		Duration longest = longest_of(range);

		ASSERT_EQ(range_of(longest), range) << longest;
		ASSERT_EQ(range_of(longest + 1), range + 1) << longest;
	}
}

TEST(HistogramRange, IsAtMostAQuarterOfWhereItBegins)
{
	for (std::size_t range = 1; range + 2 < histogram_size; range++)
	{
		Duration first = longest_of(range - 1) + 1;

		ASSERT_LE(longest_of(range) - first, first / 4) << range;
	}
}

TEST(HistogramRange, TakesWhatIsBeyondAllRanges)
{
	EXPECT_EQ(range_of(-5), 0U);
	EXPECT_EQ(range_of(never), histogram_size - 1);
	EXPECT_EQ(longest_of(histogram_size - 1), never);
	/* A day of lateness still has a range of its own. */
	EXPECT_LT(range_of(24 * 60 * minute), histogram_size - 1);
}

TEST(Percentile, OfNothingIsNone)
{
	EXPECT_EQ(percentile(Histogram{}, 50, 0), std::nullopt);
	EXPECT_EQ(percentile(Histogram{}, 100, 0), std::nullopt);
}

TEST(Percentile, IsNeverLongerThanTheLongest)
{
	Histogram histogram = histogram_of({1000});

	for (int percent : {1, 50, 99, 100})
		EXPECT_EQ(percentile(histogram, percent, 1000), 1000);
}

TEST(Percentile, LeavesSoManyBelow)
{
	Histogram histogram{};

	for (Duration duration = 1; duration <= 100; duration++)
		histogram[range_of(duration * millisecond)]++;
	for (int percent : {50, 75, 99})
	{
		Duration exact = percent * millisecond;
		std::optional<Duration> found = percentile(histogram, percent, 100 * millisecond);

		ASSERT_TRUE(found.has_value());
		EXPECT_GE(*found, exact);
		EXPECT_LE(*found, exact + exact / 4);
	}
	EXPECT_EQ(percentile(histogram, 100, 100 * millisecond), 100 * millisecond);
}

TEST(Percentile, CountsUpToTheNextWholeOne)
{
	/* The median of three is the second, and 34 percent are more than one of them. */
	Histogram histogram = histogram_of({millisecond, second, minute});

	EXPECT_LT(*percentile(histogram, 33, minute), 2 * millisecond);
	EXPECT_GE(*percentile(histogram, 34, minute), second);
	EXPECT_LT(*percentile(histogram, 50, minute), 2 * second);
	EXPECT_EQ(percentile(histogram, 67, minute), minute);
}

} // namespace
} // namespace session_guard::test
