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

constexpr Instant first_look = noon + minute;
constexpr Instant second_look = noon + 2 * minute;
constexpr Instant third_look = noon + 3 * minute;

Session
running()
{
	return SessionBuilder().running(noon);
}

/* A memo in which nothing is as in a new one. */
Memo
full_memo(const SessionId &session)
{
	Memo memo{};

	memo.session = session;
	memo.looked_at = noon + 1;
	memo.backend_start = {.stamp = session.backend_start, .at = 2};
	memo.xact_start = {.stamp = 3, .at = 4};
	memo.query_start = {.stamp = 5, .at = 6};
	memo.state_change = {.stamp = 7, .at = 8};
	memo.wait_start = {.stamp = 9, .at = 10};
	memo.waited_for = SeenWait::Lock;
	memo.was_maintaining = true;
	memo.statement = noon;
	memo.maintained = 11;
	memo.statement_waits.all.fill(12);
	memo.statement_waits.in_maintenance.fill(13);
	memo.statement_waits.known_from = 25;
	memo.statement_waits.maintained_before = 26;
	memo.transaction = 17;
	memo.transaction_restarted = true;
	memo.transaction_stamp = 14;
	memo.transaction_seen = 15;
	memo.transaction_waits.all.fill(16);
	memo.transaction_waits.in_maintenance.fill(17);
	memo.transaction_waits.known_from = 27;
	memo.transaction_waits.maintained_before = 28;
	memo.maintenance = 18;
	memo.maintenance_waits.fill(19);
	memo.still = {.unchanged_since = 24,
	              .state_change = 21,
	              .transaction = 23,
	              .asked_since = 29,
	              .since = 20,
	              .switches = 22,
	              .is_awake = true};
	memo.spared_looks.fill(5);
	memo.ladder = {.rung = Rung::Terminated, .statement = 6, .at = 7};
	memo.logged.fill(8);
	memo.announced.fill(12);
	return memo;
}

Duration
waited(const Waits &waits, SeenWait wait)
{
	return waits[static_cast<std::size_t>(wait)];
}

void
expect_none(const Waits &waits)
{
	for (Duration wait : waits)
		EXPECT_EQ(wait, 0);
}

void
expect_no_waits(const Memo &memo)
{
	for (const WaitAccount &account : {memo.statement_waits, memo.transaction_waits})
	{
		expect_none(account.all);
		expect_none(account.in_maintenance);
	}
	expect_none(memo.maintenance_waits);
}

void
expect_known_from(const Memo &memo, Instant statement, Instant transaction)
{
	EXPECT_EQ(memo.statement_waits.known_from, statement);
	EXPECT_EQ(memo.transaction_waits.known_from, transaction);
}

/* ---- Where stamps are placed. ---- */

TEST(Place, ForgetsEverythingOfAnotherSession)
{
	Session session = running();
	SessionId others[] = {
	    {.pid = session.id.pid + 1, .backend_start = session.id.backend_start},
	    {.pid = session.id.pid, .backend_start = session.id.backend_start - 1},
	};

	for (const SessionId &other : others)
	{
		Memo memo = full_memo(other);

		place(memo, session, Clock{}, first_look);
		EXPECT_EQ(memo.session, session.id);
		EXPECT_EQ(memo.looked_at, unknown_time);
		EXPECT_EQ(memo.waited_for, SeenWait::None);
		EXPECT_FALSE(memo.was_maintaining);
		EXPECT_EQ(memo.statement, unknown_time);
		EXPECT_EQ(memo.maintained, 0);
		EXPECT_EQ(memo.transaction, 0U);
		EXPECT_FALSE(memo.transaction_restarted);
		EXPECT_EQ(memo.transaction_stamp, unknown_time);
		EXPECT_EQ(memo.transaction_seen, unknown_time);
		EXPECT_EQ(memo.maintenance, unknown_time);
		expect_no_waits(memo);
		expect_known_from(memo, unknown_time, unknown_time);
		EXPECT_EQ(memo.statement_waits.maintained_before, 0);
		EXPECT_EQ(memo.transaction_waits.maintained_before, 0);
		EXPECT_EQ(memo.still.since, unknown_time);
		EXPECT_EQ(memo.still.unchanged_since, unknown_time);
		EXPECT_EQ(memo.ladder.rung, Rung::Ground);
		for (Limit limit : all_limits)
		{
			EXPECT_EQ(memo.spared_looks[index_of(limit)], 0);
			EXPECT_EQ(memo.logged[index_of(limit)], unknown_time);
			EXPECT_EQ(memo.announced[index_of(limit)], unknown_time);
		}
	}
}

