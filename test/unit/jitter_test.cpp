/*
 * How much later than session_timeout each session ends.
 */
#include "core/jitter.h"

#include "core/census.h"
#include "core/forecast.h"

#include "unit/builders.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <limits>

namespace session_guard::test
{
namespace
{

constexpr std::int32_t pool_size = 1000;

Policy
policy_with(Duration threshold, std::int32_t percent)
{
	return PolicyBuilder().limit(Limit::Session, threshold).session_timeout_jitter(percent);
}

/* The sessions of a pool, with pids one after the other and so much time between them. */
SessionId
of_pool(std::int32_t number, Duration apart)
{
	return {.pid = 4711 + number, .backend_start = noon - 3 * day + number * apart};
}

Duration
jitter(SessionId session, const Policy &policy)
{
	return jitter_of(Limit::Session, session, policy);
}

TEST(Jitter, SpreadsAPoolEvenly)
{
	Policy policy = policy_with(hour, 100);

	for (Duration apart : {Duration{0}, Duration{1}, Duration{1000}, Duration{1024}, second})
	{
		std::array<int, 10> tenths{};

		for (std::int32_t i = 0; i < pool_size; i++)
		{
			Duration found = jitter(of_pool(i, apart), policy);

			ASSERT_GE(found, 0);
			ASSERT_LT(found, hour);
			tenths[static_cast<std::size_t>(found / (hour / 10))]++;
		}
		/* By chance each has 100, and hardly ever 40 more or less (four deviations). */
		EXPECT_GT(*std::ranges::min_element(tenths), 60) << "apart by " << apart;
		EXPECT_LT(*std::ranges::max_element(tenths), 140) << "apart by " << apart;
	}
}

TEST(Jitter, SpreadsSessionsThatHaveTheSamePidOneAfterTheOther)
{
	Policy policy = policy_with(hour, 100);
	int in_first_half = 0;

	for (int i = 0; i < pool_size; i++)
		if (jitter({.pid = 4711, .backend_start = noon + i}, policy) < hour / 2)
			in_first_half++;
	EXPECT_GT(in_first_half, 420);
	EXPECT_LT(in_first_half, 580);
}

/* The schedule is asked on other hosts, and in other processes, than the guard decides in. */
TEST(Jitter, IsTheSameEverywhere)
{
	Policy policy = policy_with(1024 * 1024 * second, 100);

	EXPECT_EQ(jitter({.pid = 1, .backend_start = 0}, policy), 174479 * second);
	EXPECT_EQ(jitter({.pid = 4711, .backend_start = noon}, policy), 645310 * second);
	EXPECT_EQ(jitter({.pid = -1, .backend_start = -noon}, policy), 178389 * second);
}

TEST(Jitter, IsNothingWithoutAPercentage)
{
	for (std::int32_t i = 0; i < pool_size; i++)
		EXPECT_EQ(jitter(of_pool(i, second), policy_with(hour, 0)), 0);
}

TEST(Jitter, IsNothingForOtherLimits)
{
	Policy policy = PolicyBuilder().all_limits_at(hour).session_timeout_jitter(100);

	for (Limit limit : all_limits)
		if (limit != Limit::Session)
		{
			EXPECT_EQ(jitter_of(limit, of_pool(1, 0), policy), 0);
			EXPECT_EQ(longest_jitter(policy, limit), 0);
		}
}

TEST(Jitter, StaysWithinItsPercentage)
{
	Policy policy = policy_with(hour, 10);
	Duration longest = 0;

	EXPECT_EQ(longest_jitter(policy, Limit::Session), 6 * minute);
	for (std::int32_t i = 0; i < pool_size; i++)
		longest = std::max(longest, jitter(of_pool(i, millisecond), policy));
	EXPECT_LT(longest, 6 * minute);
	EXPECT_GT(longest, 5 * minute);
}

TEST(Jitter, GrowsWithTheLimitAndThePercentage)
{
	for (std::int32_t i = 0; i < pool_size; i++)
	{
		SessionId session = of_pool(i, millisecond);

		EXPECT_LE(jitter(session, policy_with(hour, 10)), jitter(session, policy_with(hour, 11)));
		EXPECT_LE(jitter(session, policy_with(hour, 10)),
		          jitter(session, policy_with(hour + second, 10)));
	}
}

TEST(Jitter, OfTheLargestLimitIsStillRight)
{
	constexpr Duration largest = std::numeric_limits<std::int32_t>::max() * second;
	Policy policy = policy_with(largest, 100);

	for (std::int32_t i = 0; i < pool_size; i++)
	{
		Duration found = jitter(of_pool(i, millisecond), policy);

		EXPECT_GE(found, 0);
		EXPECT_LT(found, largest);
		EXPECT_NEAR(static_cast<double>(found) / static_cast<double>(largest),
		            static_cast<double>(jitter(of_pool(i, millisecond), policy_with(hour, 100))) /
		                static_cast<double>(hour),
		            1e-6);
	}
}

/* ---- What is decided with it. ---- */

/* A pool that was born at noon; whoever asks, the answer is the same. */
TEST(Pool, EndsOneAfterTheOtherAndNobodyBeforeTheLimit)
{
	Policy policy = policy_with(hour, 10);
	Instant first = never;
	Instant last = 0;

	for (std::int32_t i = 0; i < pool_size; i++)
	{
		Session session = placed(SessionBuilder().connected(noon + i).idle(noon + minute));
		session.id.pid += i;
		TrackingState tracking = tracking_of(session);
		auto at = [&](Instant now)
		{ return decide(Limit::Session, session, tracking, policy, now); };
		Instant limit = noon + i + hour;
		Instant deadline = limit + jitter(session.id, policy);
		Census census{};

		EXPECT_EQ(at(limit - 1).outlook, Outlook::Wait);
		EXPECT_EQ(at(limit - 1).at, deadline + 1);
		EXPECT_EQ(at(deadline).outlook, Outlook::Wait);
		Decision due = at(deadline + 1);
		ASSERT_EQ(due.outlook, Outlook::Due);
		EXPECT_EQ(due.verdict.deadline, deadline);
		EXPECT_EQ(due.verdict.threshold.value, hour);
		EXPECT_EQ(due.verdict.jitter, deadline - limit);
		EXPECT_EQ(due.verdict.measured, deadline + 1 - noon - i);

		Forecast found = forecast(Limit::Session, session, tracking, policy, noon + minute);
		EXPECT_EQ(found.due_at, deadline);
		count_session(census, Limit::Session, at(deadline), session, tracking, policy);
		EXPECT_EQ(census.over, 0);
		count_session(census, Limit::Session, due, session, tracking, policy);
		EXPECT_EQ(census.over, 1);
		first = std::min(first, deadline);
		last = std::max(last, deadline);
	}
	EXPECT_GT(last - first, 5 * minute);
}

TEST(Pool, EndsAtTheLimitWithoutJitter)
{
	Session session = placed(SessionBuilder().connected(noon).idle(noon + minute));
	Decision due = decide(Limit::Session, session, tracking_of(session), policy_with(hour, 0),
	                      noon + hour + 1);

	ASSERT_EQ(due.outlook, Outlook::Due);
	EXPECT_EQ(due.verdict.deadline, noon + hour);
	EXPECT_EQ(due.verdict.jitter, 0);
}

/* ---- What a new percentage brings into force. ---- */

TEST(JitterComesIntoForce, IfItIsLowered)
{
	EXPECT_TRUE(comes_into_force(policy_with(hour, 9), policy_with(hour, 10), Limit::Session));
	EXPECT_FALSE(comes_into_force(policy_with(hour, 10), policy_with(hour, 10), Limit::Session));
	EXPECT_FALSE(comes_into_force(policy_with(hour, 11), policy_with(hour, 10), Limit::Session));
}

TEST(JitterComesIntoForce, ForNoOtherLimit)
{
	Policy before = PolicyBuilder().all_limits_at(hour).session_timeout_jitter(10);
	Policy now = PolicyBuilder().all_limits_at(hour).session_timeout_jitter(0);

	for (Limit limit : all_limits)
		EXPECT_EQ(comes_into_force(now, before, limit, true), limit == Limit::Session);
}

TEST(JitterComesIntoForce, IfTheLimitIsOnlyStored)
{
	EXPECT_TRUE(comes_into_force(policy_with(0, 9), policy_with(0, 10), Limit::Session, true));
	EXPECT_FALSE(comes_into_force(policy_with(0, 11), policy_with(0, 10), Limit::Session, true));
	EXPECT_FALSE(comes_into_force(policy_with(0, 9), policy_with(0, 10), Limit::Session));
}

/* Somebody ends sooner: whoever has no jitter, or whoever has all of it. */
TEST(JitterComesIntoForce, WithAnotherLimitIfAnybodyEndsSooner)
{
	EXPECT_TRUE(comes_into_force(policy_with(hour - 1, 100), policy_with(hour, 0), Limit::Session));
	EXPECT_TRUE(
	    comes_into_force(policy_with(hour + minute, 0), policy_with(hour, 10), Limit::Session));
	EXPECT_FALSE(comes_into_force(policy_with(2 * hour, 0), policy_with(hour, 10), Limit::Session));
}

} // namespace
} // namespace session_guard::test
