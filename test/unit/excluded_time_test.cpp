/*
 * What is excluded from the time of an episode: waits and maintenance, as readings
 * find them.
 */
#include "core/decision.h"
#include "core/episode.h"
#include "core/excluded_time.h"
#include "core/forecast.h"

#include "unit/courses.h"

#include <gtest/gtest.h>

#include <ostream>
#include <string>
#include <vector>

namespace session_guard::test
{
namespace
{

/* How many seconds are excluded after each course. */
using Excluded = AfterCourse;

TEST_P(Excluded, IsThis)
{
	Policy policy = PolicyBuilder();

	EXPECT_EQ(excluded(Limit::Statement, last(), tracking, policy), GetParam().statement * second);
	EXPECT_EQ(excluded(Limit::Transaction, last(), tracking, policy),
	          GetParam().transaction * second);
	for (Limit limit : {Limit::IdleSession, Limit::IdleInTransactionSession, Limit::Session})
		EXPECT_EQ(excluded(limit, last(), tracking, policy), 0);
}

TEST_P(Excluded, IsAsThePolicySaysNowWhateverItSaidThen)
{
	Policy locks_count = PolicyBuilder().spare_lock_waiters(false);
	Policy maintenance_counts = PolicyBuilder().spare_maintenance(false);

	EXPECT_EQ(excluded(Limit::Statement, last(), tracking, locks_count),
	          GetParam().with_locks * second);
	EXPECT_EQ(excluded(Limit::Statement, last(), tracking, maintenance_counts),
	          GetParam().with_maintenance * second);
}

TEST_P(Excluded, IsNeverMoreThanHasPassed)
{
	Instant now = last_reading();

	for (Limit limit : {Limit::Statement, Limit::Transaction})
	{
		std::optional<Episode> episode = episode_of(limit, last(), tracking);

		if (!episode)
			continue;
		EXPECT_LE(excluded(limit, last(), tracking, PolicyBuilder()) +
		              presumed(limit, episode->start, last(), tracking, PolicyBuilder()),
		          now - episode->start);
	}
}

TEST_P(Excluded, IsTakenOffWhatDecideMeasures)
{
	Duration threshold = hour;
	Instant now = last_reading();

	for (Limit limit : {Limit::Statement, Limit::Transaction})
	{
		Policy policy = PolicyBuilder().limit(limit, threshold);
		std::optional<Episode> episode = episode_of(limit, last(), tracking);

		if (!episode)
			continue;
		Duration off = excluded(limit, last(), tracking, policy) +
		               presumed(limit, episode->start, last(), tracking, policy);
		Forecast found = forecast(limit, last(), tracking, policy, now);
		EXPECT_EQ(found.verdict->measured, now - episode->start - off);
		EXPECT_EQ(found.verdict->deadline, episode->start + off + threshold);
		EXPECT_EQ(decide(limit, last(), tracking, policy, now).at, found.verdict->deadline + 1);
	}
}

INSTANTIATE_TEST_SUITE_P(
    Waits, Excluded,
    testing::Values(
        Course{"WhoNeverWaited", {{10, running()}, {20, running()}}, 0, 0, 0, 0},
        Course{"WaitSeen", {{5, running()}, {10, waiting(8)}}, 2, 2, 0, 2},
        Course{"WaitSeenAndOver",
               {{5, running()}, {10, waiting(8)}, {20, running()}, {30, running()}},
               12,
               12,
               0,
               12},
        Course{"WaitSeenTwice",
               {{5, running()}, {10, waiting(8)}, {20, waiting(8)}, {30, running()}},
               22,
               22,
               0,
               22},
        Course{"WaitForAnotherLockRightAfterIt",
               {{5, running()}, {10, waiting(8)}, {20, waiting(19)}, {30, running()}},
               22,
               22,
               0,
               22},
        Course{"SeveralWaits",
               {{5, running()},
                {10, waiting(8)},
                {20, running()},
                {30, waiting(27)},
                {40, running()},
                {50, running()}},
               25,
               25,
               0,
               25},
        Course{"WaitNotStampedYet",
               {{5, running()}, {10, running().waiting_for_lock()}, {20, running()}},
               10,
               10,
               0,
               10},
        Course{"WaitStampedAtTheNextLook",
               {{5, running()}, {10, running().waiting_for_lock()}, {20, waiting(9)}},
               10,
               10,
               0,
               10},
        /* Its start is placed before the reading that did not see it yet. */
        Course{"WaitThatSeemsOlderThanTheLastLook",
               {{5, running()}, {10, waiting(2)}, {20, running()}},
               15,
               15,
               0,
               15},
        Course{"WaitFoundByTheFirstReading", {{100, waiting(8)}}, 92, 92, 0, 92},
        Course{"WaitFoundByTheFirstReadingAndNotStamped",
               {{100, running().waiting_for_lock()}},
               0,
               0,
               0,
               0},
        Course{"WaitThatBeganBeforeTheStatementAndTheTransaction",
               {{10, waiting(-30)}},
               10,
               11,
               0,
               10},
        Course{
            "WaitOverBecauseTheNextStatementBegan",
            {{5, SessionBuilder().running(at(1)).transaction_since(noon)},
             {10, SessionBuilder().running(at(1)).transaction_since(noon).waiting_for_lock(at(8))},
             {20, SessionBuilder().running(at(14)).transaction_since(noon)}},
            0,
            6,
            0,
            0},
        Course{"WaitOverBecauseTheNextTransactionBegan",
               {{5, running()},
                {10, waiting(8)},
                {20, SessionBuilder().running(at(14)).with_transaction_id(18)}},
               0,
               0,
               0,
               0},
        Course{
            "WaitOfTheNextStatement",
            {{5, SessionBuilder().running(at(1)).transaction_since(noon)},
             {10, SessionBuilder().running(at(1)).transaction_since(noon).waiting_for_lock(at(8))},
             {20,
              SessionBuilder().running(at(14)).transaction_since(noon).waiting_for_lock(at(15))}},
            5,
            11,
            0,
            5},
        Course{"WaitOverBecauseItWentIdle",
               {{5, running()},
                {10, waiting(8)},
                {20,
                 SessionBuilder().idle_in_transaction(at(13)).stamps(noon - second, noon, at(13))}},
               5,
               5,
               0,
               5},
        Course{"WaitOfAWorker",
               {{5, running()},
                {10, waiting(8).waiting_for(Wait::Other).worker_waiting_for_lock()},
                {20, running()}},
               12,
               12,
               0,
               12},
        Course{"WaitOfAWorkerAndThenItsOwn",
               {{5, running()},
                {10, waiting(8).waiting_for(Wait::Other).worker_waiting_for_lock()},
                {20, waiting(19)},
                {30, running()}},
               22,
               22,
               0,
               22},
        /* The server does not stamp it: it may have begun right after the reading before. */
        Course{"Standby",
               {{5, running()}, {10, running().waiting_for(Wait::SyncRep)}, {20, running()}},
               15,
               15,
               15,
               15},
        Course{"StandbyFoundByTheFirstReading",
               {{10, running().waiting_for(Wait::SyncRep)}},
               10,
               11,
               10,
               10},
        Course{"Client",
               {{5, running()}, {10, running().waiting_for(Wait::ClientRead)}, {20, running()}},
               15,
               0,
               15,
               15},
        Course{"CopyThatReadsItsData",
               {{5, running()},
                {10, running().waiting_for(Wait::ClientRead).copying()},
                {20, running()}},
               0,
               0,
               0,
               0},
        Course{"StandbyAndThenALock",
               {{5, running()},
                {10, running().waiting_for(Wait::SyncRep)},
                {20, waiting(18)},
                {30, running()}},
               25,
               25,
               15,
               25}),
    [](const auto &test) { return std::string(test.param.name); });

INSTANTIATE_TEST_SUITE_P(
    Maintenance, Excluded,
    testing::Values(
        Course{"ThatRuns", {{5, running()}, {30, running().maintaining(at(10))}}, 20, 20, 20, 0},
        Course{"ThatIsOver",
               {{30, running().maintained(noon, second, 7 * second, 9 * second)}},
               7,
               9,
               7,
               0},
        Course{
            "ThatIsOverAndMoreThatRuns",
            {{30, running().maintained(noon, second, 7 * second, 9 * second).maintaining(at(25))}},
            12,
            14,
            12,
            0},
        Course{"OfAnotherStatement",
               {{30, running().maintained(noon - second, second, second, 9 * second)}},
               0,
               9,
               0,
               0},
        Course{"OfAStatementBeforeAFunctionCall",
               {{30, SessionBuilder()
                         .fastpath(noon)
                         .transaction_since(noon - minute)
                         .maintained(noon - hour, second, second, 9 * second)}},
               0,
               9,
               0,
               0},
        /* Nothing of it is left in a transaction that has failed. */
        Course{"OfAFailedTransaction",
               {{30,
                 SessionBuilder().aborted(noon).maintained(noon - second, second, second, second)}},
               1,
               0,
               1,
               0},
        Course{"OfTablesOfItsOwn",
               {{5, running()}, {30, running().maintaining_own_tables(at(10))}},
               0,
               0,
               0,
               0},
        Course{"ThatWaits",
               {{9, running().maintaining(at(5))}, {10, waiting(9).maintaining(at(5))}},
               5,
               5,
               5,
               1},
        Course{"ThatHasWaitedAndRuns",
               {{9, running().maintaining(at(5))},
                {10, waiting(9).maintaining(at(5))},
                {20, running().maintaining(at(5))}},
               15,
               15,
               15,
               11},
        Course{"ThatHasWaitedAndIsOver",
               {{9, running().maintaining(at(5))},
                {10, waiting(9).maintaining(at(5))},
                {20, running().maintaining(at(5))},
                {40, running().maintained(noon, 17 * second, 17 * second, 17 * second)}},
               17,
               17,
               17,
               11},
        /* The wait in it was over when it was, and another has begun since. */
        Course{"BeforeAWaitFoundByTheSameLook",
               {{9, running().maintaining(at(5))},
                {10, waiting(9).maintaining(at(5))},
                {20, waiting(18).maintained(noon, 7 * second, 7 * second, 7 * second)},
                {30, running().maintained(noon, 7 * second, 7 * second, 7 * second)}},
               19,
               19,
               7,
               15},
        Course{"ThatWaitsForAStandby",
               {{4, running()},
                {10, running().waiting_for(Wait::SyncRep).maintaining(at(5))},
                {20, running().maintaining(at(5))}},
               16,
               16,
               16,
               16},
        Course{"BesideAWaitBeforeIt",
               {{5, running()},
                {10, waiting(8)},
                {20, running()},
                {30, running().maintaining(at(26))}},
               16,
               16,
               4,
               12},
        /* Between two readings a wait has ended, and four seconds of maintenance have been. */
        Course{"BetweenTheLookThatSawAWaitAndTheNext",
               {{5, running()},
                {10, waiting(8)},
                {20, running().maintained(noon, 4 * second, 4 * second, 4 * second)}},
               12,
               12,
               4,
               8},
        Course{"ThatBeganAfterTheLookThatSawAWait",
               {{5, running()}, {10, waiting(8)}, {20, running().maintaining(at(16))}},
               12,
               12,
               4,
               8},
        Course{"BetweenALookAndAWaitWithoutAStart",
               {{10, running()},
                {20, running()
                         .waiting_for(Wait::SyncRep)
                         .maintained(noon, 4 * second, 4 * second, 4 * second)}},
               10,
               10,
               10,
               6}),
    [](const auto &test) { return std::string(test.param.name); });

TEST(ExcludedOfMaintenance, DoesNotCountAWaitThatBeganAfterIt)
{
	Session session = waiting(18).maintained(noon, 4 * second, 4 * second, 4 * second);
	TrackingState tracking = tracking_after_reading(running(), at(10));

	observe(tracking, session, at(20));
	EXPECT_EQ(excluded(Limit::Statement, session, tracking, PolicyBuilder()), 6 * second);
}

/* ---- How much maintenance is spared. ---- */

class MuchMaintenance : public testing::Test
{
  protected:
	/* In a transaction since noon that has maintained for an hour, a minute of it in this
	 * statement. */
	Session session = SessionBuilder().running(at(6000)).transaction_since(noon).maintained(
	    at(6000), minute, minute, hour);
	TrackingState tracking =
	    tracking_after_reading(SessionBuilder().running(noon).transaction_since(noon), noon);
	PolicyBuilder policy;