TEST(Place, KeepsWhatWasDoneAndSaidOfTheSameSession)
{
	Session session = running();
	Memo memo = full_memo(session.id);

	place(memo, session, Clock{}, first_look);
	observe(memo, session, first_look);
	EXPECT_EQ(memo.ladder.rung, Rung::Terminated);
	EXPECT_EQ(memo.ladder.statement, 6);
	EXPECT_EQ(memo.ladder.at, 7);
	for (Limit limit : all_limits)
	{
		EXPECT_EQ(memo.spared_looks[index_of(limit)], 5);
		EXPECT_EQ(memo.logged[index_of(limit)], 8);
		EXPECT_EQ(memo.announced[index_of(limit)], 12);
	}
}

/* Both clocks, the wall clock a day behind until somebody sets it. */
class PlaceByClock : public testing::Test
{
  protected:
	Clock clock{};
	Memo memo{};
	Session session;

	void
	read(Duration ahead, Instant at)
	{
		read_clock(clock, at + ahead, at);
	}
	/* A session all of whose stamps were made at different moments of true time. */
	static Session
	session_with_stamps(Duration ahead)
	{
		Session session = SessionBuilder().connected(noon - hour + ahead);

		session.xact_start = noon - 40 * minute + ahead;
		session.query_start = noon - 30 * minute + ahead;
		session.state_change = noon - 20 * minute + ahead;
		session.wait_start = noon - 10 * minute + ahead;
		session.times = {};
		return session;
	}
	void
	expect_true_times()
	{
		EXPECT_EQ(session.times.backend_start, noon - hour);
		EXPECT_EQ(session.times.xact_start, noon - 40 * minute);
		EXPECT_EQ(session.times.query_start, noon - 30 * minute);
		EXPECT_EQ(session.times.state_change, noon - 20 * minute);
		EXPECT_EQ(session.times.wait_start, noon - 10 * minute);
	}
};

TEST_F(PlaceByClock, FillsInEachTime)
{
	read(-day, noon);
	session = session_with_stamps(-day);
	place(memo, session, clock, noon);
	expect_true_times();
}

TEST_F(PlaceByClock, StaysWhateverIsDoneToTheWallClockLater)
{
	read(-day, noon);
	session = session_with_stamps(-day);
	place(memo, session, clock, noon);
	observe(memo, session, noon);
	for (Duration ahead : {-2 * day, Duration(0), 3 * day, -day})
	{
		read(ahead, noon + minute);
		session.times = {};
		place(memo, session, clock, noon + minute);
		observe(memo, session, noon + minute);
		expect_true_times();
	}
}

TEST_F(PlaceByClock, LeavesUnknownWhatHasNoStamp)
{
	read(-day, noon);
	session = SessionBuilder().stamps(unknown_time, unknown_time, unknown_time);
	place(memo, session, clock, noon);
	EXPECT_EQ(session.times.xact_start, unknown_time);
	EXPECT_EQ(session.times.query_start, unknown_time);
	EXPECT_EQ(session.times.state_change, unknown_time);
	EXPECT_EQ(session.times.wait_start, unknown_time);
}

TEST_F(PlaceByClock, KnowsAStampThatMovesToAnotherField)
{
	read(0, noon);
	session = SessionBuilder().idle(noon - minute);
	place(memo, session, clock, noon);
	observe(memo, session, noon);

	/* Set back: by itself the stamp would now be taken for one that was made a little later. */
	read(-30 * second, noon + second);
	Session next = SessionBuilder().running(noon).stamps(noon - minute, noon - minute, noon);
	next.wait_start = noon - minute;
	place(memo, next, clock, noon + second);
	EXPECT_EQ(next.times.xact_start, noon - minute);
	EXPECT_EQ(next.times.query_start, noon - minute);
	EXPECT_EQ(next.times.wait_start, noon - minute);
}

