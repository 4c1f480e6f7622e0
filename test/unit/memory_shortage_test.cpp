/*
 * Who is to go while the server is short of memory.
 */
#include "core/memory_shortage.h"

#include "core/memory_sampling.h"

#include "unit/builders.h"

#include <gtest/gtest.h>

namespace session_guard::test
{
namespace
{

constexpr std::int64_t megabyte = 1024 * 1024;
constexpr std::int64_t threshold = 500 * megabyte;
constexpr std::int64_t smallest = 50 * megabyte;

MemoryUser
user(std::int32_t pid, std::int64_t megabytes, std::int64_t grown = 0)
{
	return {.session = {.pid = pid, .backend_start = noon},
	        .slot = pid,
	        .bytes = megabytes * megabyte,
	        .grown = grown * megabyte};
}

/* A shortage, and sessions as they are read in it. */
struct ShortageCase
{
	MemoryShortage shortage{};

	void
	leave(std::int64_t megabytes, Instant now)
	{
		note_left(shortage, {.bytes = megabytes * megabyte, .bound = MemoryBound::Host}, threshold,
		          now);
		begin_balance(shortage, now);
	}

	ReliefChoice
	choose(std::initializer_list<MemoryUser> users, std::int64_t spared_megabytes = 0)
	{
		MemoryUsers all(smallest);

		all.add(spared_megabytes * megabyte);
		for (const MemoryUser &one : users)
		{
			all.add(one.bytes);
			all.compare(one);
		}
		return choose_relief(shortage, all);
	}
};

void
expect_to_go(const ReliefChoice &choice, std::int32_t pid, std::int64_t next_megabytes)
{
	EXPECT_EQ(choice.relief, Relief::ByEnd);
	ASSERT_TRUE(choice.greatest.user);
	EXPECT_EQ(choice.greatest.user->session.pid, pid);
	EXPECT_EQ(choice.greatest.next_bytes, next_megabytes * megabyte);
}

void
expect_nobody(const ReliefChoice &choice, Relief why)
{
	EXPECT_EQ(choice.relief, why);
	EXPECT_FALSE(choice.greatest.user);
}

TEST(SmallestWorthEnding, IsATenthOfWhatIsToBeLeftButNoFreshSession)
{
	EXPECT_EQ(smallest_worth_ending(threshold), smallest);
	EXPECT_EQ(smallest_worth_ending(16 * megabyte), 16 * megabyte);
}

TEST(PauseBeforeReadingLeft, IsAsLongAsAllProcessorsTakeToAQuarterBelowTheThreshold)
{
	auto pause = [](std::int64_t room, int processors)
	{ return pause_before_reading_left(threshold * 3 / 4 + room, threshold, processors, second); };

	EXPECT_EQ(pause(fastest_growth * 100 * millisecond, 1), 100 * millisecond);
	EXPECT_EQ(pause(fastest_growth * 200 * millisecond, 2), 100 * millisecond);
	/* More than eight do not make it grow faster, and the number may not be known. */
	EXPECT_EQ(pause(fastest_growth * 800 * millisecond, 64), 100 * millisecond);
	EXPECT_EQ(pause(fastest_growth * 100 * millisecond, -1), 100 * millisecond);
	EXPECT_EQ(pause(fastest_growth * hour, 1), second);
	EXPECT_EQ(pause(0, 1), shortest_memory_pause);
	EXPECT_EQ(pause(-threshold, 1), shortest_memory_pause);
}

TEST(MemoryShortage, BeginsWithTheFirstReadingThatIsTooLittle)
{
	ShortageCase test;

	test.leave(500, noon);
	EXPECT_EQ(test.shortage.since, unknown_time);
	test.leave(499, noon + second);
	test.leave(400, noon + 2 * second);
	EXPECT_EQ(test.shortage.since, noon + second);
	EXPECT_EQ(test.shortage.left.bytes, 400 * megabyte);
}

TEST(MemoryShortage, IsTheSameAfterASpellWithoutIt)
{
	ShortageCase test;

	test.leave(400, noon);
	test.leave(600, noon + second);
	test.leave(400, noon + 10 * second);
	EXPECT_EQ(test.shortage.since, noon);
	test.leave(400, noon + 20 * second + 1);
	EXPECT_EQ(test.shortage.since, noon + 20 * second + 1);
}

TEST(ChooseRelief, TakesTheGreatest)
{
	ShortageCase test;

	test.leave(400, noon);
	expect_to_go(test.choose({user(1, 100), user(2, 300), user(3, 200)}), 2, 200);
	expect_to_go(test.choose({user(1, 300), user(2, 300)}), 1, 300);
	expect_to_go(test.choose({user(1, 50), user(2, 49)}), 1, 0);
}

TEST(ChooseRelief, TakesNobodyWhoseEndWouldNotBeFelt)
{
	ShortageCase test;

	test.leave(0, noon);
	expect_nobody(test.choose({user(1, 49), user(2, 48)}, 5000), Relief::NobodyUsesMuch);
	expect_nobody(test.choose({}), Relief::NobodyUsesMuch);
}

TEST(ChooseRelief, TakesOneAfterTheOtherIfThatHelps)
{
	ShortageCase test;

	test.leave(100, noon);
	expect_to_go(test.choose({user(1, 300), user(2, 200), user(3, 100)}), 1, 200);
	test.shortage.freed += 300 * megabyte;
	/* Others have grown meanwhile. */
	test.leave(200, noon + second);
	expect_to_go(test.choose({user(2, 350), user(3, 150)}), 2, 150);
}

TEST(ChooseRelief, TakesNobodyMoreIfWhatIsFreedIsTakenElsewhere)
{
	ShortageCase test;

	test.leave(100, noon);
	(void)test.choose({user(1, 300), user(2, 200)}, 1000);
	test.shortage.freed += 300 * megabyte;
	test.leave(250, noon + second);
	expect_to_go(test.choose({user(2, 200)}, 1000), 2, 0);
	test.leave(249, noon + second);
	expect_nobody(test.choose({user(2, 200)}, 1000), Relief::TakenElsewhere);
	/* What spared sessions take is not taken elsewhere. */
	expect_to_go(test.choose({user(2, 200)}, 1001), 2, 0);
}

TEST(ChooseRelief, TakesWhoHasGrownEvenThen)
{
	ShortageCase test;

	test.leave(100, noon);
	(void)test.choose({user(1, 300), user(2, 200)});
	test.shortage.freed += 300 * megabyte;
	test.leave(0, noon + second);
	expect_to_go(test.choose({user(2, 200, 49), user(3, 60, 50), user(4, 55, 52)}), 3, 55);
}

TEST(ChooseRelief, ForgetsAfterAMinuteWhatWasTaken)
{
	ShortageCase test;

	test.leave(100, noon);
	(void)test.choose({user(1, 300), user(2, 200)});
	test.shortage.freed += 300 * megabyte;
	test.leave(0, noon + minute);
	expect_nobody(test.choose({user(2, 200)}), Relief::TakenElsewhere);
	test.leave(0, noon + 2 * minute + 1);
	expect_to_go(test.choose({user(2, 200)}), 2, 0);
}

} // namespace
} // namespace session_guard::test
