/*
 * What is kept in mind of a session from one reading to the next.
 */
#include "core/tracking_state.h"

#include "unit/builders.h"

#include <gtest/gtest.h>

#include <ostream>
#include <string>

namespace session_guard::test
{
namespace
{

constexpr Instant first_reading = noon + minute;
constexpr Instant second_reading = noon + 2 * minute;
constexpr Instant third_reading = noon + 3 * minute;

/* A tracking in which nothing is as in a new one. */
TrackingState
full_tracking(const SessionId &session)
{
	TrackingState tracking{};

	tracking.session = session;
	tracking.read_at = noon + 1;
	tracking.backend_start = {.stamp = session.backend_start, .at = 2};
	tracking.xact_start = {.stamp = 3, .at = 4};
	tracking.query_start = {.stamp = 5, .at = 6};
	tracking.state_change = {.stamp = 7, .at = 8};
	tracking.wait_start = {.stamp = 9, .at = 10};
	tracking.waited_for = SeenWait::Lock;
	tracking.was_maintaining = true;
	tracking.statement = noon;
	tracking.maintained = 11;
	tracking.statement_waits.all.fill(12);
	tracking.statement_waits.in_maintenance.fill(13);
	tracking.statement_waits.known_from = 25;
	tracking.statement_waits.maintained_before = 26;
	tracking.transaction = 17;
	tracking.transaction_restarted = true;
	tracking.transaction_stamp = 14;
	tracking.transaction_seen = 15;
	tracking.transaction_waits.all.fill(16);
	tracking.transaction_waits.in_maintenance.fill(17);
	tracking.transaction_waits.known_from = 27;
	tracking.transaction_waits.maintained_before = 28;
	tracking.maintenance = 18;
	tracking.maintenance_waits.fill(19);
	tracking.still = {.unchanged_since = 24,
	                  .state_change = 21,
	                  .transaction = 23,
	                  .asked_since = 29,
	                  .since = 20,
	                  .switches = 22,
	                  .is_awake = true};
	tracking.times_spared.fill(5);
	tracking.escalation = {.step = EscalationStep::Terminated,
	                       .statement = 6,
	                       .limit = Limit::Statement,
	                       .harm = 6,
	                       .at = 7};
	tracking.logged.fill(8);
	tracking.announced.fill(12);
	return tracking;
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
expect_no_waits(const TrackingState &tracking)
{
	for (const WaitAccount &account : {tracking.statement_waits, tracking.transaction_waits})
	{
		expect_none(account.all);
		expect_none(account.in_maintenance);
	}
	expect_none(tracking.maintenance_waits);
}

void
expect_known_from(const TrackingState &tracking, Instant statement, Instant transaction)
{
	EXPECT_EQ(tracking.statement_waits.known_from, statement);
	EXPECT_EQ(tracking.transaction_waits.known_from, transaction);
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
		TrackingState tracking = full_tracking(other);

		place(tracking, session, Clock{}, first_reading);
		EXPECT_EQ(tracking.session, session.id);
		EXPECT_EQ(tracking.read_at, unknown_time);
		EXPECT_EQ(tracking.waited_for, SeenWait::None);
		EXPECT_FALSE(tracking.was_maintaining);
		EXPECT_EQ(tracking.statement, unknown_time);
		EXPECT_EQ(tracking.maintained, 0);
		EXPECT_EQ(tracking.transaction, 0U);
		EXPECT_FALSE(tracking.transaction_restarted);
		EXPECT_EQ(tracking.transaction_stamp, unknown_time);
		EXPECT_EQ(tracking.transaction_seen, unknown_time);
		EXPECT_EQ(tracking.maintenance, unknown_time);
		expect_no_waits(tracking);
		expect_known_from(tracking, unknown_time, unknown_time);
		EXPECT_EQ(tracking.statement_waits.maintained_before, 0);
		EXPECT_EQ(tracking.transaction_waits.maintained_before, 0);
		EXPECT_EQ(tracking.still.since, unknown_time);
		EXPECT_EQ(tracking.still.unchanged_since, unknown_time);
		EXPECT_EQ(tracking.escalation.step, EscalationStep::None);
		for (Limit limit : all_limits)
		{
			EXPECT_EQ(tracking.times_spared[index_of(limit)], 0);
			EXPECT_EQ(tracking.logged[index_of(limit)], unknown_time);
			EXPECT_EQ(tracking.announced[index_of(limit)], unknown_time);
		}
	}
}

TEST(Place, KeepsWhatWasDoneAndSaidOfTheSameSession)
{
	Session session = running();
	TrackingState tracking = full_tracking(session.id);

	place(tracking, session, Clock{}, first_reading);
	observe(tracking, session, first_reading);
	EXPECT_EQ(tracking.escalation.step, EscalationStep::Terminated);
	EXPECT_EQ(tracking.escalation.statement, 6);
	EXPECT_EQ(tracking.escalation.at, 7);
	for (Limit limit : all_limits)
	{
		EXPECT_EQ(tracking.times_spared[index_of(limit)], 5);
		EXPECT_EQ(tracking.logged[index_of(limit)], 8);
		EXPECT_EQ(tracking.announced[index_of(limit)], 12);
	}
}

/* Both clocks, the wall clock a day behind until somebody sets it. */
class PlaceByClock : public testing::Test
{
  protected:
	Clock clock{};
	TrackingState tracking{};
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
	place(tracking, session, clock, noon);
	expect_true_times();
}

TEST_F(PlaceByClock, StaysWhateverIsDoneToTheWallClockLater)
{
	read(-day, noon);
	session = session_with_stamps(-day);
	place(tracking, session, clock, noon);
	observe(tracking, session, noon);
	for (Duration ahead : {-2 * day, Duration(0), 3 * day, -day})
	{
		read(ahead, noon + minute);
		session.times = {};
		place(tracking, session, clock, noon + minute);
		observe(tracking, session, noon + minute);
		expect_true_times();
	}
}

TEST_F(PlaceByClock, LeavesUnknownWhatHasNoStamp)
{
	read(-day, noon);
	session = SessionBuilder().stamps(unknown_time, unknown_time, unknown_time);
	place(tracking, session, clock, noon);
	EXPECT_EQ(session.times.xact_start, unknown_time);
	EXPECT_EQ(session.times.query_start, unknown_time);
	EXPECT_EQ(session.times.state_change, unknown_time);
	EXPECT_EQ(session.times.wait_start, unknown_time);
}

TEST_F(PlaceByClock, KnowsAStampThatMovesToAnotherField)
{
	read(0, noon);
	session = SessionBuilder().idle(noon - minute);
	place(tracking, session, clock, noon);
	observe(tracking, session, noon);

	/* Set back: by itself the stamp would now be taken for one that was made a little later. */
	read(-30 * second, noon + second);
	Session next = SessionBuilder().running(noon).stamps(noon - minute, noon - minute, noon);
	next.wait_start = noon - minute;
	place(tracking, next, clock, noon + second);
	EXPECT_EQ(next.times.xact_start, noon - minute);
	EXPECT_EQ(next.times.query_start, noon - minute);
	EXPECT_EQ(next.times.wait_start, noon - minute);
}

TEST_F(PlaceByClock, PlacesTheSameStampInTwoFieldsAlike)
{
	read(0, noon);
	session = SessionBuilder().running(noon - second).stamps(noon - second, noon - second, noon);
	place(tracking, session, clock, noon);
	EXPECT_EQ(session.times.xact_start, session.times.query_start);
}

TEST_F(PlaceByClock, KnowsOfAnotherSessionNothing)
{
	read(0, noon);
	session = session_with_stamps(0);
	place(tracking, session, clock, noon);
	read(hour, noon + minute);

	/* The same stamps, which for this one were made just now. */
	Session other = session_with_stamps(0);
	other.id.pid++;
	other.state_change = noon + hour + minute - second;
	place(tracking, other, clock, noon + minute);
	EXPECT_EQ(other.times.state_change, noon + minute - second);
	EXPECT_EQ(tracking.session, other.id);
}

TEST_F(PlaceByClock, PutsWhatIsNewSinceTheLastLookNotBeforeIt)
{
	read(0, noon);
	session = SessionBuilder().idle(noon - minute);
	place(tracking, session, clock, noon);
	observe(tracking, session, noon);

	/* A stamp may be written down a little after it was made. */
	session.state_change = noon - 20 * millisecond;
	place(tracking, session, clock, noon + second);
	EXPECT_EQ(session.times.state_change, noon - 20 * millisecond);
	session.state_change = noon - hour;
	place(tracking, session, clock, noon + second);
	EXPECT_EQ(session.times.state_change, noon - smallest_step);
	/* A session that was not read yet may be as old as its stamps say. */
	session.id.pid++;
	session.state_change = noon - 2 * hour;
	place(tracking, session, clock, noon + second);
	EXPECT_EQ(session.times.state_change, noon - 2 * hour);
}

/* ---- Waits; excluded_time() decides which of them do not count. ---- */

TEST(Observe, NotesNoWaitOfWhoNeverWaited)
{
	TrackingState tracking = tracking_of(running());

	for (Instant now : {first_reading, second_reading, third_reading})
	{
		observe(tracking, running(), now);
		EXPECT_EQ(tracking.read_at, now);
	}
	EXPECT_EQ(tracking.waited_for, SeenWait::None);
	expect_no_waits(tracking);
}

/* Waits that do not count, and from when they do not at the second reading that finds one. */
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
	TrackingState tracking = tracking_of(running());