TEST_F(PlaceByClock, PlacesTheSameStampInTwoFieldsAlike)
{
	read(0, noon);
	session = SessionBuilder().running(noon - second).stamps(noon - second, noon - second, noon);
	place(memo, session, clock, noon);
	EXPECT_EQ(session.times.xact_start, session.times.query_start);
}

TEST_F(PlaceByClock, KnowsOfAnotherSessionNothing)
{
	read(0, noon);
	session = session_with_stamps(0);
	place(memo, session, clock, noon);
	read(hour, noon + minute);

	/* The same stamps, which for this one were made just now. */
	Session other = session_with_stamps(0);
	other.id.pid++;
	other.state_change = noon + hour + minute - second;
	place(memo, other, clock, noon + minute);
	EXPECT_EQ(other.times.state_change, noon + minute - second);
	EXPECT_EQ(memo.session, other.id);
}

TEST_F(PlaceByClock, PutsWhatIsNewSinceTheLastLookNotBeforeIt)
{
	read(0, noon);
	session = SessionBuilder().idle(noon - minute);
	place(memo, session, clock, noon);
	observe(memo, session, noon);

	/* A stamp may be written down a little after it was made. */
	session.state_change = noon - 20 * millisecond;
	place(memo, session, clock, noon + second);
	EXPECT_EQ(session.times.state_change, noon - 20 * millisecond);
	session.state_change = noon - hour;
	place(memo, session, clock, noon + second);
	EXPECT_EQ(session.times.state_change, noon - smallest_step);
	/* Whoever was not looked at yet may be as old as it says. */
	session.id.pid++;
	session.state_change = noon - 2 * hour;
	place(memo, session, clock, noon + second);
	EXPECT_EQ(session.times.state_change, noon - 2 * hour);
}

/* ---- Waits; what of them is taken off is the matter of excluded(). ---- */

TEST(Observe, NotesNoWaitOfWhoNeverWaited)
{
	Memo memo = memo_of(running());

	for (Instant look : {first_look, second_look, third_look})
	{
		observe(memo, running(), look);
		EXPECT_EQ(memo.looked_at, look);
	}
	EXPECT_EQ(memo.waited_for, SeenWait::None);
	expect_no_waits(memo);
}

/* Waits that do not count, and from when they do not at the second look that finds one. */
struct WaitCase
{
	const char *name;
	Session waiting;
	SeenWait wait;
	Instant since;

	friend std::ostream &
	operator<<(std::ostream &out, const WaitCase &test)
	{
		return out << test.name;
	}
};

class ObserveWait : public testing::TestWithParam<WaitCase>
{
  protected:
	Memo memo = memo_of(running());

	void
	look(const Session &session, Instant at)
	{
		observe(memo, session, at);
	}
	void
	expect_waited(Duration time)
	{
		for (const WaitAccount &account : {memo.statement_waits, memo.transaction_waits})
			for (SeenWait wait :
			     {SeenWait::None, SeenWait::Lock, SeenWait::Standby, SeenWait::Client})
			{
				EXPECT_EQ(waited(account.all, wait), wait == GetParam().wait ? time : 0);
				EXPECT_EQ(waited(account.in_maintenance, wait), 0);
			}
		expect_none(memo.maintenance_waits);
	}
};

TEST_P(ObserveWait, IsNoted)
{
	look(GetParam().waiting, first_look);
	EXPECT_EQ(memo.waited_for, GetParam().wait);
	look(running(), second_look);
	EXPECT_EQ(memo.waited_for, SeenWait::None);
}

TEST_P(ObserveWait, CountsFromItsStartToTheLookThatSeesIt)
{
	look(running(), first_look);
	look(GetParam().waiting, second_look);
	expect_waited(second_look - GetParam().since);
	look(GetParam().waiting, third_look);
	expect_waited(third_look - GetParam().since);
}

TEST_P(ObserveWait, CountsToTheFirstLookThatFindsItOver)
{
	look(running(), first_look);
	look(GetParam().waiting, second_look);
	look(running(), third_look);
	expect_waited(third_look - GetParam().since);
	look(running(), third_look + minute);
	expect_waited(third_look - GetParam().since);
}

