/*
 * What is taken off the time of an episode: waits and maintenance, as looks
 * find them.
 */
#include "core/policy.h"

#include "unit/builders.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <ostream>
#include <random>
#include <string>
#include <vector>

namespace session_guard::test
{
namespace
{

/* So many seconds after noon. */
constexpr Instant
at(Duration seconds)
{
	return noon + seconds * second;
}

/* The statement began at noon, its transaction a second earlier. */
SessionBuilder
running()
{
	return SessionBuilder().running(noon);
}

/* It waits for a lock since so many seconds after noon. */
SessionBuilder
waiting(Duration since)
{
	return running().waiting_for_lock(at(since));
}

/* What a look finds so many seconds after noon. */
struct Look
{
	Duration seconds;
	Session session;
};

/* A course of looks, and what is expected as of the last of them. */
struct Course
{
	const char *name;
	std::vector<Look> looks;
	Duration statement;
	Duration transaction;
	/* Of the statement if lock waiters, or maintenance, are not spared. */
	Duration with_locks;
	Duration with_maintenance;

	friend std::ostream &
	operator<<(std::ostream &out, const Course &test)
	{
		return out << test.name;
	}
};

/* What the tracking state is after a course. */
class AfterCourse : public testing::TestWithParam<Course>
{
  protected:
	TrackingState tracking{};

