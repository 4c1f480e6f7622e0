/*
 * Which sessions exceed a limit, when and what is done; and beside them sessions that do not.
 */
#include "core/decision.h"

#include "unit/situation.h"

#include <gtest/gtest.h>

#include <limits>
#include <ostream>
#include <string>

namespace session_guard::test
{
namespace
{

/* ---- Sessions that exceed a limit: an episode of each kind that began at noon. ---- */

struct ExceedingCase
{
	const char *name;
	Limit limit;
	Session session;
	Action action;
	/* The server's stamp of the episode. */
	Timestamp stamp = noon;
	/* Who only seems to be idle has to be seen first, and shortly before its deadline again. */
	Instant seen = unknown_time;

	friend std::ostream &
	operator<<(std::ostream &out, const ExceedingCase &test)
	{
		return out << test.name;
	}
};

class Exceeding : public testing::TestWithParam<ExceedingCase>
{
  protected:
	Situation situation{GetParam().limit, GetParam().session};

	void
	SetUp() override
	{
		if (GetParam().seen != unknown_time)
			situation.tracking = tracking_after_reading(situation.session, GetParam().seen);
	}
	/* When a session is first read whose deadline is known. */
	Instant
	first_reading_before(Instant deadline) const
	{
		bool has_to_be_still =
		    GetParam().session.switches >= 0 && GetParam().limit == Limit::IdleInTransactionSession;

		return has_to_be_still ? deadline - (second + second / 4) : deadline + 1;
	}
};

TEST_P(Exceeding, IsReadAgainJustAfterItsDeadline)
{
	expect_wait_until(situation.decide_at(noon + 1), first_reading_before(at_limit));
	expect_wait_until(situation.decide_at(at_limit - 1), over_limit);
}

TEST_P(Exceeding, ExactlyAtTheLimitIsNotOverIt)
{
	expect_wait_until(situation.decide_at(at_limit), over_limit);
}

TEST_P(Exceeding, AMicrosecondLaterIsDue)
{
	Decision decision = situation.decide_at(over_limit);

	expect_due(decision, GetParam().action);
	EXPECT_EQ(decision.at, at_limit);
	EXPECT_EQ(decision.verdict.limit, GetParam().limit);
	EXPECT_EQ(decision.verdict.threshold.value, threshold);
	EXPECT_EQ(decision.verdict.threshold.source, Source::ConfigurationFile);
	EXPECT_EQ(decision.verdict.episode.start, noon);
	EXPECT_EQ(decision.verdict.episode.stamp, GetParam().stamp);
	EXPECT_EQ(decision.verdict.deadline, at_limit);
	EXPECT_EQ(decision.verdict.due, at_limit);
	EXPECT_EQ(decision.verdict.measured, threshold + 1);
	EXPECT_EQ(decision.verdict.since_cancel, 0);
}

TEST_P(Exceeding, IsStillDueADayLater)
{
	Decision decision = situation.decide_at(noon + day);

	expect_due(decision, GetParam().action);
	EXPECT_EQ(decision.at, at_limit);
	EXPECT_EQ(decision.verdict.measured, day);
}

TEST_P(Exceeding, IsNotBoundWhileTheLimitIsOff)
{
	situation.policy = PolicyBuilder();
	expect_nothing(situation.decide_at(noon + day));
}

TEST_P(Exceeding, IsNotBoundByTheLimitsThatAreSetInstead)
{
	situation.policy = PolicyBuilder().all_limits_at(threshold).limit(GetParam().limit, 0);
	expect_nothing(situation.decide_at(noon + day));
}

TEST_P(Exceeding, IsNotBoundInModeOff)
{
	situation.policy.mode = Mode::Off;
	expect_nothing(situation.decide_at(noon + day));
}

TEST_P(Exceeding, IsOnlyLoggedInModeLog)
{
	situation.policy.mode = Mode::Log;
	expect_wait_until(situation.decide_at(at_limit), over_limit);
	expect_due(situation.decide_at(over_limit), Action::Log);
}

TEST_P(Exceeding, IsLoggedOncePerEpisode)
{
	situation.policy.mode = Mode::Log;
	Timestamp &logged = situation.tracking.logged[static_cast<std::size_t>(GetParam().limit)];

	logged = GetParam().stamp;
	expect_nothing(situation.decide_at(over_limit));
	logged = GetParam().stamp - 1;
	expect_due(situation.decide_at(over_limit), Action::Log);
}

TEST_P(Exceeding, IsLoggedThoughItWasForAnotherLimit)
{
	situation.policy.mode = Mode::Log;
	situation.tracking.logged.fill(GetParam().stamp);
	situation.tracking.logged[static_cast<std::size_t>(GetParam().limit)] = unknown_time;
	expect_due(situation.decide_at(over_limit), Action::Log);
}

TEST_P(Exceeding, IsEndedThoughItWasOnceOnlyLogged)
{
	situation.tracking.logged.fill(GetParam().stamp);
	expect_due(situation.decide_at(over_limit), GetParam().action);
}

TEST_P(Exceeding, IsLoggedWhateverWasDoneBefore)
{
	situation.policy.mode = Mode::Log;
	note_terminate(situation.tracking.escalation, noon);
	expect_due(situation.decide_at(over_limit), Action::Log);
}

TEST_P(Exceeding, IsSparedWhenItsRoleIsUnknown)
{
	situation.session.superuser = Superuser::Unknown;
	for (bool exempt : {true, false})
	{
		situation.policy.exempt_superusers = exempt;
		expect_spared(situation.decide_at(over_limit), Spared::RoleUnknown);
	}
}

TEST_P(Exceeding, IsDueThoughItsRoleWasDropped)
{
	situation.session.superuser = Superuser::Dropped;
	Decision decision = situation.decide_at(over_limit);
	EXPECT_EQ(decision.outlook, Outlook::Due);
	EXPECT_EQ(decision.spared, Spared::No);
}

TEST_P(Exceeding, IsSparedAsASuperuserOnlyIfTheyAreExempt)
{
	situation.session.superuser = Superuser::Yes;
	expect_spared(situation.decide_at(over_limit), Spared::Superuser);
	situation.policy.exempt_superusers = false;
	expect_due(situation.decide_at(over_limit), GetParam().action);
}

TEST_P(Exceeding, IsSparedIfExemptByWhateverSource)
{
	for (Source source : {Source::ConfigurationFile, Source::AllRoles, Source::Database,
	                      Source::Role, Source::RoleInDatabase})
	{
		situation.policy.exempt = {.value = true, .source = source};
		expect_spared(situation.decide_at(over_limit), Spared::Exempt);
		/* Somebody has said that it is not. */
		situation.policy.exempt.value = false;
		expect_due(situation.decide_at(over_limit), GetParam().action);
	}
}

TEST_P(Exceeding, IsSparedInModeLogToo)
{
	situation.policy.mode = Mode::Log;
	situation.session.superuser = Superuser::Yes;
	expect_spared(situation.decide_at(over_limit), Spared::Superuser);
}

TEST_P(Exceeding, IsNotCalledSparedBeforeItIsOverTheLimit)
{
	situation.session.superuser = Superuser::Yes;
	expect_wait_until(situation.decide_at(at_limit), over_limit);
}

TEST_P(Exceeding, SparedHasItsVerdictAndIsSparedNow)
{
	situation.session.superuser = Superuser::Yes;
	Decision decision = situation.decide_at(noon + day);

	EXPECT_EQ(decision.at, noon + day);
	EXPECT_EQ(decision.verdict.limit, GetParam().limit);
	EXPECT_EQ(decision.verdict.deadline, at_limit);
	EXPECT_EQ(decision.verdict.measured, day);
	EXPECT_EQ(decision.verdict.action, GetParam().action);
}

TEST_P(Exceeding, IsMeasuredAlikeWhateverIsDoneToTheWallClock)
{
	Clock clock{};
	Instant placed_at = noon + 2 * minute;

	read_clock(clock, placed_at, placed_at);
	place(situation.tracking, situation.session, clock, placed_at);
	for (Duration ahead : {hour, -hour, 10 * day, Duration(0)})
	{
		read_clock(clock, placed_at + second + ahead, placed_at + second);
		place(situation.tracking, situation.session, clock, placed_at + second);
		expect_wait_until(situation.decide_at(at_limit), over_limit);

		Decision decision = situation.decide_at(over_limit);
		expect_due(decision, GetParam().action);
		EXPECT_EQ(decision.verdict.deadline, at_limit);
		EXPECT_EQ(decision.verdict.measured, threshold + 1);
	}
}

TEST_P(Exceeding, DeadlineBeyondAllTimeIsNone)
{
	for (Duration far : {never, never - noon, never - noon + 1})
	{
		situation.policy = PolicyBuilder().limit(GetParam().limit, far);
		expect_nothing(situation.decide_at(noon + day));
	}
}

TEST_P(Exceeding, LastDeadlineOfAllIsWaitedForWithoutOverflow)
{
	situation.policy = PolicyBuilder().limit(GetParam().limit, never - noon - 1);
	Instant first = first_reading_before(never - 1);

	expect_wait_until(situation.decide_at(noon + day), first);
	expect_wait_until(situation.decide_at(never - 1), never);
}

TEST_P(Exceeding, IsNotEndedTwice)
{
	note_terminate(situation.tracking.escalation, noon);
	expect_nothing(situation.decide_at(noon + day));
}

INSTANTIATE_TEST_SUITE_P(
    Policy, Exceeding,
    testing::Values(
        ExceedingCase{"Idle", Limit::IdleSession, SessionBuilder().idle(noon), Action::Terminate},
        ExceedingCase{"IdleInTransaction", Limit::IdleInTransactionSession,
                      SessionBuilder().idle_in_transaction(noon), Action::Terminate},
        ExceedingCase{"IdleInAbortedTransaction", Limit::IdleInTransactionSession,
                      SessionBuilder().aborted(noon), Action::Terminate},
        ExceedingCase{"PausedPipeline", Limit::IdleInTransactionSession,
                      SessionBuilder().paused(noon - minute).switches(7), Action::Terminate,
                      noon - minute, noon},
        ExceedingCase{"IdleWithTransaction", Limit::IdleInTransactionSession,
                      SessionBuilder().idle(noon - minute).with_transaction_id().switches(7),
                      Action::Terminate, noon - minute, noon},
        ExceedingCase{"Statement", Limit::Statement, SessionBuilder().running(noon),
                      Action::Cancel},
        ExceedingCase{"CopyFromClient", Limit::Statement,
                      SessionBuilder().running(noon).waiting_for(Wait::ClientRead).copying(),
                      Action::Cancel},
        ExceedingCase{"FunctionCall", Limit::Statement, SessionBuilder().fastpath(noon),
                      Action::Cancel},
        ExceedingCase{"TransactionThatRuns", Limit::Transaction,
                      SessionBuilder().running(noon + second), Action::Terminate},
        ExceedingCase{"TransactionThatIsIdle", Limit::Transaction,
                      SessionBuilder().idle_in_transaction(noon + minute), Action::Terminate},
        ExceedingCase{"TransactionOfAnIdleSession", Limit::Transaction,
                      SessionBuilder().idle(noon - minute).with_transaction_id(17),
                      Action::Terminate, 17, noon},
        ExceedingCase{"TransactionThatFailedAndFailsAgain", Limit::Transaction,
                      SessionBuilder().aborted(noon + minute).failed_at(noon), Action::Terminate},
        ExceedingCase{"Maintenance", Limit::Maintenance,
                      SessionBuilder().running(noon).maintaining(noon), Action::Cancel},
        ExceedingCase{"MaintenanceOfOwnTables", Limit::Maintenance,
                      SessionBuilder().running(noon).maintaining_own_tables(noon), Action::Cancel},
        ExceedingCase{"StatementThatMaintainsOwnTables", Limit::Statement,
                      SessionBuilder().running(noon).maintaining_own_tables(noon), Action::Cancel},
        ExceedingCase{"TransactionOfAFunctionCall", Limit::Transaction,
                      SessionBuilder().fastpath(noon - millisecond), Action::Terminate},
        ExceedingCase{"TransactionThatFailed", Limit::Transaction, SessionBuilder().aborted(noon),
                      Action::Terminate},
        ExceedingCase{"Session", Limit::Session,
                      SessionBuilder().connected(noon).idle(noon + minute), Action::Terminate},
        ExceedingCase{"SessionThatIsNotTracked", Limit::Session,
                      SessionBuilder().connected(noon).disabled(), Action::Terminate}),
    [](const auto &test) { return std::string(test.param.name); });

/* ---- Sessions that only seem to exceed the threshold. ---- */

struct SeemingCase
{
	const char *name;
	Limit limit;
	Session session;
	/* Why it is spared; No: it is in no episode of the limit at all. */
	Spared spared = Spared::No;