TEST_P(ObserveWait, OfAnEarlierStatementIsForgotten)
{
	look(running(), first_look);
	look(GetParam().waiting, second_look);
	look(SessionBuilder().running(second_look + second), third_look);
	expect_none(memo.statement_waits.all);
	EXPECT_EQ(waited(memo.transaction_waits.all, GetParam().wait),
	          second_look + second - GetParam().since);
}

TEST_P(ObserveWait, OfAnEarlierTransactionIsForgotten)
{
	look(running(), first_look);
	look(GetParam().waiting, second_look);
	look(SessionBuilder().running(second_look + second).with_transaction_id(18), third_look);
	expect_waited(0);
}

TEST_P(ObserveWait, OfASessionBeforeItInTheSlotDoesNotCount)
{
	look(GetParam().waiting, first_look);
	Session other = SessionBuilder().running(noon).connected(noon - second);

	place(memo, other, Clock{}, second_look);
	look(other, second_look);
	expect_waited(0);
}

TEST_P(ObserveWait, CountsNothingForAReaderWhoseClockIsOlder)
{
	look(running(), first_look);
	look(GetParam().waiting, second_look);
	look(running(), second_look - second);
	expect_waited(second_look - GetParam().since);
}

INSTANTIATE_TEST_SUITE_P(
    Memo, ObserveWait,
    testing::Values(WaitCase{"Lock",
                             SessionBuilder().running(noon).waiting_for_lock(second_look - 7),
                             SeenWait::Lock, second_look - 7},
                    WaitCase{"LockNotStampedYet", SessionBuilder().running(noon).waiting_for_lock(),
                             SeenWait::Lock, second_look},
                    WaitCase{"LockOfAWorker",
                             SessionBuilder()
                                 .running(noon)
                                 .waiting_for_lock(second_look - 7)
                                 .waiting_for(Wait::Other)
                                 .worker_waiting_for_lock(),
                             SeenWait::Lock, second_look - 7},
                    WaitCase{"SyncRep", SessionBuilder().running(noon).waiting_for(Wait::SyncRep),
                             SeenWait::Standby, first_look},
                    WaitCase{"Client", SessionBuilder().running(noon).waiting_for(Wait::ClientRead),
                             SeenWait::Client, first_look}),
    [](const auto &test) { return std::string(test.param.name); });

TEST(ObserveWaitOfKinds, EachIsNotedByItself)
{
	Memo memo = memo_of(running());

	observe(memo, running(), first_look);
	observe(memo, SessionBuilder().running(noon).waiting_for(Wait::SyncRep), second_look);
	observe(memo, SessionBuilder().running(noon).waiting_for_lock(third_look - second), third_look);
	/* Until a lock was waited for instead, it may have been the standby. */
	EXPECT_EQ(waited(memo.statement_waits.all, SeenWait::Standby), third_look - first_look);
	EXPECT_EQ(waited(memo.statement_waits.all, SeenWait::Lock), 0);
	observe(memo, running(), third_look + second);
	EXPECT_EQ(waited(memo.statement_waits.all, SeenWait::Standby), third_look - first_look);
	EXPECT_EQ(waited(memo.statement_waits.all, SeenWait::Lock), second);
}

TEST(ObserveWaitOfKinds, StandbyIsToldBeforeALockOfAWorker)
{
	Memo memo = memo_of(running());

	observe(memo,
	        SessionBuilder().running(noon).waiting_for(Wait::SyncRep).worker_waiting_for_lock(),
	        first_look);
	EXPECT_EQ(memo.waited_for, SeenWait::Standby);
}

TEST(ObserveWaitOfKinds, CopyThatReadsItsDataDoesNotWait)
{
	Memo memo = memo_of(running());

	observe(memo, SessionBuilder().running(noon).waiting_for(Wait::ClientRead).copying(),
	        first_look);
	EXPECT_EQ(memo.waited_for, SeenWait::None);
	observe(memo, running(), second_look);
	expect_no_waits(memo);
}

/* ---- From when waits are known. ---- */

TEST(ObserveKnownFrom, IsTheFirstLookThatFindsItRunning)
{
	Memo memo = memo_of(running());

	for (Instant look : {first_look, second_look, third_look})
	{
		observe(memo, running(), look);
		expect_known_from(memo, first_look, first_look);
	}
	/* A wait that comes later tells nothing of what was before. */
	observe(memo, SessionBuilder().running(noon).waiting_for_lock(noon + 1), third_look + second);
	expect_known_from(memo, first_look, first_look);
}

