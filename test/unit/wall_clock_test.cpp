/*
 * Where a stamp of the wall clock lies on the clock that nobody sets, whatever
 * is done to the wall clock.
 */
#include "core/wall_clock.h"

#include "unit/builders.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace session_guard::test
{
namespace
{

constexpr Duration year = 365 * day;

/* Two clocks may seem to differ by this much though nobody has set one. */
constexpr Duration jitter = 5 * millisecond;

/* A server with both its clocks, of which only the wall clock can be set. */
class ClockTest : public testing::Test
{
  protected:
	Clock clock{};
	Timestamp wall = noon;
	Instant monotonic = 10 * day;

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
	/* How long ago a stamp seems to have been made. */
	Duration
	age_of(Timestamp stamp)
	{
		return monotonic - time_of(clock, stamp, monotonic);
	}
};

TEST(ClockWithoutReading, IsTakenForTheOther)
{
	EXPECT_EQ(time_of(Clock{}, noon, noon + second), noon);
	EXPECT_EQ(time_of(Clock{}, noon + second, noon), noon);
	EXPECT_EQ(wall_time_of(Clock{}, noon), noon);
}

TEST_F(ClockTest, FirstReadingShowsNoStep)
{
	EXPECT_EQ(clock.count, 1U);
	EXPECT_EQ(clock.wall, wall);
	EXPECT_EQ(clock.monotonic, monotonic);
}

TEST_F(ClockTest, FirstReadingExplainsWhatIsOlder)
{
	EXPECT_EQ(age_of(wall - 5 * day), 5 * day);
	EXPECT_EQ(age_of(wall), 0);
}

TEST_F(ClockTest, TimeThatPassesIsNoStep)
{
	Timestamp stamp = wall;

	pass(hour);
	EXPECT_EQ(read(), 0);
	EXPECT_EQ(clock.count, 1U);
	EXPECT_EQ(clock.wall, wall);
	EXPECT_EQ(clock.monotonic, monotonic);
	EXPECT_EQ(age_of(stamp), hour);
}

/* A step, ahead and back, and what it does to stamps around it. */
class ClockStep : public ClockTest, public testing::WithParamInterface<Duration>
{
  protected:
	/* A thousandth of it is no step's worth. */
	static constexpr Duration pause = 10 * second;
};

TEST_P(ClockStep, IsReturnedAndTakenOnlyOnce)
{
	pass(pause);
	set(GetParam());
	EXPECT_EQ(read(), GetParam());
	EXPECT_EQ(clock.count, 2U);
	pass(second);
	EXPECT_EQ(read(), 0);
	EXPECT_EQ(clock.count, 2U);
}

TEST_P(ClockStep, MakesNoStampFromBeforeItOlder)
{
	/* As far back as the step and farther. */
	Timestamp stamp = wall;

	pass(pause);
	set(GetParam());
	read();
	EXPECT_LE(age_of(stamp), pause);
	pass(20 * year);
	EXPECT_LE(age_of(stamp), pause + 20 * year);
}

TEST_P(ClockStep, LeavesAStampFromAfterItAsItIs)
{
	pass(pause);
	set(GetParam());
	read();
	pass(second);
	Timestamp stamp = wall;

	pass(pause);
	EXPECT_EQ(age_of(stamp), pause);
}

TEST_P(ClockStep, MakesNoStampFromBetweenItAndTheReadingOlder)
{
	pass(pause);
	set(GetParam());
	Timestamp stamp = wall;

	pass(200 * millisecond);
	read();
	EXPECT_LE(age_of(stamp), 200 * millisecond);
	EXPECT_GE(age_of(stamp), 0);
}

TEST_P(ClockStep, ThatIsTakenBackLeavesNoTrace)
{
	Timestamp before = wall;

	pass(pause);
	set(GetParam());
	read();
	pass(pause);
	Timestamp between = wall;

	pass(pause);
	set(-GetParam());
	EXPECT_EQ(read(), -GetParam());
	EXPECT_LE(age_of(before), 3 * pause);
	EXPECT_LE(age_of(between), pause);
	EXPECT_LE(age_of(wall - second), second);
}

INSTANTIATE_TEST_SUITE_P(Clock, ClockStep,
                         testing::Values(51 * millisecond, -51 * millisecond, second, -second, hour,
                                         -hour, 10 * year, -10 * year));

TEST_F(ClockTest, StepAheadIsTakenOffAStampFromBeforeIt)
{
	Timestamp stamp = wall;

	pass(minute);
	set(hour);
	ASSERT_EQ(read(), hour);
	EXPECT_EQ(age_of(stamp), minute);
	/* That it seems to be from after it takes an hour. */
	pass(hour);
	read();
	EXPECT_EQ(age_of(stamp), hour + minute);
}

TEST_F(ClockTest, StampFromBeforeAStepBackIsExactWhileItLiesAhead)
{
	pass(hour);
	Timestamp stamp = wall - minute;

	set(-10 * minute);
	ASSERT_EQ(read(), -10 * minute);
	EXPECT_EQ(age_of(stamp), minute);
}

TEST_F(ClockTest, StampWithTwoExplanationsHasTheLater)
{
	/* The wall clock shows this moment twice. */
	Timestamp twice = wall + 55 * minute;

	pass(hour);
	set(-10 * minute);
	read();
	EXPECT_EQ(age_of(twice), 5 * minute);
	pass(6 * minute);
	read();
	EXPECT_EQ(age_of(twice), minute);
}

TEST_F(ClockTest, StepsAheadAddUp)
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

	EXPECT_EQ(age_of(first), 3 * minute);
	EXPECT_EQ(age_of(second_stamp), minute);
}

TEST_F(ClockTest, StampBetweenTheLastReadingAndAStepAheadCounts)
{
	pass(10 * second);
	Timestamp stamp = wall;
	pass(10 * second);
	set(hour);
	pass(10 * second);
	ASSERT_EQ(read(), hour);
	EXPECT_EQ(age_of(stamp), 20 * second);
}

TEST_F(ClockTest, StepOfFiftyMillisecondsIsTooSmall)
{
	for (Duration step : {49 * millisecond, 50 * millisecond, -49 * millisecond, -50 * millisecond})
	{
		pass(second);
		set(step);
		EXPECT_EQ(read(), 0) << step;
		EXPECT_EQ(clock.count, 1U) << step;
		EXPECT_EQ(age_of(wall - minute), minute) << step;
	}
}

TEST_F(ClockTest, StepOfOverFiftyMillisecondsIsNot)
{
	for (Duration step : {50 * millisecond + 1, -50 * millisecond - 1})
	{
		std::size_t count = clock.count;

		pass(second);
		set(step);
		EXPECT_EQ(read(), step);
		EXPECT_EQ(clock.count, count + 1);
	}
}

TEST_F(ClockTest, SmallStepsDoNotAddUpToAStep)
{
	for (int i = 0; i < 20; i++)
	{
		set(49 * millisecond);
		EXPECT_EQ(read(), 0);
	}
	EXPECT_EQ(clock.count, 1U);
}

TEST_F(ClockTest, SlewingIsNoStep)
{
	/* A minute of it, ahead and back, by just under a thousandth. */
	for (Duration direction : {1, -1})
		for (int i = 0; i < 600; i++)
		{
			pass(100 * millisecond);
			set(direction * 99);
			ASSERT_EQ(read(), 0);
			ASSERT_EQ(age_of(wall - second), second);
		}
	EXPECT_EQ(clock.count, 1U);
}

TEST_F(ClockTest, AfterALongTimeWithoutReadingsAThousandthOfItIsNoStep)
{
	pass(1000 * second);
	set(second);
	EXPECT_EQ(read(), 0);
	pass(1000 * second);
	set(-second);
	EXPECT_EQ(read(), 0);
	pass(1000 * second);
	set(second + 1);
	EXPECT_EQ(read(), second + 1);
	pass(1000 * second);
	set(-second - 1);
	EXPECT_EQ(read(), -second - 1);
}

TEST_F(ClockTest, StepWhileNobodyReadsIsSeenAfterwards)
{
	Timestamp stamp = wall;

	/* The worker was away, and what it knew was in shared memory. */
	Clock kept = clock;
	pass(minute);
	set(-hour);
	pass(minute);
	Timestamp after = wall;
	pass(minute);
	EXPECT_EQ(read_clock(kept, wall, monotonic), -hour);
	EXPECT_EQ(monotonic - time_of(kept, after, monotonic), minute);
	EXPECT_LE(monotonic - time_of(kept, stamp, monotonic), 3 * minute);
}

TEST_F(ClockTest, StampThatCannotBeExplainedWasMadeNow)
{
	EXPECT_EQ(age_of(wall + jitter + 1), 0);
	EXPECT_EQ(age_of(wall + 10 * year), 0);
	/* It was not while the present stretch lasted, and there was none before it. */
	pass(minute);
	set(hour);
	read();
	EXPECT_EQ(age_of(wall - 30 * minute), 0);
}

TEST_F(ClockTest, StampIsNeverPlacedInTheFuture)
{
	for (Duration ahead : {Duration(0), Duration(1), jitter, jitter + 1, hour})
		EXPECT_EQ(age_of(wall + ahead), 0);
}

TEST_F(ClockTest, StampALittleBeforeItsStretchIsExplainedByIt)
{
	pass(minute);
	ASSERT_EQ(read(), 0);
	set(hour);
	ASSERT_EQ(read(), hour);
	pass(second);
	EXPECT_EQ(age_of(wall - second - jitter), second + jitter);
	EXPECT_EQ(age_of(wall - second - jitter - 1), 0);
}

TEST_F(ClockTest, WallTimeIsThatOfThePresentStretch)
{
	pass(minute);
	set(hour);
	read();
	EXPECT_EQ(wall_time_of(clock, monotonic), wall);
	EXPECT_EQ(wall_time_of(clock, monotonic + minute), wall + minute);
	EXPECT_EQ(wall_time_of(clock, monotonic - day), wall - day);
}

/* A clock that was set more often than it can remember. */
class ClockOverflow : public ClockTest
{
  protected:
	static constexpr std::size_t capacity = std::tuple_size_v<decltype(Clock::stretches)>;

	struct Mark
	{
		Timestamp stamp;
		Instant at;
	};
	/* One in each stretch. */
	std::vector<Mark> marks;

	void
	have_stretches(std::size_t count)
	{
		pass(minute);
		marks.push_back({wall, monotonic});
		while (marks.size() < count)
		{
			pass(second);
			set(hour + static_cast<Duration>(marks.size()) * second);
			ASSERT_NE(read(), 0);
			pass(minute);
			marks.push_back({wall, monotonic});
		}
		pass(minute);
	}
	Instant
	place_of(const Mark &mark)
	{
		return time_of(clock, mark.stamp, monotonic);
	}
};

TEST_F(ClockOverflow, FullListIsExact)
{
	have_stretches(capacity);
	EXPECT_EQ(clock.count, capacity);
	for (const Mark &mark : marks)
		EXPECT_EQ(place_of(mark), mark.at);
}

TEST_F(ClockOverflow, OneTooManyForgetsTheOldestOnly)
{
	have_stretches(capacity + 1);
	EXPECT_EQ(clock.count, capacity);
	EXPECT_EQ(place_of(marks[0]), monotonic);
	for (std::size_t i = 1; i < marks.size(); i++)
		EXPECT_EQ(place_of(marks[i]), marks[i].at) << i;
}

TEST_F(ClockOverflow, ManyTooManyForgetTheOldest)
{
	have_stretches(3 * capacity);
	EXPECT_EQ(clock.count, capacity);
	for (std::size_t i = 0; i < marks.size(); i++)
		EXPECT_EQ(place_of(marks[i]), i < 2 * capacity ? monotonic : marks[i].at) << i;
}

/* ---- Whatever is done to the wall clock. ---- */

Duration
between(std::mt19937 &random, Duration least, Duration most)
{
	return std::uniform_int_distribution<Duration>(least, most)(random);
}

/* From just over what is a step to ten years, each order of magnitude as often. */
Duration
any_step(std::mt19937 &random)
{
	Duration most = 60 * millisecond;

	for (auto magnitude = random() % 10; magnitude > 0; magnitude--)
		most *= 10;
	Duration size = between(random, smallest_step + 1, std::min(most, 10 * year));
	return random() % 2 == 0 ? size : -size;
}

struct Made
{
	Timestamp stamp;
	Instant at;
};

class RandomSteps : public ClockTest, public testing::WithParamInterface<unsigned>
{
  protected:
	std::mt19937 random{GetParam()};
	std::vector<Made> made;

	void
	make_stamp()
	{
		made.push_back({wall, monotonic});
	}
	/* Let time pass up to the next reading, with stamps made in it, and perhaps steps. */
	void
	pass_to_next_reading(unsigned most_steps)
	{
		auto steps = random() % 3 == 0 ? random() % (most_steps + 1) : 0;

		for (auto i = steps + 1; i > 0; i--)
		{
			Duration part =
			    between(random, 50, 250) * millisecond / static_cast<Duration>(steps + 1);
			Duration before = between(random, 0, part);

			pass(before);
			make_stamp();
			pass(part - before);
			if (i > 1)
				set(any_step(random));
		}
		read();
	}
};

TEST_P(RandomSteps, NobodyIsEverPlacedEarlierThanTheTruth)
{
	for (int i = 0; i < 400; i++)
	{
		pass_to_next_reading(1);
		for (const Made &one : made)
		{
			Instant place = time_of(clock, one.stamp, monotonic);

			ASSERT_GE(place, one.at - jitter) << "reading " << i;
			ASSERT_LE(place, monotonic) << "reading " << i;
		}
	}
}

TEST_P(RandomSteps, WhoIsSeenAtOnceIsPlacedWhereItWas)
{
	for (int i = 0; i < 2000; i++)
	{
		made.clear();
		pass_to_next_reading(1);
		for (const Made &one : made)
		{
			Instant place = time_of(clock, one.stamp, monotonic);

			ASSERT_GE(place, one.at - jitter) << "reading " << i;
			ASSERT_LE(place, one.at + 250 * millisecond + jitter) << "reading " << i;
		}
	}
}

/*
 * Of several steps between two readings only their sum is seen, and what was
 * stamped between them may be taken for something older.  But a session that was
 * read before has made a stamp that is new since.
 */
TEST_P(RandomSteps, WhoWasLookedAtBeforeIsPlacedAfterThatLook)
{
	Session session = SessionBuilder().connected(wall);
	TrackingState tracking{};

	place(tracking, session, clock, monotonic);
	observe(tracking, session, monotonic);
	for (int i = 0; i < 2000; i++)
	{
		Instant last_read_at = monotonic;

		made.clear();
		pass_to_next_reading(4);
		for (const Made &one : made)
		{
			TrackingState copy = tracking;
			Session seen = session;

			seen.state_change = one.stamp;
			place(copy, seen, clock, monotonic);
			ASSERT_GE(seen.times.state_change, last_read_at - smallest_step) << "reading " << i;
			ASSERT_LE(seen.times.state_change, monotonic) << "reading " << i;
		}
		session.state_change = made.back().stamp;
		place(tracking, session, clock, monotonic);
		observe(tracking, session, monotonic);
	}
}

INSTANTIATE_TEST_SUITE_P(Clock, RandomSteps, testing::Range(1U, 9U));

} // namespace
} // namespace session_guard::test
