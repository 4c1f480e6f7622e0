/*
 * What is presumed to be excluded of the time before a session was first read.
 */
#include "core/decision.h"
#include "core/episode.h"
#include "core/excluded_time.h"
#include "core/forecast.h"

#include "unit/courses.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <ostream>
#include <string>
#include <vector>

namespace session_guard::test
{
namespace
{

/* What is presumed after each course. */
class Presumed : public AfterCourse
{
  protected:
	Duration
	presumed_of(Limit limit, const Policy &policy) const
	{
		std::optional<Episode> episode = episode_of(limit, last(), tracking);

		return episode ? presumed(limit, episode->start, last(), tracking, policy) : 0;
	}
};

TEST_P(Presumed, IsThis)
{
	Policy policy = PolicyBuilder();

	EXPECT_EQ(presumed_of(Limit::Statement, policy), GetParam().statement);
	EXPECT_EQ(presumed_of(Limit::Transaction, policy), GetParam().transaction);
	/* Waits are not taken off these, and of maintenance all is known. */
	for (Limit limit :
	     {Limit::IdleSession, Limit::IdleInTransactionSession, Limit::Maintenance, Limit::Session})
		EXPECT_EQ(presumed_of(limit, policy), 0);
}

TEST_P(Presumed, IsAsThePolicySaysNow)
{
	EXPECT_EQ(presumed_of(Limit::Statement, PolicyBuilder().spare_lock_waiters(false)),
	          GetParam().with_locks);
	EXPECT_EQ(presumed_of(Limit::Statement, PolicyBuilder().spare_maintenance(false)),
	          GetParam().with_maintenance);
}

TEST_P(Presumed, IsTakenOffWhatDecideMeasures)
{
	Instant now = last_reading();

	for (Limit limit : {Limit::Statement, Limit::Transaction})
	{
		Policy policy = PolicyBuilder().limit(limit, hour);
		std::optional<Episode> episode = episode_of(limit, last(), tracking);

		if (!episode)
			continue;
		Duration off = (limit == Limit::Statement ? GetParam().statement : GetParam().transaction) +
		               excluded(limit, last(), tracking, policy);
		Forecast found = forecast(limit, last(), tracking, policy, now);
		EXPECT_EQ(found.verdict->deadline, episode->start + off + hour);
		EXPECT_EQ(found.verdict->measured, std::max<Duration>(0, now - episode->start - off));
		EXPECT_EQ(decide(limit, last(), tracking, policy, now).at, found.verdict->deadline + 1);
	}
}

/* The transaction began a second before the statement, at noon. */
INSTANTIATE_TEST_SUITE_P(
    Waits, Presumed,
    testing::Values(
        Course{"FoundRunning", {{100, running()}}, 0, 0, 0, 0},
        Course{"FoundRunningTwice", {{100, running()}, {110, running()}}, 0, 0, 0, 0},
        /* It has waited all the time that is known of. */
        Course{"FoundWaiting", {{100, waiting(60)}}, 60 * second, 61 * second, 0, 60 * second},
        Course{"FoundWaitingAndWaitingStill",
               {{100, waiting(60)}, {160, waiting(60)}},
               60 * second,
               61 * second,
               0,
               60 * second},
        Course{"FoundWaitingAndThenRunningForAsLong",
               {{100, waiting(60)}, {110, running()}, {160, running()}},
               30 * second,
               30500 * millisecond,
               0,
               30 * second},
        Course{"FoundWaitingSinceBeforeIt", {{100, waiting(-30)}}, 0, 0, 0, 0},
        /* Nothing is known yet of how long it has waited. */
        Course{"FoundWaitingNotStamped", {{100, running().waiting_for_lock()}}, 0, 0, 0, 0},
        Course{"FoundWaitingNotStampedTwice",
               {{100, running().waiting_for_lock()}, {110, running().waiting_for_lock()}},
               100 * second,
               101 * second,
               0,
               100 * second},
        Course{"FoundRunningAndThenWaitingForHalfOfIt",
               {{100, running()}, {110, waiting(105)}},
               50 * second,
               50500 * millisecond,
               0,
               50 * second},
        Course{"FoundRunningAndThenWaitingForATenth",
               {{100, running()}, {110, waiting(109)}},
               10 * second,
               10100 * millisecond,
               0,
               10 * second},
        Course{
            "SeenFromItsBeginning", {{0, running()}, {10, waiting(5)}}, 0, 500 * millisecond, 0, 0},
        Course{
            "FoundWaitingForAStandby", {{100, running().waiting_for(Wait::SyncRep)}}, 0, 0, 0, 0},
        Course{"WaitsForAStandby",
               {{100, running()}, {110, running().waiting_for(Wait::SyncRep)}},
               100 * second,
               101 * second,
               100 * second,
               100 * second},
        Course{"WaitsForItsClient",
               {{100, running()},
                {110, running().waiting_for(Wait::ClientRead)},
                {120, running()},
                {140, running()}},
               50 * second,
               0,
               50 * second,
               50 * second},
        Course{"OfALockAndAStandby",
               {{100, running()},
                {110, running().waiting_for(Wait::SyncRep)},
                {120, waiting(115)},
                {140, running()}},
               100 * second,
               101 * second,
               50 * second,
               100 * second},
        /* Of the transaction the time before the first reading only is not known. */
        Course{
            "NextStatementFoundWaiting",
            {{6, SessionBuilder().running(at(1)).transaction_since(noon)},
             {10, SessionBuilder().running(at(1)).transaction_since(noon)},
             {22,
              SessionBuilder().running(at(14)).transaction_since(noon).waiting_for_lock(at(18))}},
            4 * second,
            1500 * millisecond,
            0,
            4 * second},
        Course{
            "NextTransactionFoundWaiting",
            {{5, running()},
             {20,
              SessionBuilder().running(at(14)).with_transaction_id(18).waiting_for_lock(at(17))}},
            3 * second,
            4 * second,
            0,
            3 * second},
        Course{"WaitOfAnEarlierStatementThatWasFoundWaiting",
               {{100, waiting(60)}, {200, SessionBuilder().running(at(150))}},
               0,
               0,
               0,
               0},
        /* Whoever reads a copy of the tracking may have read the clock before. */
        Course{"ByAReaderWhoseClockIsOlder",
               {{100, running()}, {110, waiting(101)}, {105, waiting(101)}},
               100 * second,
               101 * second,
               0,
               100 * second}),
    [](const auto &test) { return std::string(test.param.name); });

/* What is known of it exactly is not presumed, and it tells nothing of waits outside of it. */
INSTANTIATE_TEST_SUITE_P(
    Maintenance, Presumed,
    testing::Values(
        Course{"FoundRunningIt",
               {{100, running().maintaining(at(40))}, {120, running().maintaining(at(40))}},
               0,
               0,
               0,
               0},
        Course{
            "FoundWaitingWithinIt", {{100, waiting(60).maintaining(at(20))}}, 0, 0, 0, 60 * second},
        Course{"OverBeforeTheFirstReading",
               {{100, running().maintained(noon, 40 * second, 40 * second, 41 * second)},
                {110, waiting(105).maintained(noon, 40 * second, 40 * second, 41 * second)}},
               30 * second,
               30 * second,
               0,
               50 * second},
        Course{"OverAllTheTimeBeforeTheFirstReading",
               {{100, running().maintained(noon, 100 * second, 100 * second, 101 * second)},
                {110, waiting(105).maintained(noon, 100 * second, 100 * second, 101 * second)}},
               0,
               0,
               0,
               50 * second},
        Course{"AtTheFirstReadingAndOverSoonAfterIt",
               {{100, running().maintaining(at(60))},
                {110, running().maintained(noon, 50 * second, 50 * second, 50 * second)},
                {120, waiting(115).maintained(noon, 50 * second, 50 * second, 50 * second)}},
               30 * second,
               30500 * millisecond,
               0,
               25 * second},
        Course{"AfterAWaitThatTheFirstReadingFound",
               {{100, waiting(60)},
                {110, running().maintaining(at(110))},
                {910, running().maintaining(at(110))}},
               60 * second,
               61 * second,
               0,
               /* It waited for 50 seconds of 850. */
               60 * second * 50 / 850},
        Course{"OverAfterAWaitThatTheFirstReadingFound",
               {{100, waiting(60)},
                {110, running()},
                {960, running().maintained(noon, 800 * second, 800 * second, 800 * second)}},
               30 * second,
               30500 * millisecond,
               0,
               60 * second * 50 / 900}),
    [](const auto &test) { return std::string(test.param.name); });

TEST(PresumedOfWaits, ConvergesWhateverTheFirstReadingFound)
{
	for (const Session &first : {Session(waiting(900)), Session(running())})
	{
		TrackingState tracking = tracking_after_reading(first, at(1000));
		Instant now = at(1000);
		Policy policy = PolicyBuilder();

		/* From then on it waits for a quarter of each ten seconds, and each wait is seen. */
		observe(tracking, running(), now);
		for (int i = 0; i < 1000; i++)
		{
			Instant begin = now + 7500 * millisecond;

			observe(tracking, running(), begin);
			observe(tracking, SessionBuilder().running(noon).waiting_for_lock(begin),
			        now += 10 * second);
			observe(tracking, running(), now);
		}
		Duration unknown = tracking.statement_waits.known_from - noon;
		EXPECT_EQ(unknown, waits_for_lock(first) ? 900 * second : 1000 * second);
		EXPECT_NEAR(
		    static_cast<double>(presumed(Limit::Statement, noon, running(), tracking, policy)) /
		        static_cast<double>(unknown),
		    0.25, 0.01);
	}
}

TEST(PresumedOfWaits, AWaitWithinTheFirstReadingIsNoReasonToEndAnybody)
{
	Session session = waiting(10);
	TrackingState tracking = tracking_of(session);
	Policy policy = PolicyBuilder().limit(Limit::Statement, minute);

	/* It was not read for an hour, of which it waited for all but ten seconds. */
	observe(tracking, session, noon + hour);
	EXPECT_EQ(decide(Limit::Statement, session, tracking, policy, noon + hour).outlook,
	          Outlook::Wait);
	/* It gets its lock, and has its whole time from then on ... */
	observe(tracking, running(), noon + hour);
	Decision decision = decide(Limit::Statement, running(), tracking, policy, noon + hour);
	EXPECT_EQ(decision.outlook, Outlook::Wait);
	EXPECT_EQ(decision.at, noon + hour + minute + 1);
	/* ... but for what the readings since then have told of the ten seconds. */
	observe(tracking, running(), noon + hour + minute + 1);
	decision = decide(Limit::Statement, running(), tracking, policy, noon + hour + minute + 1);
	EXPECT_EQ(decision.outlook, Outlook::Due);
	EXPECT_GT(decision.verdict.measured, minute);
	EXPECT_LT(decision.verdict.measured, minute + second);
}

} // namespace
} // namespace session_guard::test