	Duration
	off(Limit limit)
	{
		observe(tracking, session, at(6100));
		return excluded(limit, session, tracking, policy);
	}
};

TEST_F(MuchMaintenance, IsSparedWholeWithoutALimitOfItsOwn)
{
	EXPECT_EQ(off(Limit::Transaction), hour);
	EXPECT_EQ(off(Limit::Statement), minute);
}

TEST_F(MuchMaintenance, OfManyCommandsIsSparedNoMoreThanOfALongOne)
{
	policy.limit(Limit::Maintenance, 10 * second);
	EXPECT_EQ(off(Limit::Transaction), 10 * second);
	/* For all that one statement runs the limit itself is there. */
	EXPECT_EQ(off(Limit::Statement), minute);
}

TEST_F(MuchMaintenance, SparesNobodyAnyMoreWhenItIsUsedUp)
{
	session.maintenance.since = session.maintenance.spared_since = at(6050);
	observe(tracking, session, at(6100));
	EXPECT_EQ(spared_from(Limit::Transaction, session, tracking, policy), Spared::Maintenance);
	/* The statement itself has had a minute of the hour. */
	policy.limit(Limit::Maintenance, hour - minute);
	EXPECT_EQ(spared_from(Limit::Transaction, session, tracking, policy), Spared::Maintenance);
	policy.limit(Limit::Maintenance, hour - minute - 1);
	EXPECT_EQ(spared_from(Limit::Transaction, session, tracking, policy), Spared::No);
	EXPECT_EQ(spared_from(Limit::Statement, session, tracking, policy), Spared::Maintenance);
}

} // namespace
} // namespace session_guard::test