TEST(ObserveKnownFrom, IsTheStartOfTheWaitThatTheFirstLookFinds)
{
	Memo memo =
	    memo_after_look(SessionBuilder().running(noon).waiting_for_lock(noon + second), first_look);

	expect_known_from(memo, noon + second, noon + second);
	memo =
	    memo_after_look(SessionBuilder().running(noon).waiting_for_lock(noon - hour), first_look);
	/* A wait that began before them is theirs from their own beginning. */
	expect_known_from(memo, noon, noon - second);
	memo = memo_after_look(SessionBuilder().running(noon).waiting_for_lock(), first_look);
	expect_known_from(memo, first_look, first_look);
}

TEST(ObserveKnownFrom, IsOfAnotherStatementOrTransactionTheLookThatFindsIt)
{
	Memo memo = memo_after_look(running(), first_look);
	SessionBuilder next = SessionBuilder().running(first_look + second).transaction_since(noon);

	observe(memo, next, second_look);
	expect_known_from(memo, second_look, first_look);
	next = SessionBuilder().running(second_look + second).with_transaction_id(18);
	observe(memo, next, third_look);
	expect_known_from(memo, third_look, third_look);
}

TEST(ObserveKnownFrom, IsNotBeforeTheWaitOfAnEarlierStatementWasOver)
{
	Memo memo =
	    memo_after_look(SessionBuilder().running(noon).waiting_for_lock(noon + 1), first_look);
	SessionBuilder next = SessionBuilder().running(first_look + second).with_transaction_id(18);

	observe(memo, next.waiting_for_lock(first_look + minute / 2), second_look);
	expect_known_from(memo, first_look + minute / 2, first_look + minute / 2);
}

TEST(ObserveKnownFrom, NotesTheMaintenanceBeforeIt)
{
	/* 20 seconds in the transaction, 7 of them in the statement, and what runs since 12:00:10. */
	SessionBuilder session = SessionBuilder()
	                             .running(noon)
	                             .maintained(noon, 9 * second, 7 * second, 20 * second)
	                             .maintaining(noon + 10 * second);
	Memo memo = memo_after_look(session, first_look);

	EXPECT_EQ(memo.statement_waits.maintained_before, 57 * second);
	EXPECT_EQ(memo.transaction_waits.maintained_before, 70 * second);
	observe(memo, session, second_look);
	EXPECT_EQ(memo.statement_waits.maintained_before, 57 * second);
	EXPECT_EQ(memo.transaction_waits.maintained_before, 70 * second);

	/* A wait within it is known from its own start, before which there were ten seconds of it. */
	memo = memo_after_look(session.waiting_for_lock(noon + 20 * second), first_look);
	EXPECT_EQ(memo.statement_waits.maintained_before, 17 * second);
	EXPECT_EQ(memo.transaction_waits.maintained_before, 30 * second);
}

/* ---- Stillness. ---- */

/* An idle session whose process has been woken by its client so often. */
SessionBuilder
asleep(std::int64_t switches)
{
	return SessionBuilder().idle(noon).switches(switches);
}

TEST(ObserveStillness, BeginsAtTheFirstLookThatAsks)
{
	Memo memo = memo_of(asleep(0));

	observe(memo, asleep(switches_not_read), first_look);
	EXPECT_EQ(memo.still.unchanged_since, first_look);
	EXPECT_EQ(memo.still.asked_since, unknown_time);
	EXPECT_EQ(memo.still.since, unknown_time);
	observe(memo, asleep(0), second_look);
	EXPECT_EQ(memo.still.unchanged_since, first_look);
	EXPECT_EQ(memo.still.asked_since, second_look);
	EXPECT_EQ(memo.still.since, second_look);
	observe(memo, asleep(0), third_look);
	EXPECT_EQ(memo.still.since, second_look);
}