	const Session &
	last() const
	{
		return GetParam().looks.back().session;
	}
	void
	SetUp() override
	{
		tracking = tracking_of(last());
		for (const Look &look : GetParam().looks)
			observe(tracking, look.session, at(look.seconds));
	}
};

/* How many seconds are taken off. */
class Excluded : public AfterCourse
{
};

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
	Instant now = at(GetParam().looks.back().seconds);

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
	Instant now = at(GetParam().looks.back().seconds);

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
        /* Its start is placed before the look that did not see it yet. */
        Course{"WaitThatSeemsOlderThanTheLastLook",
               {{5, running()}, {10, waiting(2)}, {20, running()}},
               15,
               15,
               0,
               15},
        Course{"WaitFoundByTheFirstLook", {{100, waiting(8)}}, 92, 92, 0, 92},
        Course{"WaitFoundByTheFirstLookAndNotStamped",
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
        /* The server does not stamp it: it may have begun right after the look before. */
        Course{"Standby",
               {{5, running()}, {10, running().waiting_for(Wait::SyncRep)}, {20, running()}},
               15,
               15,
               15,
               15},
        Course{"StandbyFoundByTheFirstLook",
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
        /* Between two looks a wait has ended, and four seconds of maintenance have been. */
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
	TrackingState tracking = memo_after_look(running(), at(10));

	observe(tracking, session, at(20));
	EXPECT_EQ(excluded(Limit::Statement, session, tracking, PolicyBuilder()), 6 * second);
}

/* ---- What is presumed of the time before the first look. ---- */

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
	Instant now = at(GetParam().looks.back().seconds);

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
        /* Of the transaction the time before the first look only is not known. */
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
        Course{"OverBeforeTheFirstLook",
               {{100, running().maintained(noon, 40 * second, 40 * second, 41 * second)},
                {110, waiting(105).maintained(noon, 40 * second, 40 * second, 41 * second)}},
               30 * second,
               30 * second,
               0,
               50 * second},
        Course{"OverAllTheTimeBeforeTheFirstLook",
               {{100, running().maintained(noon, 100 * second, 100 * second, 101 * second)},
                {110, waiting(105).maintained(noon, 100 * second, 100 * second, 101 * second)}},
               0,
               0,
               0,
               50 * second},
        Course{"AtTheFirstLookAndOverSoonAfterIt",
               {{100, running().maintaining(at(60))},
                {110, running().maintained(noon, 50 * second, 50 * second, 50 * second)},
                {120, waiting(115).maintained(noon, 50 * second, 50 * second, 50 * second)}},
               30 * second,
               30500 * millisecond,
               0,
               25 * second},
        Course{"AfterAWaitThatTheFirstLookFound",
               {{100, waiting(60)},
                {110, running().maintaining(at(110))},
                {910, running().maintaining(at(110))}},
               60 * second,
               61 * second,
               0,
               /* It waited for 50 seconds of 850. */
               60 * second * 50 / 850},
        Course{"OverAfterAWaitThatTheFirstLookFound",
               {{100, waiting(60)},
                {110, running()},
                {960, running().maintained(noon, 800 * second, 800 * second, 800 * second)}},
               30 * second,
               30500 * millisecond,
               0,
               60 * second * 50 / 900}),
    [](const auto &test) { return std::string(test.param.name); });

TEST(PresumedOfWaits, ConvergesWhateverTheFirstLookFound)
{
	for (const Session &first : {Session(waiting(900)), Session(running())})
	{
		TrackingState tracking = memo_after_look(first, at(1000));
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

TEST(PresumedOfWaits, AWaitWithinTheFirstLookIsNoReasonToEndAnybody)
{
	Session session = waiting(10);
	TrackingState tracking = tracking_of(session);
	Policy policy = PolicyBuilder().limit(Limit::Statement, minute);

	/* Nobody evaluation for an hour; it waited for all but ten seconds of it. */
	observe(tracking, session, noon + hour);
	EXPECT_EQ(decide(Limit::Statement, session, tracking, policy, noon + hour).outlook,
	          Outlook::Wait);
	/* It gets its lock, and has its whole time from then on ... */
	observe(tracking, running(), noon + hour);
	Decision decision = decide(Limit::Statement, running(), tracking, policy, noon + hour);
	EXPECT_EQ(decision.outlook, Outlook::Wait);
	EXPECT_EQ(decision.at, noon + hour + minute + 1);
	/* ... but for what the looks since then have told of the ten seconds. */
	observe(tracking, running(), noon + hour + minute + 1);
	decision = decide(Limit::Statement, running(), tracking, policy, noon + hour + minute + 1);
	EXPECT_EQ(decision.outlook, Outlook::Due);
	EXPECT_GT(decision.verdict.measured, minute);
	EXPECT_LT(decision.verdict.measured, minute + second);
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
	    memo_after_look(SessionBuilder().running(noon).transaction_since(noon), noon);
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

/* ---- maintenance_timeout. ---- */

class MaintenanceTimeout : public testing::Test
{
  protected:
	static constexpr Duration threshold = 5 * minute;
	Policy policy = PolicyBuilder().limit(Limit::Maintenance, threshold);
	TrackingState tracking = tracking_of(running());

	Duration
	measured(const Session &session, Instant now)
	{
		observe(tracking, session, now);
		return forecast(Limit::Maintenance, session, tracking, policy, now).verdict->measured;
	}
};

TEST_F(MaintenanceTimeout, AddsUpALoopOfShortCommands)
{
	Session session =
	    running().maintained(noon, threshold - second, threshold - second, 0).maintaining(at(2000));

	EXPECT_EQ(measured(session, at(2001)), threshold);
	EXPECT_EQ(decide(Limit::Maintenance, session, tracking, policy, at(2001)).outlook,
	          Outlook::Wait);

	Decision decision = decide(Limit::Maintenance, session, tracking, policy, at(2001) + 1);
	EXPECT_EQ(decision.outlook, Outlook::Due);
	EXPECT_EQ(decision.verdict.action, Action::Cancel);
	EXPECT_EQ(decision.verdict.measured, threshold + 1);
	EXPECT_EQ(decision.verdict.episode.stamp, noon);
}

TEST_F(MaintenanceTimeout, AddsUpThatOfTablesOfItsOwn)
{
	Session session = running().maintained(noon, minute, 0, 0).maintaining_own_tables(at(100));

	EXPECT_EQ(measured(session, at(110)), minute + 10 * second);
	/* They count for the statement as well. */
	EXPECT_EQ(excluded(Limit::Statement, session, tracking, policy), 0);
}

TEST_F(MaintenanceTimeout, DoesNotInheritFromAnotherStatement)
{
	EXPECT_EQ(
	    measured(running().maintained(noon - 1, hour, hour, hour).maintaining(at(100)), at(110)),
	    10 * second);
	/* A call has a stamp of its own, though query_start is still that of the statement. */
	EXPECT_EQ(measured(SessionBuilder()
	                       .fastpath(noon)
	                       .query_start(noon - minute)
	                       .maintained(noon - minute, hour, hour, hour)
	                       .maintaining(at(100)),
	                   at(110)),
	          10 * second);
}

TEST_F(MaintenanceTimeout, TakesLockWaitsOff)
{
	measured(running().maintaining(at(5)), at(6));
	EXPECT_EQ(measured(waiting(8).maintaining(at(5)), at(10)), 3 * second);
	EXPECT_EQ(measured(running().maintaining(at(5)), at(20)), 3 * second);
	EXPECT_EQ(measured(running().maintaining(at(5)), at(30)), 13 * second);
	policy.spare_lock_waiters = false;
	EXPECT_EQ(measured(running().maintaining(at(5)), at(30)), 25 * second);
}

TEST_F(MaintenanceTimeout, TakesNoWaitOffThatWasBeforeIt)
{
	measured(waiting(2), at(10));
	EXPECT_EQ(measured(running().maintaining(at(12)), at(20)), 8 * second);
	/* A wait found first within it may not have begun before it. */
	EXPECT_EQ(measured(waiting(2).maintaining(at(12)), at(25)), 8 * second);
}

TEST_F(MaintenanceTimeout, TakesOffTheWaitsOfCommandsThatAreOver)
{
	/* A hundred commands, each of which waits for nine seconds and works for one. */
	Duration over = 0;

	for (Duration i = 0; i < 100; i++)
	{
		Duration begin = 10 * i;

		auto session = [&](SessionBuilder built)
		{ return built.maintained(noon, over, over, over).maintaining(at(begin)); };
		EXPECT_EQ(measured(session(waiting(begin)), at(begin + 5)), i * second);
		EXPECT_EQ(measured(session(running()), at(begin + 9)), i * second);
		EXPECT_EQ(measured(session(running()), at(begin + 9) + 999 * millisecond),
		          i * second + 999 * millisecond);
		over += 10 * second;
	}
}

TEST_F(MaintenanceTimeout, TakesNoWaitOffThatWasAnEarlierStatements)
{
	measured(waiting(0).maintaining(noon), at(10));
	EXPECT_EQ(measured(SessionBuilder().running(at(20)).transaction_since(noon).maintaining(at(21)),
	                   at(30)),
	          9 * second);
}

TEST_F(MaintenanceTimeout, AWaitEndsWithItsCommand)
{
	measured(waiting(0).maintaining(noon), at(10));
	/* The next began at 12, so that of the ten seconds before this look only two were waited. */
	EXPECT_EQ(
	    measured(
	        running().maintained(noon, 11 * second, 11 * second, 11 * second).maintaining(at(12)),
	        at(20)),
	    7 * second);
}

TEST_F(MaintenanceTimeout, SpareMaintenanceDoesNotLiftIt)
{
	for (bool spare : {true, false})
	{
		policy.spare_maintenance = spare;
		EXPECT_EQ(measured(running().maintaining(at(5)), at(15)), 10 * second);
		EXPECT_EQ(decide(Limit::Maintenance, running().maintaining(at(5)), tracking, policy,
		                 at(5) + threshold + 1)
		              .outlook,
		          Outlook::Due);
	}
}

/* ---- Whatever a session does, and whenever it is evaluation at. ---- */

/* From one moment to another. */
struct Span
{
	Instant from;
	Instant until;
};

/* How much of all time is in one of them at least. */
Duration
length_of_union(std::vector<Span> spans)
{
	Duration length = 0;
	Instant end = beginning;

	std::ranges::sort(spans, {}, &Span::from);
	for (const Span &span : spans)
	{
		Instant from = std::max(span.from, end);

		length += std::max<Duration>(0, span.until - from);
		end = std::max(end, span.until);
	}
	return length;
}

/* Runs, waits, and maintains by turns; waits outside of maintenance and within it. */
struct Phase
{
	Span span;
	bool waits;
	bool maintains;
};

class RandomCourse : public testing::TestWithParam<unsigned>
{
  protected:
	std::mt19937 random{GetParam()};
	std::vector<Phase> phases;

	Duration
	up_to(Duration most)
	{
		return std::uniform_int_distribution<Duration>(1, most)(random);
	}
	void
	make_phases(bool with_maintenance)
	{
		Instant now = noon;

		for (int i = 0; i < 60; i++)
		{
			bool waits = random() % 2 == 0;
			bool maintains = with_maintenance && random() % 3 == 0;
			Duration length = random() % 4 == 0 ? up_to(10 * second) : up_to(second);

			phases.push_back({{now, now + length}, waits, maintains});
			now += length;
		}
	}
	const Phase &
	phase_at(Instant now) const
	{
		return *std::ranges::find_if(phases,
		                             [&](const Phase &phase) { return now < phase.span.until; });
	}
	/* When the maintenance that goes on in this phase began, and ends. */
	Span
	maintenance_around(const Phase &around) const
	{
		auto index = static_cast<std::size_t>(&around - phases.data());
		std::size_t first = index;
		std::size_t last = index;

		while (first > 0 && phases[first - 1].maintains)
			first--;
		while (last + 1 < phases.size() && phases[last + 1].maintains)
			last++;
		return {phases[first].span.from, phases[last].span.until};
	}
	/* All maintenance up to a moment. */
	std::vector<Span>
	maintenance_until(Instant now) const
	{
		std::vector<Span> spans;

		for (const Phase &phase : phases)
			if (phase.maintains && phase.span.from < now)
				spans.push_back({phase.span.from, std::min(phase.span.until, now)});
		return spans;
	}
	/* What backend status and the session itself say. */
	Session
	session_at(Instant now) const
	{
		const Phase &phase = phase_at(now);
		SessionBuilder session = running().transaction_since(noon - 1);
		Duration over = length_of_union(maintenance_until(now));

		if (phase.waits)
			session.waiting_for_lock(phase.span.from);
		if (phase.maintains)
		{
			Instant since = maintenance_around(phase).from;

			over -= now - since;
			session.maintaining(since);
		}
		return session.maintained(noon, over, over, over);
	}

	/*
	 * Look at random moments.  Each wait that was seen counts from its start to
	 * the first look that finds it over; but not longer than the maintenance that
	 * it is part of, nor on into maintenance that begins after it.
	 */
	void
	look_all_along()
	{
		Policy policy = PolicyBuilder();
		Session session = session_at(noon);
		TrackingState tracking = tracking_of(session);
		std::vector<Span> least;
		std::vector<Span> most;
		const Phase *seen = nullptr;
		Instant last_look = noon;
		bool touched = false;

		observe(tracking, session, noon);
		seen = phase_at(noon).waits ? &phase_at(noon) : nullptr;
		touched = seen != nullptr;
		for (Instant now = noon; (now += up_to(3 * second)) < phases.back().span.until;)
		{
			const Phase &phase = phase_at(now);

			session = session_at(now);
			observe(tracking, session, now);
			if (seen != nullptr)
				least.push_back({std::max(seen->span.from, noon), end_of(*seen, now)});
			if (touched || phase.waits)
				most.push_back({last_look, now});
			seen = phase.waits ? &phase : nullptr;
			if (seen != nullptr)
				least.push_back({seen->span.from, now});
			touched = phase.waits;
			last_look = now;

			std::vector<Span> maintained = maintenance_until(now);
			least.insert(least.end(), maintained.begin(), maintained.end());
			std::vector<Span> all = most;
			all.insert(all.end(), maintained.begin(), maintained.end());
			Duration off = excluded(Limit::Statement, session, tracking, policy);
			ASSERT_GE(off, length_of_union(least));
			ASSERT_LE(off, length_of_union(all));
			ASSERT_LE(off, now - noon);
			ASSERT_EQ(off, excluded(Limit::Transaction, session, tracking, policy));
			Verdict verdict = forecast(Limit::Statement, session, tracking,
			                           PolicyBuilder().limit(Limit::Statement, day), now)
			                      .verdict.value();
			ASSERT_EQ(verdict.measured, now - noon - off);
		}
	}

	/* The first look comes at any moment. */
	void
	look_from_the_middle()
	{
		Policy policy = PolicyBuilder();
		TrackingState tracking = tracking_of(session_at(noon));
		Duration before = 0;
		bool counted = true;

		for (Instant now = noon + up_to(20 * second); now < phases.back().span.until;
		     now += up_to(3 * second))
		{
			Session session = session_at(now);

			observe(tracking, session, now);
			Duration off = excluded(Limit::Statement, session, tracking, policy);
			Duration guess = presumed(Limit::Statement, noon, session, tracking, policy);
			ASSERT_GE(guess, 0);
			ASSERT_LE(guess, tracking.statement_waits.known_from - noon);
			ASSERT_LE(off + guess, now - noon);
			/* Nothing that counts has passed since the last look, nor has it been measured. */
			Duration measured = now - noon - off - guess;
			if (!counted && runs_spared_maintenance(session) &&
			    session.maintenance.spared_since <= last_)
			{
				ASSERT_EQ(measured, before);
			}
			before = measured;
			counted = !runs_spared_maintenance(session);
			last_ = now;
		}
	}

  private:
	/* Until when a wait that was seen has lasted at most, as a later look can know. */
	Instant
	end_of(const Phase &wait, Instant now) const
	{
		Instant end = now;

		if (wait.maintains)
			return std::min(end, maintenance_around(wait).until);
		for (const Phase &phase : phases)
			if (phase.maintains && phase.span.from >= wait.span.until)
				end = std::min(end, phase.span.from);
		return std::max(end, wait.span.from);
	}

	Instant last_ = noon;
};

TEST_P(RandomCourse, OfWaitsTakesOffWhatWasSeenAndNoMore)
{
	make_phases(false);
	look_all_along();
}

TEST_P(RandomCourse, OfWaitsAndMaintenanceTakesNoMomentOffTwice)
{
	make_phases(true);
	look_all_along();
}

TEST_P(RandomCourse, OfWaitsPresumesNoMoreThanNobodyHasSeen)
{
	make_phases(false);
	look_from_the_middle();
}

TEST_P(RandomCourse, OfWaitsAndMaintenancePresumesNothingOfMaintenance)
{
	make_phases(true);
	look_from_the_middle();
}

INSTANTIATE_TEST_SUITE_P(Policy, RandomCourse, testing::Range(1U, 301U));

/*
 * Many short waits, of which few are seen: an eighth of a sampling pause on
 * average, and a quarter of the time in all.
 *
 * A wait of length w is seen with probability w / pause, and then counts from
 * its start to the look that finds it over: the pause and half of w.  So what
 * is taken off comes out too long by w / (2 pause), here a twelfth, and is
 * otherwise right on average; of n looks the standard error is
 * sqrt(n * 1/4 * 3/4) pauses.
 */
class Sampled : public testing::Test
{
  protected:
	static constexpr Duration threshold = 20 * second;
	const Duration pause = sampling_pause(threshold, Pace::Waiting);
	std::mt19937 random{42};
	/* The present wait or run. */
	Instant until = noon;
	bool waits = true;
	Instant since = noon;
	Duration waited = 0;

	void
	go_on_to(Instant now)
	{
		while (until <= now)
		{
			if (waits)
				waited += until - since;
			waits = !waits;
			since = until;
			until += std::uniform_int_distribution<Duration>(1, waits ? pause / 4
			                                                          : 3 * pause / 4)(random);
		}
	}
	Duration
	waited_until(Instant now) const
	{
		return waited + (waits ? now - since : 0);
	}
	Session
	session() const
	{
		return waits ? running().waiting_for_lock(since) : running();
	}
};

TEST_F(Sampled, EstimatesTheShareOfShortWaits)
{
	constexpr int looks = 40000;
	TrackingState tracking = tracking_of(session());
	Instant now = noon;

	for (int i = 0; i < looks; i++)
	{
		now += pause;
		go_on_to(now);
		observe(tracking, session(), now);
	}

	auto share = [&](Duration of)
	{ return static_cast<double>(of) / static_cast<double>(now - noon); };
	double truth = share(waited_until(now));
	double estimate = share(excluded(Limit::Statement, session(), tracking, PolicyBuilder()));
	double error = std::sqrt(looks * 0.25 * 0.75) / looks;
	EXPECT_NEAR(truth, 0.25, 0.01);
	EXPECT_GT(estimate, truth - 4 * error);
	EXPECT_LT(estimate, truth * 13 / 12 + 4 * error);
}

TEST_F(Sampled, EndsNobodyMuchBeforeOrAfterItHasRunForTheThreshold)
{
	constexpr int statements = 500;
	Duration sum = 0;

	for (int i = 0; i < statements; i++)
	{
		TrackingState tracking = tracking_of(session());
		Instant now = noon;
		Policy policy = PolicyBuilder().limit(Limit::Statement, threshold);

		until = since = noon;
		waits = true;
		waited = 0;
		do
		{
			now += pause;
			go_on_to(now);
			observe(tracking, session(), now);
		} while (decide(Limit::Statement, session(), tracking, policy, now).outlook !=
		         Outlook::Due);

		Duration ran = now - noon - waited_until(now);
		sum += ran;
		/* Some 27 looks: the standard error is more than two of them. */
		EXPECT_GT(ran, threshold * 6 / 10);
		EXPECT_LT(ran, threshold * 16 / 10);
	}
	EXPECT_GT(sum / statements, threshold * 97 / 100);
	EXPECT_LT(sum / statements, threshold * 110 / 100);
}

} // namespace
} // namespace session_guard::test