	void
	read(const Session &session, Instant at)
	{
		observe(tracking, session, at);
	}
	void
	expect_waited(Duration time)
	{
		for (const WaitAccount &account : {tracking.statement_waits, tracking.transaction_waits})
			for (SeenWait wait :
			     {SeenWait::None, SeenWait::Lock, SeenWait::Standby, SeenWait::Client})
			{
				EXPECT_EQ(waited(account.all, wait), wait == GetParam().wait ? time : 0);
				EXPECT_EQ(waited(account.in_maintenance, wait), 0);
			}
		expect_none(tracking.maintenance_waits);
	}
};

TEST_P(ObserveWait, IsNoted)
{
	read(GetParam().waiting, first_reading);
	EXPECT_EQ(tracking.waited_for, GetParam().wait);
	read(running(), second_reading);
	EXPECT_EQ(tracking.waited_for, SeenWait::None);
}

TEST_P(ObserveWait, CountsFromItsStartToTheLookThatSeesIt)
{
	read(running(), first_reading);
	read(GetParam().waiting, second_reading);
	expect_waited(second_reading - GetParam().since);
	read(GetParam().waiting, third_reading);
	expect_waited(third_reading - GetParam().since);
}

TEST_P(ObserveWait, CountsToTheFirstReadingThatFindsItOver)
{
	read(running(), first_reading);
	read(GetParam().waiting, second_reading);
	read(running(), third_reading);
	expect_waited(third_reading - GetParam().since);
	read(running(), third_reading + minute);
	expect_waited(third_reading - GetParam().since);
}

TEST_P(ObserveWait, OfAnEarlierStatementIsForgotten)
{
	read(running(), first_reading);
	read(GetParam().waiting, second_reading);
	read(SessionBuilder().running(second_reading + second), third_reading);
	expect_none(tracking.statement_waits.all);
	EXPECT_EQ(waited(tracking.transaction_waits.all, GetParam().wait),
	          second_reading + second - GetParam().since);
}

TEST_P(ObserveWait, OfAnEarlierTransactionIsForgotten)
{
	read(running(), first_reading);
	read(GetParam().waiting, second_reading);
	read(SessionBuilder().running(second_reading + second).with_transaction_id(18), third_reading);
	expect_waited(0);
}

TEST_P(ObserveWait, OfASessionBeforeItInTheSlotDoesNotCount)
{
	read(GetParam().waiting, first_reading);
	Session other = SessionBuilder().running(noon).connected(noon - second);

	place(tracking, other, Clock{}, second_reading);
	read(other, second_reading);
	expect_waited(0);
}

TEST_P(ObserveWait, CountsNothingForAReaderWhoseClockIsOlder)
{
	read(running(), first_reading);
	read(GetParam().waiting, second_reading);
	read(running(), second_reading - second);
	expect_waited(second_reading - GetParam().since);
}

INSTANTIATE_TEST_SUITE_P(
    TrackingState, ObserveWait,
    testing::Values(WaitCase{"Lock",
                             SessionBuilder().running(noon).waiting_for_lock(second_reading - 7),
                             SeenWait::Lock, second_reading - 7},
                    WaitCase{"LockNotStampedYet", SessionBuilder().running(noon).waiting_for_lock(),
                             SeenWait::Lock, second_reading},
                    WaitCase{"LockOfAWorker",
                             SessionBuilder()
                                 .running(noon)
                                 .waiting_for_lock(second_reading - 7)
                                 .waiting_for(Wait::Other)
                                 .worker_waiting_for_lock(),
                             SeenWait::Lock, second_reading - 7},
                    WaitCase{"SyncRep", SessionBuilder().running(noon).waiting_for(Wait::SyncRep),
                             SeenWait::Standby, first_reading},
                    WaitCase{"Client", SessionBuilder().running(noon).waiting_for(Wait::ClientRead),
                             SeenWait::Client, first_reading}),
    [](const auto &test) { return std::string(test.param.name); });

TEST(ObserveWaitOfKinds, EachIsNotedByItself)
{
	TrackingState tracking = tracking_of(running());

	observe(tracking, running(), first_reading);
	observe(tracking, SessionBuilder().running(noon).waiting_for(Wait::SyncRep), second_reading);
	observe(tracking, SessionBuilder().running(noon).waiting_for_lock(third_reading - second),
	        third_reading);
	/* Until a lock was waited for instead, it may have been the standby. */
	EXPECT_EQ(waited(tracking.statement_waits.all, SeenWait::Standby),
	          third_reading - first_reading);
	EXPECT_EQ(waited(tracking.statement_waits.all, SeenWait::Lock), 0);
	observe(tracking, running(), third_reading + second);
	EXPECT_EQ(waited(tracking.statement_waits.all, SeenWait::Standby),
	          third_reading - first_reading);
	EXPECT_EQ(waited(tracking.statement_waits.all, SeenWait::Lock), second);
}

TEST(ObserveWaitOfKinds, StandbyIsToldBeforeALockOfAWorker)
{
	TrackingState tracking = tracking_of(running());

	observe(tracking,
	        SessionBuilder().running(noon).waiting_for(Wait::SyncRep).worker_waiting_for_lock(),
	        first_reading);
	EXPECT_EQ(tracking.waited_for, SeenWait::Standby);
}

TEST(ObserveWaitOfKinds, CopyThatReadsItsDataDoesNotWait)
{
	TrackingState tracking = tracking_of(running());

	observe(tracking, SessionBuilder().running(noon).waiting_for(Wait::ClientRead).copying(),
	        first_reading);
	EXPECT_EQ(tracking.waited_for, SeenWait::None);
	observe(tracking, running(), second_reading);
	expect_no_waits(tracking);
}

/* ---- From when waits are known. ---- */

TEST(ObserveKnownFrom, IsTheFirstReadingThatFindsItRunning)
{
	TrackingState tracking = tracking_of(running());

	for (Instant now : {first_reading, second_reading, third_reading})
	{
		observe(tracking, running(), now);
		expect_known_from(tracking, first_reading, first_reading);
	}
	/* A wait that comes later tells nothing of what was before. */
	observe(tracking, SessionBuilder().running(noon).waiting_for_lock(noon + 1),
	        third_reading + second);
	expect_known_from(tracking, first_reading, first_reading);
}

TEST(ObserveKnownFrom, IsTheStartOfTheWaitThatTheFirstReadingFinds)
{
	TrackingState tracking = tracking_after_reading(
	    SessionBuilder().running(noon).waiting_for_lock(noon + second), first_reading);

	expect_known_from(tracking, noon + second, noon + second);
	tracking = tracking_after_reading(SessionBuilder().running(noon).waiting_for_lock(noon - hour),
	                                  first_reading);
	/* A wait that began before them is theirs from their own beginning. */
	expect_known_from(tracking, noon, noon - second);
	tracking =
	    tracking_after_reading(SessionBuilder().running(noon).waiting_for_lock(), first_reading);
	expect_known_from(tracking, first_reading, first_reading);
}

TEST(ObserveKnownFrom, IsOfAnotherStatementOrTransactionTheLookThatFindsIt)
{
	TrackingState tracking = tracking_after_reading(running(), first_reading);
	SessionBuilder next = SessionBuilder().running(first_reading + second).transaction_since(noon);

	observe(tracking, next, second_reading);
	expect_known_from(tracking, second_reading, first_reading);
	next = SessionBuilder().running(second_reading + second).with_transaction_id(18);
	observe(tracking, next, third_reading);
	expect_known_from(tracking, third_reading, third_reading);
}

TEST(ObserveKnownFrom, IsNotBeforeTheWaitOfAnEarlierStatementWasOver)
{
	TrackingState tracking = tracking_after_reading(
	    SessionBuilder().running(noon).waiting_for_lock(noon + 1), first_reading);
	SessionBuilder next = SessionBuilder().running(first_reading + second).with_transaction_id(18);

	observe(tracking, next.waiting_for_lock(first_reading + minute / 2), second_reading);
	expect_known_from(tracking, first_reading + minute / 2, first_reading + minute / 2);
}

TEST(ObserveKnownFrom, NotesTheMaintenanceBeforeIt)
{
	/* 20 seconds in the transaction, 7 of them in the statement, and what runs since 12:00:10. */
	SessionBuilder session = SessionBuilder()
	                             .running(noon)
	                             .maintained(noon, 9 * second, 7 * second, 20 * second)
	                             .maintaining(noon + 10 * second);
	TrackingState tracking = tracking_after_reading(session, first_reading);

	EXPECT_EQ(tracking.statement_waits.maintained_before, 57 * second);
	EXPECT_EQ(tracking.transaction_waits.maintained_before, 70 * second);
	observe(tracking, session, second_reading);
	EXPECT_EQ(tracking.statement_waits.maintained_before, 57 * second);
	EXPECT_EQ(tracking.transaction_waits.maintained_before, 70 * second);

	/* A wait within it is known from its own start, before which there were ten seconds of it. */
	tracking = tracking_after_reading(session.waiting_for_lock(noon + 20 * second), first_reading);
	EXPECT_EQ(tracking.statement_waits.maintained_before, 17 * second);
	EXPECT_EQ(tracking.transaction_waits.maintained_before, 30 * second);
}

/* ---- Stillness. ---- */

/* An idle session whose process has been woken by its client so often. */
SessionBuilder
asleep(std::int64_t switches)
{
	return SessionBuilder().idle(noon).switches(switches);
}

TEST(ObserveStillness, BeginsAtTheFirstReadingThatAsks)
{
	TrackingState tracking = tracking_of(asleep(0));

	observe(tracking, asleep(switches_not_read), first_reading);
	EXPECT_EQ(tracking.still.unchanged_since, first_reading);
	EXPECT_EQ(tracking.still.asked_since, unknown_time);
	EXPECT_EQ(tracking.still.since, unknown_time);
	observe(tracking, asleep(0), second_reading);
	EXPECT_EQ(tracking.still.unchanged_since, first_reading);
	EXPECT_EQ(tracking.still.asked_since, second_reading);
	EXPECT_EQ(tracking.still.since, second_reading);
	observe(tracking, asleep(0), third_reading);
	EXPECT_EQ(tracking.still.since, second_reading);
}

TEST(ObserveStillness, StartsOverWhenTheProcessIsWoken)
{
	Session pause = SessionBuilder().paused(noon).switches(7);
	Session woken = SessionBuilder().paused(noon).switches(8);
	TrackingState tracking = tracking_of(pause);

	observe(tracking, pause, first_reading);
	observe(tracking, woken, second_reading);
	EXPECT_EQ(tracking.still.since, second_reading);
	observe(tracking, woken, third_reading);
	EXPECT_EQ(tracking.still.since, second_reading);
	/* No message was taken in all the time. */
	EXPECT_EQ(tracking.still.unchanged_since, first_reading);
	EXPECT_EQ(tracking.still.asked_since, first_reading);
}

TEST(ObserveStillness, OfTheIdleStartsOverWhenItIsWokenMoreOftenThanByInterrupts)
{
	TrackingState tracking = tracking_of(asleep(7));

	observe(tracking, asleep(7), first_reading);
	observe(tracking, asleep(9), second_reading);
	EXPECT_EQ(tracking.still.since, first_reading);
	observe(tracking, asleep(10), third_reading);
	EXPECT_EQ(tracking.still.since, third_reading);
}

TEST(ObserveStillness, GoesOnWhenASignalIsTakenOffLaterThanItWasCounted)
{
	TrackingState tracking = tracking_of(asleep(7));

	observe(tracking, asleep(7), first_reading);
	observe(tracking, asleep(6), second_reading);
	EXPECT_EQ(tracking.still.since, first_reading);
	observe(tracking, asleep(7), third_reading);
	EXPECT_EQ(tracking.still.since, first_reading);
}

TEST(ObserveStillness, EndsWithPiecesAfterSignalsThatWereReadWithoutASleep)
{
	TrackingState tracking = tracking_of(asleep(1000));

	observe(tracking, asleep(1000), first_reading);
	/* A burst of signals that found the process awake. */
	observe(tracking, asleep(900), second_reading);
	EXPECT_EQ(tracking.still.since, first_reading);
	/* Far fewer pieces than there were signals. */
	observe(tracking, asleep(910), third_reading);
	EXPECT_EQ(tracking.still.since, third_reading);
}

TEST(ObserveStillness, OfAPauseIsNotKnownAfterABurstOfSignals)
{
	TrackingState tracking = tracking_of(SessionBuilder().paused(noon));

	observe(tracking, SessionBuilder().paused(noon).switches(1000), first_reading);
	observe(tracking, SessionBuilder().paused(noon).switches(900), second_reading);
	EXPECT_EQ(tracking.still.since, second_reading);
	EXPECT_EQ(tracking.still.unchanged_since, first_reading);
}

TEST(ObserveStillness, IsNotLearnedOfWhoIsAwake)
{
	Session awake = asleep(6);
	TrackingState tracking = tracking_of(asleep(7));

	awake.awake = true;
	observe(tracking, awake, first_reading);
	EXPECT_TRUE(tracking.still.is_awake);
	EXPECT_EQ(tracking.still.asked_since, first_reading);
	EXPECT_EQ(tracking.still.since, unknown_time);
	observe(tracking, asleep(7), second_reading);
	EXPECT_FALSE(tracking.still.is_awake);
	EXPECT_EQ(tracking.still.since, second_reading);
	observe(tracking, awake, third_reading);
	EXPECT_TRUE(tracking.still.is_awake);
	EXPECT_EQ(tracking.still.since, second_reading);
	observe(tracking, asleep(7), third_reading + second);
	EXPECT_EQ(tracking.still.since, second_reading);
}

TEST(ObserveStillness, IsAnotherWithAnotherMessageOrTransaction)
{
	Session others[] = {
	    SessionBuilder().idle(noon + second).switches(7),
	    asleep(7).with_transaction_id(1),
	};

	for (const Session &session : others)
	{
		TrackingState tracking = tracking_of(session);

		observe(tracking, asleep(7), first_reading);
		observe(tracking, session, second_reading);
		EXPECT_EQ(tracking.still.since, second_reading);
		EXPECT_EQ(tracking.still.unchanged_since, second_reading);
	}
}

TEST(ObserveStillness, IsNoneOfWhoRuns)
{
	TrackingState tracking = tracking_of(running());

	for (Instant now : {first_reading, second_reading})
	{
		observe(tracking, running(), now);
		EXPECT_EQ(tracking.still.unchanged_since, unknown_time);
	}
	/* The state that a pause is shown in began with the message before it. */
	Session pause = running();
	pause.wait = Wait::ClientRead;
	observe(tracking, pause, third_reading);
	EXPECT_EQ(tracking.still.unchanged_since, third_reading);
}

TEST(ObserveStillness, OfAPauseIsKeptOverAnInterruptThatIsServedInIt)
{
	Session pause = SessionBuilder().paused(noon).switches(switches_not_read);
	Session serving = pause;
	TrackingState tracking = tracking_of(pause);

	serving.wait = Wait::Other;
	observe(tracking, pause, first_reading);
	observe(tracking, serving, second_reading);
	observe(tracking, pause, third_reading);
	EXPECT_EQ(tracking.still.unchanged_since, first_reading);
	/* The next message is another matter. */
	serving.state_change += second;
	observe(tracking, serving, third_reading + second);
	EXPECT_EQ(tracking.still.unchanged_since, unknown_time);
}

TEST(ObserveStillness, IsKeptOverALookThatDoesNotAsk)
{
	TrackingState tracking = tracking_of(asleep(7));

	observe(tracking, asleep(7), first_reading);
	observe(tracking, asleep(switches_not_read), second_reading);
	EXPECT_EQ(tracking.still.since, first_reading);
	EXPECT_EQ(tracking.still.switches, 7);
	observe(tracking, asleep(7), third_reading);
	EXPECT_EQ(tracking.still.since, first_reading);
}

TEST(ObserveStillness, IsForgottenByALookThatDoesNotAskAboutAnotherMessage)
{
	TrackingState tracking = tracking_of(asleep(7));

	observe(tracking, asleep(7), first_reading);
	observe(tracking, SessionBuilder().idle(noon + second).switches(switches_not_read),
	        second_reading);
	EXPECT_EQ(tracking.still.since, unknown_time);
}

TEST(ObserveStillness, IsUnknownAfterALookThatCouldNotRead)
{
	TrackingState tracking = tracking_of(asleep(7));

	observe(tracking, asleep(7), first_reading);
	observe(tracking, asleep(switches_unreadable), second_reading);
	EXPECT_EQ(tracking.still.since, unknown_time);
	EXPECT_EQ(tracking.still.asked_since, unknown_time);
	EXPECT_EQ(tracking.still.unchanged_since, first_reading);
	observe(tracking, asleep(7), third_reading);
	EXPECT_EQ(tracking.still.since, third_reading);
	EXPECT_EQ(tracking.still.asked_since, third_reading);
}

/* ---- Transactions. ---- */

/* A transaction with this id, in a message that began at noon. */
Session
in_transaction(std::uint32_t id, Timestamp xact_start = noon)
{
	return SessionBuilder().running(noon).transaction_since(xact_start).with_transaction_id(id);
}

TEST(ObserveTransaction, BeginsAtTheFirstReadingThatSeesIt)
{
	TrackingState tracking = tracking_of(in_transaction(1));

	observe(tracking, in_transaction(1), first_reading);
	observe(tracking, in_transaction(1), second_reading);
	EXPECT_EQ(tracking.transaction, 1U);
	EXPECT_EQ(tracking.transaction_seen, first_reading);
	EXPECT_FALSE(tracking.transaction_restarted);
}

TEST(ObserveTransaction, AnotherUnderTheSameStampIsARestart)
{
	TrackingState tracking = tracking_of(in_transaction(1));

	observe(tracking, in_transaction(1), first_reading);
	observe(tracking, in_transaction(2), second_reading);
	EXPECT_EQ(tracking.transaction_seen, second_reading);
	EXPECT_TRUE(tracking.transaction_restarted);
	observe(tracking, in_transaction(2), third_reading);
	EXPECT_EQ(tracking.transaction_seen, second_reading);
	EXPECT_TRUE(tracking.transaction_restarted);
}

TEST(ObserveTransaction, AnotherWithAStampOfItsOwnIsNone)
{
	TrackingState tracking = tracking_of(in_transaction(1));

	observe(tracking, in_transaction(1), first_reading);
	observe(tracking, in_transaction(2, noon + 1), second_reading);
	EXPECT_EQ(tracking.transaction_seen, second_reading);
	EXPECT_FALSE(tracking.transaction_restarted);
}

TEST(ObserveTransaction, IsRememberedBetweenTwo)
{
	TrackingState tracking = tracking_of(in_transaction(1));
	Session between = SessionBuilder().running(noon).transaction_since(unknown_time);

	observe(tracking, in_transaction(1), first_reading);
	observe(tracking, between, second_reading);
	EXPECT_EQ(tracking.transaction_seen, first_reading);
	observe(tracking, in_transaction(2), third_reading);
	EXPECT_EQ(tracking.transaction_seen, third_reading);
	EXPECT_TRUE(tracking.transaction_restarted);
}

} // namespace
} // namespace session_guard::test