TEST(ObserveStillness, StartsOverWhenTheProcessIsWoken)
{
	Session pause = SessionBuilder().paused(noon).switches(7);
	Session woken = SessionBuilder().paused(noon).switches(8);
	Memo memo = memo_of(pause);

	observe(memo, pause, first_look);
	observe(memo, woken, second_look);
	EXPECT_EQ(memo.still.since, second_look);
	observe(memo, woken, third_look);
	EXPECT_EQ(memo.still.since, second_look);
	/* No message was taken in all the time. */
	EXPECT_EQ(memo.still.unchanged_since, first_look);
	EXPECT_EQ(memo.still.asked_since, first_look);
}

TEST(ObserveStillness, OfTheIdleStartsOverWhenItIsWokenMoreOftenThanByInterrupts)
{
	Memo memo = memo_of(asleep(7));

	observe(memo, asleep(7), first_look);
	observe(memo, asleep(9), second_look);
	EXPECT_EQ(memo.still.since, first_look);
	observe(memo, asleep(10), third_look);
	EXPECT_EQ(memo.still.since, third_look);
}

TEST(ObserveStillness, GoesOnWhenASignalIsTakenOffLaterThanItWasCounted)
{
	Memo memo = memo_of(asleep(7));

	observe(memo, asleep(7), first_look);
	observe(memo, asleep(6), second_look);
	EXPECT_EQ(memo.still.since, first_look);
	observe(memo, asleep(7), third_look);
	EXPECT_EQ(memo.still.since, first_look);
}

TEST(ObserveStillness, EndsWithPiecesAfterSignalsThatWereReadWithoutASleep)
{
	Memo memo = memo_of(asleep(1000));

	observe(memo, asleep(1000), first_look);
	/* A burst of signals that found the process awake. */
	observe(memo, asleep(900), second_look);
	EXPECT_EQ(memo.still.since, first_look);
	/* Far fewer pieces than there were signals. */
	observe(memo, asleep(910), third_look);
	EXPECT_EQ(memo.still.since, third_look);
}

TEST(ObserveStillness, OfAPauseIsNotKnownAfterABurstOfSignals)
{
	Memo memo = memo_of(SessionBuilder().paused(noon));

	observe(memo, SessionBuilder().paused(noon).switches(1000), first_look);
	observe(memo, SessionBuilder().paused(noon).switches(900), second_look);
	EXPECT_EQ(memo.still.since, second_look);
	EXPECT_EQ(memo.still.unchanged_since, first_look);
}

TEST(ObserveStillness, IsNotLearnedOfWhoIsAwake)
{
	Session awake = asleep(6);
	Memo memo = memo_of(asleep(7));

	awake.awake = true;
	observe(memo, awake, first_look);
	EXPECT_TRUE(memo.still.is_awake);
	EXPECT_EQ(memo.still.asked_since, first_look);
	EXPECT_EQ(memo.still.since, unknown_time);
	observe(memo, asleep(7), second_look);
	EXPECT_FALSE(memo.still.is_awake);
	EXPECT_EQ(memo.still.since, second_look);
	observe(memo, awake, third_look);
	EXPECT_TRUE(memo.still.is_awake);
	EXPECT_EQ(memo.still.since, second_look);
	observe(memo, asleep(7), third_look + second);
	EXPECT_EQ(memo.still.since, second_look);
}

TEST(ObserveStillness, IsAnotherWithAnotherMessageOrTransaction)
{
	Session others[] = {
	    SessionBuilder().idle(noon + second).switches(7),
	    asleep(7).with_transaction_id(1),
	};

	for (const Session &session : others)
	{
		Memo memo = memo_of(session);

		observe(memo, asleep(7), first_look);
		observe(memo, session, second_look);
		EXPECT_EQ(memo.still.since, second_look);
		EXPECT_EQ(memo.still.unchanged_since, second_look);
	}
}

TEST(ObserveStillness, IsNoneOfWhoRuns)
{
	Memo memo = memo_of(running());

	for (Instant look : {first_look, second_look})
	{
		observe(memo, running(), look);
		EXPECT_EQ(memo.still.unchanged_since, unknown_time);
	}
	/* The state that a pause is shown in began with the message before it. */
	Session pause = running();
	pause.wait = Wait::ClientRead;
	observe(memo, pause, third_look);
	EXPECT_EQ(memo.still.unchanged_since, third_look);
}

