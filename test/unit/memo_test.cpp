/*
 * What is kept in mind of a session from one look to the next.
 */
#include "unit/builders.h"

#include <gtest/gtest.h>

#include <ostream>
#include <string>

namespace session_guard::test
{
namespace
{

constexpr Timestamp first_look = noon + minute;
constexpr Timestamp second_look = noon + 2 * minute;
constexpr Timestamp third_look = noon + 3 * minute;

Session
running()
{
	return SessionBuilder().running(noon);
}

Session
waiting_for_lock()
{
	return SessionBuilder().running(noon).waiting_for(Wait::Lock);
}

Session
waiting_for_standby()
{
	return SessionBuilder().running(noon).waiting_for(Wait::SyncRep);
}

Session
paused()
{
	return SessionBuilder().paused(noon);
}

/* A memo in which nothing is as in a new one. */
Memo
full_memo(const SessionId &session)
{
	Memo memo{};

	memo.session = session;
	memo.waited_for_lock = true;
	memo.waited_for_sync_rep = true;
	memo.was_paused = true;
	memo.was_maintaining = true;
	memo.statement_restart = 1;
	memo.transaction_restart = 2;
	memo.paused_since = 3;
	memo.transaction = 9;
	memo.xact_start = 10;
	memo.transaction_seen = 11;
	memo.paused_changes = 4;
	memo.spared_looks = 5;
	memo.ladder = {.rung = Rung::Terminated, .statement = 6, .at = 7};
	memo.logged.fill(8);
	memo.announced.fill(12);
	return memo;
}

TEST(Observe, RestartsTheClocksOverMaintenanceAndAtTheFirstLookAfterIt)
{
	Session session = SessionBuilder().running(noon).maintaining();
	Memo memo = memo_of(session);

	observe(memo, session, true, noon + minute, true);
	EXPECT_EQ(memo.statement_restart, noon + minute);
	EXPECT_EQ(memo.transaction_restart, noon + minute);

	/* Between two tables no progress is reported. */
	session.maintaining = false;
	observe(memo, session, true, noon + 2 * minute, true);
	EXPECT_EQ(memo.statement_restart, noon + 2 * minute);
	EXPECT_EQ(memo.transaction_restart, noon + 2 * minute);

	/* Whatever follows counts. */
	observe(memo, session, true, noon + 3 * minute, true);
	EXPECT_EQ(memo.statement_restart, noon + 2 * minute);
	EXPECT_EQ(memo.transaction_restart, noon + 2 * minute);
}

TEST(Observe, CountsMaintenanceThatIsNotSpared)
{
	Session session = SessionBuilder().running(noon).maintaining();
	Memo memo = memo_of(session);

	observe(memo, session, true, noon + minute, false);
	EXPECT_EQ(memo.statement_restart, unknown_time);
	EXPECT_EQ(memo.transaction_restart, unknown_time);
}

TEST(Observe, ForgetsEverythingOfAnotherSession)
{
	Session session = running();
	SessionId others[] = {
	    {.pid = session.id.pid + 1, .backend_start = session.id.backend_start},
	    {.pid = session.id.pid, .backend_start = session.id.backend_start - 1},
	};

	for (const SessionId &other : others)
	{
		Memo memo = full_memo(other);

		observe(memo, session, true, first_look);
		EXPECT_EQ(memo.session, session.id);
		EXPECT_FALSE(memo.waited_for_lock);
		EXPECT_FALSE(memo.waited_for_sync_rep);
		EXPECT_FALSE(memo.was_paused);
		EXPECT_FALSE(memo.was_maintaining);
		EXPECT_EQ(memo.statement_restart, unknown_time);
		EXPECT_EQ(memo.transaction_restart, unknown_time);
		EXPECT_EQ(memo.paused_since, unknown_time);
		EXPECT_EQ(memo.paused_changes, 0);
		EXPECT_EQ(memo.transaction, session.transaction);
		EXPECT_EQ(memo.xact_start, session.xact_start);
		EXPECT_EQ(memo.transaction_seen, first_look);
		EXPECT_EQ(memo.spared_looks, 0);
		EXPECT_EQ(memo.ladder.rung, Rung::Ground);
		for (Timestamp logged : memo.logged)
			EXPECT_EQ(logged, unknown_time);
		for (Timestamp announced : memo.announced)
			EXPECT_EQ(announced, unknown_time);
	}
}

TEST(Observe, KeepsWhatWasDoneAndSaidOfTheSameSession)
{
	Session session = running();
	Memo memo = full_memo(session.id);

	observe(memo, session, true, first_look);
	EXPECT_EQ(memo.spared_looks, 5);
	EXPECT_EQ(memo.ladder.rung, Rung::Terminated);
	EXPECT_EQ(memo.ladder.statement, 6);
	EXPECT_EQ(memo.ladder.at, 7);
	for (Timestamp logged : memo.logged)
		EXPECT_EQ(logged, 8);
}

TEST(Observe, RestartsNothingForWhoNeverWaited)
{
	Memo memo{};

	for (Timestamp look : {first_look, second_look, third_look})
		observe(memo, running(), true, look);
	EXPECT_EQ(memo.statement_restart, unknown_time);
	EXPECT_EQ(memo.transaction_restart, unknown_time);
	EXPECT_EQ(memo.paused_since, unknown_time);
}

/* Waits and pauses that do not count, and for which clock. */
struct WaitCase
{
	const char *name;
	Session waiting;
	bool restarts_transaction;

