/*
 * Steps of the wall clock, taken off what began before them.
 */
#include "core/clock.h"

#include "unit/builders.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace session_guard::test
{
namespace
{

/* A server with both its clocks, of which only the wall clock can be set. */
class ClockTest : public testing::Test
{
  protected:
	Clock clock{};
	Timestamp wall = noon;
	Duration monotonic = hour;

	void
	SetUp() override
	{
		ASSERT_EQ(read(), 0);
	}
	void
	pass(Duration time)
	{
		wall += time;
		monotonic += time;
	}
	void
	set(Duration by)
	{
		wall += by;
	}
	Duration
	read()
	{
		return read_clock(clock, wall, monotonic);
	}
	Duration
	elapsed_since(Timestamp stamp)
	{
		return elapsed(clock, stamp, wall);
	}
};

TEST_F(ClockTest, FirstReadingShowsNoStep)
{
	EXPECT_EQ(clock.count, 0U);
	EXPECT_EQ(clock.wall, wall);
	EXPECT_EQ(clock.monotonic, monotonic);
}

TEST_F(ClockTest, TimeThatPassesIsNoStep)
{
	Timestamp stamp = wall;

	pass(hour);
	EXPECT_EQ(read(), 0);
	EXPECT_EQ(clock.count, 0U);
	EXPECT_EQ(clock.wall, wall);
	EXPECT_EQ(clock.monotonic, monotonic);
	EXPECT_EQ(elapsed_since(stamp), hour);
}

TEST_F(ClockTest, ForwardStepIsTakenOff)
{
	Timestamp stamp = wall;

	pass(minute);
	set(hour);
	EXPECT_EQ(read(), hour);
	EXPECT_EQ(stepped_since(clock, stamp), hour);
	EXPECT_EQ(elapsed_since(stamp), minute);
}

TEST_F(ClockTest, ForwardStepIsTakenOnlyOnce)
{
	set(hour);
	ASSERT_EQ(read(), hour);
	pass(second);
	EXPECT_EQ(read(), 0);
	EXPECT_EQ(clock.count, 1U);
}

TEST_F(ClockTest, BackwardStepIsNone)
{
	pass(hour);
	set(-10 * minute);
	EXPECT_EQ(read(), 0);
	EXPECT_EQ(clock.count, 0U);
}

TEST_F(ClockTest, BackwardStepMakesYounger)
{
	Timestamp stamp = wall;

	pass(hour);
	set(-10 * minute);
	read();
	EXPECT_EQ(elapsed_since(stamp), 50 * minute);
}

TEST_F(ClockTest, ForwardStepAfterABackwardOneIsSeenWhole)
{
	set(-hour);
	ASSERT_EQ(read(), 0);
	set(hour);
	EXPECT_EQ(read(), hour);
}

TEST_F(ClockTest, ForwardStepIsTakenOffStampsFromBeforeABackwardOne)
{
	Timestamp stamp = wall;

	pass(second);
	set(-10 * minute);
	read();
	pass(second);
	set(2 * hour);
	read();
	EXPECT_LE(elapsed_since(stamp), 2 * second);
}

TEST_F(ClockTest, StampMadeBetweenTheLastReadingAndABackwardStepIsFromBeforeIt)
{
	pass(minute);
	Timestamp stamp = wall;

	set(-10 * minute);
	read();
	set(2 * hour);
	read();
	EXPECT_LE(elapsed_since(stamp), 0);
}

TEST_F(ClockTest, ForwardStepThatWasTakenBackCountsNoMore)
{
	Timestamp stamp = wall;

	pass(minute);
	set(hour);
	read();
	pass(minute);
	set(-hour);
	read();
	EXPECT_EQ(elapsed_since(stamp), 2 * minute);
	pass(minute);
	EXPECT_EQ(elapsed_since(wall - minute), minute);
}

TEST_F(ClockTest, BackwardStepTakesBackOnlyAsMuchAsItIs)
{
	Timestamp stamp = wall;

	set(hour);
	read();
	set(2 * hour);
	read();
	set(-2 * hour - 30 * minute);
	read();
	EXPECT_EQ(stepped_since(clock, stamp), 30 * minute);
	set(-hour);
	read();
	EXPECT_EQ(stepped_since(clock, stamp), 0);
}

TEST_F(ClockTest, StepOfASecondIsTooSmall)
{
	set(second);
	EXPECT_EQ(read(), 0);
	EXPECT_EQ(clock.count, 0U);
}

TEST_F(ClockTest, StepOfOverASecondIsNot)
{
	set(second + 1);
	EXPECT_EQ(read(), second + 1);
	EXPECT_EQ(clock.count, 1U);
}

TEST_F(ClockTest, SmallStepsDoNotAddUp)
{
	set(second);
	read();
	set(second);
	EXPECT_EQ(read(), 0);
}

TEST_F(ClockTest, StampAtTheBoundaryWasMadeBeforeTheStep)
{
	pass(minute);
	Timestamp boundary = wall;
	set(hour);
	ASSERT_EQ(read(), hour);

	EXPECT_EQ(stepped_since(clock, boundary), hour);
	EXPECT_EQ(stepped_since(clock, boundary + 1), 0);
	EXPECT_EQ(elapsed_since(boundary), 0);
	EXPECT_EQ(elapsed_since(wall), 0);
}

TEST_F(ClockTest, StampBetweenTheLastReadingAndTheStepCounts)
{
	pass(10 * second);
	Timestamp stamp = wall;
	pass(10 * second);
	set(hour);
	pass(10 * second);
	ASSERT_EQ(read(), hour);
	EXPECT_EQ(elapsed_since(stamp), 20 * second);
}

TEST_F(ClockTest, StampAfterTheStepIsMeasuredAsItIs)
{
	set(hour);
	read();
	pass(second);
	Timestamp stamp = wall;
	pass(minute);
	EXPECT_EQ(elapsed_since(stamp), minute);
}

TEST_F(ClockTest, StepsAddUp)
{
	Timestamp first = wall;
	pass(minute);
	set(hour);
	read();
	pass(minute);
	Timestamp second_stamp = wall;
	pass(minute);
	set(2 * hour);
	EXPECT_EQ(read(), 2 * hour);

	EXPECT_EQ(stepped_since(clock, first), 3 * hour);
	EXPECT_EQ(elapsed_since(first), 3 * minute);
	EXPECT_EQ(stepped_since(clock, second_stamp), 2 * hour);
	EXPECT_EQ(elapsed_since(second_stamp), minute);
}

TEST_F(ClockTest, StampAheadIsNegative)
{
	EXPECT_EQ(elapsed_since(wall + minute), -minute);
}

TEST_F(ClockTest, DeadlineIsPutOffByTheStep)
{
	Timestamp stamp = wall;
	EXPECT_EQ(deadline_of(clock, stamp, 5 * minute), stamp + 5 * minute);

	pass(minute);
	set(hour);
	read();
	EXPECT_EQ(deadline_of(clock, stamp, 5 * minute), stamp + hour + 5 * minute);
	EXPECT_EQ(deadline_of(clock, wall, 5 * minute), wall + 5 * minute);
}

TEST_F(ClockTest, FarDeadlineIsNever)
{
	EXPECT_EQ(deadline_of(clock, wall, never), never);
	EXPECT_EQ(deadline_of(clock, wall, never - wall - 1), never - 1);

	Timestamp stamp = wall;
	set(hour);
	read();
	EXPECT_EQ(deadline_of(clock, stamp, never - stamp - minute), never);
}

/* A clock that was set ahead more often than it can remember. */
class ClockOverflow : public ClockTest
{
  protected:
	static constexpr std::size_t capacity = std::tuple_size_v<decltype(Clock::steps)>;

	struct Mark
	{
		Timestamp stamp;
		Duration monotonic;
	};
	/* One before each step, and one after the last. */
	std::vector<Mark> marks;

	void
	step_times(std::size_t count)
	{
		for (std::size_t i = 0; i < count; i++)
		{
			pass(minute);
			marks.push_back({wall, monotonic});
			pass(second);
			set(hour + static_cast<Duration>(i) * second);
			ASSERT_NE(read(), 0);
		}
		pass(minute);
		marks.push_back({wall, monotonic});
		pass(minute);
	}
	Duration
	error_of(const Mark &mark)
	{
		return elapsed_since(mark.stamp) - (monotonic - mark.monotonic);
	}
};

TEST_F(ClockOverflow, FullListIsExact)
{
	step_times(capacity);
	EXPECT_EQ(clock.count, capacity);
	for (const Mark &mark : marks)
		EXPECT_EQ(error_of(mark), 0);
}

TEST_F(ClockOverflow, OneTooManyMeasuresOnlyTheMergedTooShort)
{
	step_times(capacity + 1);
	EXPECT_EQ(clock.count, capacity);
	EXPECT_EQ(error_of(marks[0]), 0);
	/* Between the two steps that became one: the first is taken off as well. */
	EXPECT_EQ(error_of(marks[1]), -hour);
	for (std::size_t i = 2; i < marks.size(); i++)
		EXPECT_EQ(error_of(marks[i]), 0) << i;
}

TEST_F(ClockOverflow, ManyTooManyNeverMeasureTooLong)
{
	constexpr std::size_t steps = 3 * capacity;

	step_times(steps);
	EXPECT_EQ(clock.count, capacity);
	EXPECT_EQ(error_of(marks[0]), 0);
	for (std::size_t i = 1; i < marks.size(); i++)
	{
		bool merged = i <= steps - capacity;

		EXPECT_EQ(error_of(marks[i]) == 0, !merged) << i;
		EXPECT_LE(error_of(marks[i]), 0) << i;
	}
}

TEST_F(ClockTest, NothingIsEverMeasuredTooLongWhateverTheSteps)
{
	std::mt19937 random(19);
	struct Mark
	{
		Timestamp stamp;
		Duration monotonic;
	};
	std::vector<Mark> marks;

	for (int i = 0; i < 200; i++)
	{
		pass(std::uniform_int_distribution<Duration>(1, minute)(random));
		marks.push_back({wall, monotonic});
		pass(std::uniform_int_distribution<Duration>(0, second)(random));
		if (random() % 4 == 0)
			set(std::uniform_int_distribution<Duration>(second + 1, 2 * minute)(random));
		else if (random() % 4 == 0)
			set(-std::uniform_int_distribution<Duration>(1, 3 * minute)(random));
		read();
		for (const Mark &mark : marks)
			ASSERT_LE(elapsed_since(mark.stamp), monotonic - mark.monotonic) << i;
	}
}

} // namespace
} // namespace session_guard::test