TEST(ObserveStillness, OfAPauseIsKeptOverAnInterruptThatIsServedInIt)
{
	Session pause = SessionBuilder().paused(noon).switches(switches_not_read);
	Session serving = pause;
	Memo memo = memo_of(pause);

	serving.wait = Wait::Other;
	observe(memo, pause, first_look);
	observe(memo, serving, second_look);
	observe(memo, pause, third_look);
	EXPECT_EQ(memo.still.unchanged_since, first_look);
	/* The next message is another matter. */
	serving.state_change += second;
	observe(memo, serving, third_look + second);
	EXPECT_EQ(memo.still.unchanged_since, unknown_time);
}

TEST(ObserveStillness, IsKeptOverALookThatDoesNotAsk)
{
	Memo memo = memo_of(asleep(7));

	observe(memo, asleep(7), first_look);
	observe(memo, asleep(switches_not_read), second_look);
	EXPECT_EQ(memo.still.since, first_look);
	EXPECT_EQ(memo.still.switches, 7);
	observe(memo, asleep(7), third_look);
	EXPECT_EQ(memo.still.since, first_look);
}

TEST(ObserveStillness, IsForgottenByALookThatDoesNotAskAboutAnotherMessage)
{
	Memo memo = memo_of(asleep(7));

	observe(memo, asleep(7), first_look);
	observe(memo, SessionBuilder().idle(noon + second).switches(switches_not_read), second_look);
	EXPECT_EQ(memo.still.since, unknown_time);
}

TEST(ObserveStillness, IsUnknownAfterALookThatCouldNotRead)
{
	Memo memo = memo_of(asleep(7));

	observe(memo, asleep(7), first_look);
	observe(memo, asleep(switches_unreadable), second_look);
	EXPECT_EQ(memo.still.since, unknown_time);
	EXPECT_EQ(memo.still.asked_since, unknown_time);
	EXPECT_EQ(memo.still.unchanged_since, first_look);
	observe(memo, asleep(7), third_look);
	EXPECT_EQ(memo.still.since, third_look);
	EXPECT_EQ(memo.still.asked_since, third_look);
}

/* ---- Transactions. ---- */

/* A transaction with this id, in a message that began at noon. */
Session
in_transaction(std::uint32_t id, Timestamp xact_start = noon)
{
	return SessionBuilder().running(noon).transaction_since(xact_start).with_transaction_id(id);
}

TEST(ObserveTransaction, BeginsAtTheFirstLookThatSeesIt)
{
	Memo memo = memo_of(in_transaction(1));

	observe(memo, in_transaction(1), first_look);
	observe(memo, in_transaction(1), second_look);
	EXPECT_EQ(memo.transaction, 1U);
	EXPECT_EQ(memo.transaction_seen, first_look);
	EXPECT_FALSE(memo.transaction_restarted);
}

TEST(ObserveTransaction, AnotherUnderTheSameStampIsARestart)
{
	Memo memo = memo_of(in_transaction(1));

	observe(memo, in_transaction(1), first_look);
	observe(memo, in_transaction(2), second_look);
	EXPECT_EQ(memo.transaction_seen, second_look);
	EXPECT_TRUE(memo.transaction_restarted);
	observe(memo, in_transaction(2), third_look);
	EXPECT_EQ(memo.transaction_seen, second_look);
	EXPECT_TRUE(memo.transaction_restarted);
}

TEST(ObserveTransaction, AnotherWithAStampOfItsOwnIsNone)
{
	Memo memo = memo_of(in_transaction(1));

	observe(memo, in_transaction(1), first_look);
	observe(memo, in_transaction(2, noon + 1), second_look);
	EXPECT_EQ(memo.transaction_seen, second_look);
	EXPECT_FALSE(memo.transaction_restarted);
}

TEST(ObserveTransaction, IsRememberedBetweenTwo)
{
	Memo memo = memo_of(in_transaction(1));
	Session between = SessionBuilder().running(noon).transaction_since(unknown_time);

	observe(memo, in_transaction(1), first_look);
	observe(memo, between, second_look);
	EXPECT_EQ(memo.transaction_seen, first_look);
	observe(memo, in_transaction(2), third_look);
	EXPECT_EQ(memo.transaction_seen, third_look);
	EXPECT_TRUE(memo.transaction_restarted);
}

} // namespace
} // namespace session_guard::test
