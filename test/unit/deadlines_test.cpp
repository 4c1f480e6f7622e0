/*
 * The order of the deadlines, and what happens when there is no room for them.
 */
#include "core/deadlines.h"

#include "unit/builders.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <random>
#include <vector>

namespace session_guard::test
{
namespace
{

Deadline
deadline(Instant wake, Instant due = noon, Limit limit = Limit::IdleSession, std::int32_t slot = 0)
{
	return {.wake = wake, .due = due, .session = {}, .slot = slot, .limit = limit};
}

/* Each comes before the next. */
const std::vector<Deadline> in_order{
    /* An earlier wake-up, whatever else. */
    deadline(noon + 1, noon + 9, Limit::Session, 9),
    /* An earlier deadline. */
    deadline(noon + 2, noon + 1, Limit::Session, 9),
    /* The milder action, though its limit comes later in the list. */
    deadline(noon + 2, noon + 2, Limit::Statement, 9),
    deadline(noon + 2, noon + 2, Limit::Maintenance, 0),
    /* The kind. */
    deadline(noon + 2, noon + 2, Limit::IdleSession, 9),
    /* The slot. */
    deadline(noon + 2, noon + 2, Limit::IdleInTransactionSession, 1),
    deadline(noon + 2, noon + 2, Limit::IdleInTransactionSession, 2),
    deadline(noon + 2, noon + 2, Limit::Transaction, 0),
    deadline(noon + 2, noon + 2, Limit::Session, 0),
    deadline(noon + 2, noon + 3, Limit::IdleSession, 0),
    deadline(noon + 3, noon - 1, Limit::IdleSession, 0),
};

TEST(ComesBefore, OrdersByWakeDeadlineActionKindAndSlot)
{
	for (std::size_t i = 0; i < in_order.size(); i++)
		for (std::size_t j = 0; j < in_order.size(); j++)
			EXPECT_EQ(comes_before(in_order[i], in_order[j]), i < j) << i << " and " << j;
}

TEST(Deadlines, WithoutMemoryHoldNothing)
{
	Deadlines deadlines;

	EXPECT_FALSE(deadlines.push(deadline(noon)));
	EXPECT_TRUE(deadlines.empty());
	EXPECT_EQ(deadlines.size(), 0U);
	EXPECT_EQ(deadlines.next_wake(), never);
}

TEST(Deadlines, EmptyNeverWake)
{
	std::array<Deadline, 2> memory{deadline(noon), deadline(noon)};
	Deadlines deadlines(memory);

	EXPECT_TRUE(deadlines.empty());
	EXPECT_EQ(deadlines.next_wake(), never);
}

TEST(Deadlines, WakeForTheFirst)
{
	std::array<Deadline, 4> memory;
	Deadlines deadlines(memory);

	EXPECT_TRUE(deadlines.push(deadline(noon + 2)));
	EXPECT_EQ(deadlines.next_wake(), noon + 2);
	EXPECT_TRUE(deadlines.push(deadline(noon + 3)));
	EXPECT_EQ(deadlines.next_wake(), noon + 2);
	EXPECT_TRUE(deadlines.push(deadline(noon + 1)));
	EXPECT_EQ(deadlines.next_wake(), noon + 1);
	EXPECT_EQ(deadlines.size(), 3U);
	EXPECT_FALSE(deadlines.empty());
}

TEST(Deadlines, ComeOutAsTheyWentIn)
{
	std::array<Deadline, 1> memory;
	Deadlines deadlines(memory);

	deadlines.push({.wake = noon,
	                .due = noon - 1,
	                .session = {.pid = 7, .backend_start = noon - 2},
	                .slot = 3,
	                .limit = Limit::Transaction});
	Deadline out = deadlines.pop();
	EXPECT_EQ(out.wake, noon);
	EXPECT_EQ(out.due, noon - 1);
	EXPECT_EQ(out.session, (SessionId{.pid = 7, .backend_start = noon - 2}));
	EXPECT_EQ(out.slot, 3);
	EXPECT_EQ(out.limit, Limit::Transaction);
	EXPECT_TRUE(deadlines.empty());
}

TEST(Deadlines, ClearedAreEmptyAndFreeTheirMemory)
{
	std::array<Deadline, 1> memory;
	Deadlines deadlines(memory);

	deadlines.push(deadline(noon));
	deadlines.clear();
	EXPECT_TRUE(deadlines.empty());
	EXPECT_EQ(deadlines.next_wake(), never);
	EXPECT_TRUE(deadlines.push(deadline(noon + 1)));
	EXPECT_EQ(deadlines.next_wake(), noon + 1);
}

/* Take all out, in the order in which they come. */
std::vector<Instant>
pop_wakes(Deadlines &deadlines)
{
	std::vector<Instant> wakes;

	while (!deadlines.empty())
		wakes.push_back(deadlines.pop().wake);
	return wakes;
}

TEST(FullDeadlines, LeaveOutANewcomerThatIsTheLatest)
{
	std::array<Deadline, 3> memory;
	Deadlines deadlines(memory);

	for (Instant wake : {3, 1, 2})
		ASSERT_TRUE(deadlines.push(deadline(wake)));
	EXPECT_FALSE(deadlines.push(deadline(4)));
	EXPECT_EQ(pop_wakes(deadlines), (std::vector<Instant>{1, 2, 3}));
}

TEST(FullDeadlines, LeaveOutTheLatestForAnEarlierNewcomer)
{
	std::array<Deadline, 3> memory;
	Deadlines deadlines(memory);

	for (Instant wake : {4, 2, 3})
		ASSERT_TRUE(deadlines.push(deadline(wake)));
	EXPECT_FALSE(deadlines.push(deadline(1)));
	EXPECT_EQ(deadlines.size(), 3U);
	EXPECT_EQ(deadlines.next_wake(), 1);
	EXPECT_EQ(pop_wakes(deadlines), (std::vector<Instant>{1, 2, 3}));
}

TEST(FullDeadlines, TakeOneAgainAfterOneWasTakenOut)
{
	std::array<Deadline, 2> memory;
	Deadlines deadlines(memory);

	deadlines.push(deadline(1));
	deadlines.push(deadline(2));
	deadlines.pop();
	EXPECT_TRUE(deadlines.push(deadline(3)));
	EXPECT_EQ(pop_wakes(deadlines), (std::vector<Instant>{2, 3}));
}

/* Deadlines among which ties of every field are common, but no two are the same. */
std::vector<Deadline>
random_deadlines(std::mt19937 &random, std::size_t count)
{
	std::vector<Deadline> deadlines;

	for (std::size_t i = 0; i < count; i++)
		deadlines.push_back(deadline(noon + random() % 20, noon + random() % 3,
		                             all_limits[random() % limit_count],
		                             static_cast<std::int32_t>(i)));
	std::shuffle(deadlines.begin(), deadlines.end(), random);
	return deadlines;
}

bool
is_same(const Deadline &a, const Deadline &b)
{
	return !comes_before(a, b) && !comes_before(b, a) && a.slot == b.slot;
}

TEST(RandomDeadlines, ComeOutSorted)
{
	std::mt19937 random(1);

	for (std::size_t count : {1U, 2U, 3U, 10U, 100U, 1000U})
	{
		std::vector<Deadline> expected = random_deadlines(random, count);
		std::vector<Deadline> memory(count);
		Deadlines deadlines(memory);

		for (const Deadline &each : expected)
			ASSERT_TRUE(deadlines.push(each));
		std::sort(expected.begin(), expected.end(), comes_before);
		for (const Deadline &each : expected)
		{
			ASSERT_EQ(deadlines.next_wake(), each.wake);
			ASSERT_TRUE(is_same(deadlines.pop(), each));
		}
		EXPECT_TRUE(deadlines.empty());
	}
}

TEST(RandomDeadlines, KeepTheFirstWhenTheMemoryIsFull)
{
	std::mt19937 random(2);

	for (std::size_t room : {1U, 2U, 7U, 50U, 199U})
	{
		std::vector<Deadline> expected = random_deadlines(random, 200);
		std::vector<Deadline> memory(room);
		Deadlines deadlines(memory);

		for (std::size_t i = 0; i < expected.size(); i++)
			ASSERT_EQ(deadlines.push(expected[i]), i < room);
		std::sort(expected.begin(), expected.end(), comes_before);
		ASSERT_EQ(deadlines.size(), room);
		for (std::size_t i = 0; i < room; i++)
			ASSERT_TRUE(is_same(deadlines.pop(), expected[i]));
	}
}

TEST(RandomDeadlines, ComeOutSortedBetweenPushes)
{
	std::mt19937 random(3);
	std::vector<Deadline> input = random_deadlines(random, 2000);
	std::vector<Deadline> memory(input.size());
	std::vector<Deadline> expected;
	Deadlines deadlines(memory);

	for (const Deadline &each : input)
	{
		ASSERT_TRUE(deadlines.push(each));
		expected.push_back(each);
		if (random() % 3 != 0)
			continue;
		auto first = std::min_element(expected.begin(), expected.end(), comes_before);
		ASSERT_TRUE(is_same(deadlines.pop(), *first));
		expected.erase(first);
		ASSERT_EQ(deadlines.size(), expected.size());
	}
}

} // namespace
} // namespace session_guard::test