	friend std::ostream &
	operator<<(std::ostream &out, const WaitCase &test)
	{
		return out << test.name;
	}
};

class ObserveWait : public testing::TestWithParam<WaitCase>
{
  protected:
	Memo memo{};

	void
	look(const Session &session, Timestamp at)
	{
		observe(memo, session, true, at);
	}
	void
	expect_restart(Timestamp at)
	{
		EXPECT_EQ(memo.statement_restart, at);
		EXPECT_EQ(memo.transaction_restart, GetParam().restarts_transaction ? at : unknown_time);
	}
};

TEST_P(ObserveWait, RestartsTheClockAtEachLookThatSeesTheWait)
{
	look(GetParam().waiting, first_look);
	expect_restart(first_look);
	look(GetParam().waiting, second_look);
	expect_restart(second_look);
}

TEST_P(ObserveWait, RestartsTheClockAtTheFirstLookThatFindsItOver)
{
	look(GetParam().waiting, first_look);
	look(running(), second_look);
	expect_restart(second_look);
}

TEST_P(ObserveWait, DoesNotRestartTheClockOnceMoreAfterThat)
{
	look(GetParam().waiting, first_look);
	look(running(), second_look);
	look(running(), third_look);
	expect_restart(second_look);
}

TEST_P(ObserveWait, OfASessionBeforeItInTheSlotDoesNotCount)
{
	look(GetParam().waiting, first_look);
	look(SessionBuilder().running(noon).connected(noon - second), second_look);
	EXPECT_EQ(memo.statement_restart, unknown_time);
	EXPECT_EQ(memo.transaction_restart, unknown_time);
}

INSTANTIATE_TEST_SUITE_P(
    Memo, ObserveWait,
    testing::Values(WaitCase{"Lock", waiting_for_lock(), false},
                    WaitCase{"LockOfAWorker",
                             SessionBuilder().running(noon).worker_waiting_for_lock(), false},
                    WaitCase{"SyncRep", waiting_for_standby(), true},
                    WaitCase{"Pause", paused(), false}),
    [](const auto &test) { return std::string(test.param.name); });

TEST(Observe, LockWaitCountsAsRunningIfWaitersAreNotSpared)
{
	Memo memo{};

	observe(memo, waiting_for_lock(), false, first_look);
	observe(memo, running(), false, second_look);
	EXPECT_EQ(memo.statement_restart, unknown_time);
}

TEST(Observe, SyncRepAndPauseRestartEvenIfLockWaitersAreNotSpared)
{
	for (const Session &session : {waiting_for_standby(), paused()})
	{
		Memo memo{};

		observe(memo, session, false, first_look);
		EXPECT_EQ(memo.statement_restart, first_look);
	}
}

TEST(Observe, WaitSeenBeforeTheSwitchIsStillForgiven)
{
	Memo memo{};

	observe(memo, waiting_for_lock(), true, first_look);
	observe(memo, waiting_for_lock(), false, second_look);
	observe(memo, waiting_for_lock(), false, third_look);
	EXPECT_EQ(memo.statement_restart, second_look);
}

TEST(Observe, OneWaitAfterAnotherIsNoEndOfWaiting)
{
	Memo memo{};

	observe(memo, waiting_for_standby(), true, first_look);
	observe(memo, waiting_for_lock(), true, second_look);
	observe(memo, running(), true, third_look);
	EXPECT_EQ(memo.statement_restart, third_look);
	EXPECT_EQ(memo.transaction_restart, second_look);
}

TEST(ObservePause, BeginsAtTheFirstLookThatSeesIt)
{
	Memo memo{};

	observe(memo, paused(), true, first_look);
	EXPECT_EQ(memo.paused_since, first_look);
	observe(memo, paused(), true, second_look);
	EXPECT_EQ(memo.paused_since, first_look);
}

TEST(ObservePause, IsANewOneWhenTheStatusWasWrittenTo)
{
	Memo memo{};

	observe(memo, SessionBuilder().paused(noon).status_changes(2), true, first_look);
	observe(memo, SessionBuilder().paused(noon).status_changes(4), true, second_look);
	EXPECT_EQ(memo.paused_since, second_look);
	observe(memo, SessionBuilder().paused(noon).status_changes(4), true, third_look);
	EXPECT_EQ(memo.paused_since, second_look);
}

TEST(ObservePause, EndsWhenAnythingRuns)
{
	Memo memo{};

	observe(memo, paused(), true, first_look);
	observe(memo, SessionBuilder().running(noon), true, second_look);
	EXPECT_EQ(memo.paused_since, unknown_time);
	observe(memo, paused(), true, third_look);
	EXPECT_EQ(memo.paused_since, third_look);
}

TEST(ObservePause, IsNoneWhileCopyReadsFromTheClient)
{
	Memo memo{};

	observe(memo, SessionBuilder().paused(noon).copying(), true, first_look);
	EXPECT_EQ(memo.paused_since, unknown_time);
	EXPECT_EQ(memo.statement_restart, unknown_time);
}

/* A transaction with this id, in a message that began at noon. */
Session
in_transaction(std::uint32_t id)
{
	return SessionBuilder().running(noon).transaction_since(noon).with_transaction_id(id);
}

TEST(ObserveTransaction, BeginsAtTheFirstLookThatSeesIt)
{
	Memo memo{};

	observe(memo, in_transaction(1), true, first_look);
	observe(memo, in_transaction(1), true, second_look);
	EXPECT_EQ(memo.transaction_seen, first_look);
	EXPECT_EQ(memo.transaction_restart, unknown_time);
}

TEST(ObserveTransaction, AnotherUnderTheSameStampRestartsItsClock)
{
	Memo memo{};

	observe(memo, in_transaction(1), true, first_look);
	observe(memo, in_transaction(2), true, second_look);
	EXPECT_EQ(memo.transaction_seen, second_look);
	EXPECT_EQ(memo.transaction_restart, second_look);
	observe(memo, in_transaction(2), true, third_look);
	EXPECT_EQ(memo.transaction_restart, second_look);
}

TEST(ObserveTransaction, AnotherWithAStampOfItsOwnNeedsNone)
{
	Memo memo{};
	Session next = in_transaction(2);

	observe(memo, in_transaction(1), true, first_look);
	next.xact_start = noon + 1;
	observe(memo, next, true, second_look);
	EXPECT_EQ(memo.transaction_seen, second_look);
	EXPECT_EQ(memo.transaction_restart, unknown_time);
}

TEST(ObserveTransaction, IsRememberedBetweenTwo)
{
	Memo memo{};
	Session between = in_transaction(0);

	observe(memo, in_transaction(1), true, first_look);
	between.xact_start = unknown_time;
	observe(memo, between, true, second_look);
	observe(memo, in_transaction(2), true, third_look);
	EXPECT_EQ(memo.transaction_restart, third_look);
}

} // namespace
} // namespace session_guard::test