	friend std::ostream &
	operator<<(std::ostream &out, const SeemingCase &test)
	{
		return out << test.name;
	}
};

class SeeminglyExceeding : public testing::TestWithParam<SeemingCase>
{
};

TEST_P(SeeminglyExceeding, Survives)
{
	Decision decision = Situation(GetParam().limit, GetParam().session).decide_at(noon + day);

	if (GetParam().spared == Spared::No)
		expect_nothing(decision);
	else
		expect_spared(decision, GetParam().spared);
}

SessionBuilder
old_session()
{
	return SessionBuilder().connected(noon);
}

INSTANTIATE_TEST_SUITE_P(
    Policy, SeeminglyExceeding,
    testing::Values(
        SeemingCase{"IdleWhileRunning", Limit::IdleSession, SessionBuilder().running(noon)},
        SeemingCase{"IdleWhileInTransaction", Limit::IdleSession,
                    SessionBuilder().idle_in_transaction(noon)},
        SeemingCase{"IdleThatServesAnInterrupt", Limit::IdleSession,
                    SessionBuilder().idle(noon).transaction_since(noon).switches(7),
                    Spared::InTransaction},
        SeemingCase{"IdleWithATransactionId", Limit::IdleSession,
                    SessionBuilder().idle(noon).with_transaction_id().switches(7),
                    Spared::InTransaction},
        SeemingCase{"IdleWithATransactionThatCannotBeTold", Limit::IdleSession,
                    SessionBuilder().idle(noon).with_transaction_id(), Spared::SwitchesUnreadable},
        SeemingCase{"IdleInTransactionWhileIdle", Limit::IdleInTransactionSession,
                    SessionBuilder().idle(noon)},
        SeemingCase{"IdleInTransactionWhileRunning", Limit::IdleInTransactionSession,
                    SessionBuilder().running(noon)},
        SeemingCase{"IdleInTransactionWhileCopying", Limit::IdleInTransactionSession,
                    SessionBuilder().paused(noon).copying()},
        SeemingCase{"PauseThatCannotBeTold", Limit::IdleInTransactionSession,
                    SessionBuilder().paused(noon)},
        SeemingCase{"PauseThatWasNotSeenBefore", Limit::IdleInTransactionSession,
                    SessionBuilder().paused(noon).switches(7)},
        SeemingCase{"IdleInAPauseThatCannotBeTold", Limit::IdleSession,
                    SessionBuilder().paused(noon).transaction_since(unknown_time)},
        SeemingCase{"IdleInTransactionThatCannotBeTold", Limit::IdleInTransactionSession,
                    SessionBuilder().idle(noon).with_transaction_id()},
        SeemingCase{"StatementThatEnded", Limit::Statement, SessionBuilder().idle(noon)},
        SeemingCase{"StatementThatEndedInTransaction", Limit::Statement,
                    SessionBuilder().idle_in_transaction(noon)},
        SeemingCase{"StatementOfAPausedPipeline", Limit::Statement, SessionBuilder().paused(noon)},
        SeemingCase{"StatementThatWaitsForALock", Limit::Statement,
                    SessionBuilder().running(noon).waiting_for(Wait::Lock), Spared::LockWait},
        SeemingCase{"StatementWhoseWorkerWaitsForALock", Limit::Statement,
                    SessionBuilder().running(noon).worker_waiting_for_lock(), Spared::LockWait},
        SeemingCase{"TransactionThatWaitsForALock", Limit::Transaction,
                    SessionBuilder().running(noon).waiting_for(Wait::Lock), Spared::LockWait},
        SeemingCase{"TransactionWhoseWorkerWaitsForALock", Limit::Transaction,
                    SessionBuilder().running(noon).worker_waiting_for_lock(), Spared::LockWait},
        SeemingCase{"MaintenanceThatWaitsForALock", Limit::Maintenance,
                    SessionBuilder().running(noon).maintaining(noon).waiting_for(Wait::Lock),
                    Spared::LockWait},
        SeemingCase{"MaintenanceThatWaitsForAStandby", Limit::Maintenance,
                    SessionBuilder().running(noon).maintaining(noon).waiting_for(Wait::SyncRep),
                    Spared::SyncRep},
        SeemingCase{"MaintenanceThatIsOver", Limit::Maintenance,
                    SessionBuilder().running(noon).maintained(noon, day, day, day)},
        SeemingCase{"StatementThatMaintains", Limit::Statement,
                    SessionBuilder().running(noon).maintaining(noon + minute), Spared::Maintenance},
        SeemingCase{"TransactionThatMaintains", Limit::Transaction,
                    SessionBuilder().running(noon).maintaining(noon + minute), Spared::Maintenance},
        SeemingCase{"StatementThatWaitsForAStandby", Limit::Statement,
                    SessionBuilder().running(noon).waiting_for(Wait::SyncRep), Spared::SyncRep},
        SeemingCase{"TransactionThatWaitsForAStandby", Limit::Transaction,
                    SessionBuilder().running(noon).waiting_for(Wait::SyncRep), Spared::SyncRep},
        SeemingCase{"SessionThatWaitsForAStandby", Limit::Session,
                    old_session().running(noon).waiting_for(Wait::SyncRep), Spared::SyncRep},
        SeemingCase{"TransactionOfAnIdleSessionWithAnOldStart", Limit::Transaction,
                    SessionBuilder().idle(noon).transaction_since(noon).with_transaction_id(0)},
        SeemingCase{"TransactionThatIsNotTracked", Limit::Transaction,
                    SessionBuilder().disabled().with_transaction_id()},
        SeemingCase{"SessionThatRuns", Limit::Session, old_session().running(noon),
                    Spared::InTransaction},
        SeemingCase{"SessionThatCallsAFunction", Limit::Session, old_session().fastpath(noon),
                    Spared::InTransaction},
        SeemingCase{"SessionIdleInTransaction", Limit::Session,
                    old_session().idle_in_transaction(noon), Spared::InTransaction},
        SeemingCase{"SessionInAFailedTransaction", Limit::Session, old_session().aborted(noon),
                    Spared::InTransaction},
        SeemingCase{"SessionThatServesAnInterrupt", Limit::Session,
                    old_session().idle(noon).with_transaction_id(), Spared::InTransaction},
        SeemingCase{"SessionThatIsNotTrackedInTransaction", Limit::Session,
                    old_session().disabled().with_transaction_id(), Spared::InTransaction},
        SeemingCase{"SessionThatCannotBeRead", Limit::Session,
                    old_session().idle(noon).state(State::Unknown), Spared::Unreadable},
        SeemingCase{"SessionThatStarts", Limit::Session,
                    old_session().idle(noon).state(State::Starting), Spared::Unreadable}),
    [](const auto &test) { return std::string(test.param.name); });

TEST(Decide, FunctionCallAfterALongIdleHasItsWholeTime)
{
	Situation situation(Limit::Statement, SessionBuilder().fastpath(noon));

	ASSERT_LT(situation.session.query_start, noon - threshold);
	expect_wait_until(situation.decide_at(noon + second), over_limit);
}

TEST(Decide, FailedTransactionHasItsWholeTimeFromTheFailure)
{
	Situation situation(Limit::Transaction, SessionBuilder().aborted(noon));

	expect_wait_until(situation.decide_at(noon + second), over_limit);
}

TEST(Decide, LockWaiterIsDueIfWaitersAreNotSpared)
{
	for (Limit limit : {Limit::Statement, Limit::Transaction, Limit::Maintenance})
		for (const Session &session :
		     {Session(
		          SessionBuilder().running(noon).maintaining_own_tables(noon).waiting_for_lock()),
		      Session(SessionBuilder()
		                  .running(noon)
		                  .maintaining_own_tables(noon)
		                  .worker_waiting_for_lock())})
		{
			Situation situation(limit, session);

			expect_spared(situation.decide_at(over_limit), Spared::LockWait);
			situation.policy.spare_lock_waiters = false;
			expect_due(situation.decide_at(over_limit), facts(limit).first_action);
		}
}

/* What nobody saw of it before the first reading may have been waits as well. */
TEST(Decide, WhoWasFoundWaitingAtFirstHasItsWholeTime)
{
	Situation situation(Limit::Statement, SessionBuilder().running(noon));
	Session waiting = SessionBuilder().running(noon).waiting_for_lock(noon + minute);

	observe(situation.tracking, waiting, noon + hour);
	observe(situation.tracking, situation.session, noon + 2 * hour);
	expect_wait_until(situation.decide_at(noon + 2 * hour), over_limit + 2 * hour);
	expect_due(situation.decide_at(over_limit + 2 * hour), Action::Cancel);
	EXPECT_EQ(situation.decide_at(over_limit + 2 * hour).verdict.measured, threshold + 1);
}

TEST(Decide, WaitHasAVerdictOnlyIfItIsOverTheLimit)
{
	Situation situation(Limit::IdleSession, SessionBuilder().idle(noon).switches(7));

	EXPECT_EQ(situation.decide_at(noon + minute).verdict.deadline, unknown_time);
	EXPECT_EQ(situation.decide_at(at_limit).verdict.deadline, unknown_time);

	/* It has not been asked for yet. */
	Decision decision = situation.decide_at(over_limit);
	expect_wait_until(decision, over_limit + 1);
	EXPECT_EQ(decision.verdict.deadline, at_limit);
	EXPECT_EQ(decision.verdict.measured, threshold + 1);
	observe(situation.tracking, situation.session, over_limit + 1);
	decision = situation.decide_at(over_limit + 1);
	expect_wait_until(decision, over_limit + 1 + second);
	EXPECT_EQ(decision.verdict.deadline, at_limit);
}

TEST(Decide, ListenerIsDueIfListenersAreNotSpared)
{
	Situation situation(Limit::IdleSession, SessionBuilder().idle(noon).listening());

	expect_spared(situation.decide_at(over_limit), Spared::Listener);
	situation.policy.spare_listeners = false;
	expect_due(situation.decide_at(over_limit), Action::Terminate);
}

TEST(Decide, MaintenanceIsDueIfItIsNotSpared)
{
	for (Limit limit : {Limit::Statement, Limit::Transaction})
	{
		Situation situation(limit, SessionBuilder().running(noon).maintaining());

		expect_spared(situation.decide_at(over_limit), Spared::Maintenance);
		situation.policy.spare_maintenance = false;
		expect_due(situation.decide_at(over_limit), facts(limit).first_action);
	}
}

TEST(Decide, WhoHasJustGotItsLockHasTheTimeThatIsLeft)
{
	Situation situation(Limit::Statement, SessionBuilder().running(noon));
	Session waiting = SessionBuilder().running(noon).waiting_for_lock(noon + minute);

	/* It had run for a minute, and the wait was over at the latest after two hours. */
	observe(situation.tracking, situation.session, noon);
	observe(situation.tracking, waiting, noon + hour);
	observe(situation.tracking, situation.session, noon + 2 * hour);
	expect_wait_until(situation.decide_at(noon + 2 * hour), over_limit + 2 * hour - minute);
	expect_wait_until(situation.decide_at(at_limit + 2 * hour - minute),
	                  over_limit + 2 * hour - minute);

	Decision decision = situation.decide_at(over_limit + 2 * hour - minute);
	expect_due(decision, Action::Cancel);
	EXPECT_EQ(decision.verdict.measured, threshold + 1);
	EXPECT_EQ(decision.verdict.episode.start, noon);
	EXPECT_EQ(decision.verdict.episode.stamp, noon);
}

TEST(Decide, EpisodeThatHasJustBegunIsWaitedFor)
{
	expect_wait_until(Situation(Limit::IdleSession, SessionBuilder().idle(noon)).decide_at(noon),
	                  over_limit);
	/* The clock was set back: the episode begins in the future. */
	expect_wait_until(
	    Situation(Limit::IdleSession, SessionBuilder().idle(noon)).decide_at(noon - hour),
	    over_limit);
}

TEST(PauseBeforeReading, GrowsToASecond)
{
	EXPECT_EQ(pause_before_reading_again(Spared::SyncRep, 0), 10 * millisecond);
	EXPECT_EQ(pause_before_reading_again(Spared::SyncRep, 1), 100 * millisecond);
	EXPECT_EQ(pause_before_reading_again(Spared::SyncRep, 2), second);
	EXPECT_EQ(pause_before_reading_again(Spared::SyncRep, 3), second);
	EXPECT_EQ(pause_before_reading_again(Spared::SyncRep, std::numeric_limits<std::int32_t>::max()),
	          second);
}

TEST(PauseBeforeReading, GrowsSlowlyForTheGapBetweenTwoTransactions)
{
	EXPECT_EQ(pause_before_reading_again(Spared::InTransaction, 0), 10 * millisecond);
	EXPECT_EQ(pause_before_reading_again(Spared::InTransaction, 1), 10200);
	EXPECT_EQ(pause_before_reading_again(Spared::InTransaction, 4949), second - 200);
	EXPECT_EQ(pause_before_reading_again(Spared::InTransaction, 4950), second);
	EXPECT_EQ(
	    pause_before_reading_again(Spared::InTransaction, std::numeric_limits<std::int32_t>::max()),
	    second);
}

} // namespace
} // namespace session_guard::test
