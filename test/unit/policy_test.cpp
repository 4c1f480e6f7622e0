/*
 * Who is ended, when and how; and next to each culprit the innocent who is not.
 */
#include "core/policy.h"

#include "unit/builders.h"

#include <gtest/gtest.h>

#include <limits>
#include <numeric>
#include <ostream>
#include <string>

namespace session_guard::test
{
namespace
{

constexpr Duration threshold = 5 * minute;
/* An episode that started at noon is not over the threshold yet, and then it is. */
constexpr Instant at_limit = noon + threshold;
constexpr Instant over_limit = at_limit + 1;

/* One limit is set, and a session is evaluation at. */
struct Situation
{
	Limit limit;
	Session session;
	TrackingState tracking;
	Policy policy;

	Situation(Limit bound, const Session &found)
	    : limit(bound), session(found), tracking(tracking_of(found)),
	      policy(PolicyBuilder().limit(bound, threshold))
	{
	}

	Decision
	decide_at(Instant now) const
	{
		return decide(limit, session, tracking, policy, now);
	}
};

void
expect_nothing(const Decision &decision)
{
	EXPECT_EQ(decision.outlook, Outlook::Nothing);
	EXPECT_EQ(decision.at, never);
}

void
expect_wait_until(const Decision &decision, Instant at)
{
	EXPECT_EQ(decision.outlook, Outlook::Wait);
	EXPECT_EQ(decision.at, at);
}

void
expect_spared(const Decision &decision, Spared reason)
{
	EXPECT_EQ(decision.outlook, Outlook::Spared);
	EXPECT_EQ(decision.spared, reason);
}

void
expect_due(const Decision &decision, Action action)
{
	EXPECT_EQ(decision.outlook, Outlook::Due);
	EXPECT_EQ(decision.spared, Spared::No);
	EXPECT_EQ(decision.verdict.action, action);
}

/* ---- The culprits: an episode of each kind that began at noon. ---- */

struct CulpritCase
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
	operator<<(std::ostream &out, const CulpritCase &test)
	{
		return out << test.name;
	}
};

class Culprit : public testing::TestWithParam<CulpritCase>
{
  protected:
	Situation situation{GetParam().limit, GetParam().session};

	void
	SetUp() override
	{
		if (GetParam().seen != unknown_time)
			situation.tracking = memo_after_look(situation.session, GetParam().seen);
	}
	/* The first look at a session whose deadline is known. */
	Instant
	look_before(Instant deadline) const
	{
		bool has_to_be_still =
		    GetParam().session.switches >= 0 && GetParam().limit == Limit::IdleInTransactionSession;

		return has_to_be_still ? deadline - (second + second / 4) : deadline + 1;
	}
};

TEST_P(Culprit, IsLookedAtJustAfterItsDeadline)
{
	expect_wait_until(situation.decide_at(noon + 1), look_before(at_limit));
	expect_wait_until(situation.decide_at(at_limit - 1), over_limit);
}

TEST_P(Culprit, ExactlyAtTheLimitIsNotOverIt)
{
	expect_wait_until(situation.decide_at(at_limit), over_limit);
}

TEST_P(Culprit, AMicrosecondLaterIsDue)
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

TEST_P(Culprit, IsStillDueADayLater)
{
	Decision decision = situation.decide_at(noon + day);

	expect_due(decision, GetParam().action);
	EXPECT_EQ(decision.at, at_limit);
	EXPECT_EQ(decision.verdict.measured, day);
}

TEST_P(Culprit, IsFreeWhileTheLimitIsOff)
{
	situation.policy = PolicyBuilder();
	expect_nothing(situation.decide_at(noon + day));
}

TEST_P(Culprit, IsFreeFromTheLimitsThatAreSetInstead)
{
	situation.policy = PolicyBuilder().all_limits_at(threshold).limit(GetParam().limit, 0);
	expect_nothing(situation.decide_at(noon + day));
}

TEST_P(Culprit, IsFreeInModeOff)
{
	situation.policy.mode = Mode::Off;
	expect_nothing(situation.decide_at(noon + day));
}

TEST_P(Culprit, IsOnlyLoggedInModeLog)
{
	situation.policy.mode = Mode::Log;
	expect_wait_until(situation.decide_at(at_limit), over_limit);
	expect_due(situation.decide_at(over_limit), Action::Log);
}

TEST_P(Culprit, IsLoggedOncePerEpisode)
{
	situation.policy.mode = Mode::Log;
	Timestamp &logged = situation.tracking.logged[static_cast<std::size_t>(GetParam().limit)];

	logged = GetParam().stamp;
	expect_nothing(situation.decide_at(over_limit));
	logged = GetParam().stamp - 1;
	expect_due(situation.decide_at(over_limit), Action::Log);
}

TEST_P(Culprit, IsLoggedThoughItWasForAnotherLimit)
{
	situation.policy.mode = Mode::Log;
	situation.tracking.logged.fill(GetParam().stamp);
	situation.tracking.logged[static_cast<std::size_t>(GetParam().limit)] = unknown_time;
	expect_due(situation.decide_at(over_limit), Action::Log);
}

TEST_P(Culprit, IsEndedThoughItWasOnceOnlyLogged)
{
	situation.tracking.logged.fill(GetParam().stamp);
	expect_due(situation.decide_at(over_limit), GetParam().action);
}

TEST_P(Culprit, IsLoggedWhateverWasDoneBefore)
{
	situation.policy.mode = Mode::Log;
	note_terminate(situation.tracking.escalation, noon);
	expect_due(situation.decide_at(over_limit), Action::Log);
}

TEST_P(Culprit, IsSparedWhenItsRoleIsUnknown)
{
	situation.session.superuser = Superuser::Unknown;
	for (bool exempt : {true, false})
	{
		situation.policy.exempt_superusers = exempt;
		expect_spared(situation.decide_at(over_limit), Spared::RoleUnknown);
	}
}

TEST_P(Culprit, IsDueThoughItsRoleWasDropped)
{
	situation.session.superuser = Superuser::Dropped;
	Decision decision = situation.decide_at(over_limit);
	EXPECT_EQ(decision.outlook, Outlook::Due);
	EXPECT_EQ(decision.spared, Spared::No);
}

TEST_P(Culprit, IsSparedAsASuperuserOnlyIfTheyAreExempt)
{
	situation.session.superuser = Superuser::Yes;
	expect_spared(situation.decide_at(over_limit), Spared::Superuser);
	situation.policy.exempt_superusers = false;
	expect_due(situation.decide_at(over_limit), GetParam().action);
}

TEST_P(Culprit, IsSparedIfExemptByWhateverSource)
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

TEST_P(Culprit, IsSparedInModeLogToo)
{
	situation.policy.mode = Mode::Log;
	situation.session.superuser = Superuser::Yes;
	expect_spared(situation.decide_at(over_limit), Spared::Superuser);
}

TEST_P(Culprit, IsNotCalledSparedBeforeItIsOverTheLimit)
{
	situation.session.superuser = Superuser::Yes;
	expect_wait_until(situation.decide_at(at_limit), over_limit);
}

TEST_P(Culprit, SparedHasItsVerdictAndIsSparedNow)
{
	situation.session.superuser = Superuser::Yes;
	Decision decision = situation.decide_at(noon + day);

	EXPECT_EQ(decision.at, noon + day);
	EXPECT_EQ(decision.verdict.limit, GetParam().limit);
	EXPECT_EQ(decision.verdict.deadline, at_limit);
	EXPECT_EQ(decision.verdict.measured, day);
	EXPECT_EQ(decision.verdict.action, GetParam().action);
}

TEST_P(Culprit, IsMeasuredAlikeWhateverIsDoneToTheWallClock)
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

TEST_P(Culprit, DeadlineBeyondAllTimeIsNone)
{
	for (Duration far : {never, never - noon, never - noon + 1})
	{
		situation.policy = PolicyBuilder().limit(GetParam().limit, far);
		expect_nothing(situation.decide_at(noon + day));
	}
}

TEST_P(Culprit, LastDeadlineOfAllIsWaitedForWithoutOverflow)
{
	situation.policy = PolicyBuilder().limit(GetParam().limit, never - noon - 1);
	Instant first = look_before(never - 1);

	expect_wait_until(situation.decide_at(noon + day), first);
	expect_wait_until(situation.decide_at(never - 1), never);
}

TEST_P(Culprit, IsNotEndedTwice)
{
	note_terminate(situation.tracking.escalation, noon);
	expect_nothing(situation.decide_at(noon + day));
}

INSTANTIATE_TEST_SUITE_P(
    Policy, Culprit,
    testing::Values(
        CulpritCase{"Idle", Limit::IdleSession, SessionBuilder().idle(noon), Action::Terminate},
        CulpritCase{"IdleInTransaction", Limit::IdleInTransactionSession,
                    SessionBuilder().idle_in_transaction(noon), Action::Terminate},
        CulpritCase{"IdleInAbortedTransaction", Limit::IdleInTransactionSession,
                    SessionBuilder().aborted(noon), Action::Terminate},
        CulpritCase{"PausedPipeline", Limit::IdleInTransactionSession,
                    SessionBuilder().paused(noon - minute).switches(7), Action::Terminate,
                    noon - minute, noon},
        CulpritCase{"IdleWithTransaction", Limit::IdleInTransactionSession,
                    SessionBuilder().idle(noon - minute).with_transaction_id().switches(7),
                    Action::Terminate, noon - minute, noon},
        CulpritCase{"Statement", Limit::Statement, SessionBuilder().running(noon), Action::Cancel},
        CulpritCase{"CopyFromClient", Limit::Statement,
                    SessionBuilder().running(noon).waiting_for(Wait::ClientRead).copying(),
                    Action::Cancel},
        CulpritCase{"FunctionCall", Limit::Statement, SessionBuilder().fastpath(noon),
                    Action::Cancel},
        CulpritCase{"TransactionThatRuns", Limit::Transaction,
                    SessionBuilder().running(noon + second), Action::Terminate},
        CulpritCase{"TransactionThatIsIdle", Limit::Transaction,
                    SessionBuilder().idle_in_transaction(noon + minute), Action::Terminate},
        CulpritCase{"TransactionOfAnIdleSession", Limit::Transaction,
                    SessionBuilder().idle(noon - minute).with_transaction_id(17), Action::Terminate,
                    17, noon},
        CulpritCase{"TransactionThatFailedAndFailsAgain", Limit::Transaction,
                    SessionBuilder().aborted(noon + minute).failed_at(noon), Action::Terminate},
        CulpritCase{"Maintenance", Limit::Maintenance,
                    SessionBuilder().running(noon).maintaining(noon), Action::Cancel},
        CulpritCase{"MaintenanceOfOwnTables", Limit::Maintenance,
                    SessionBuilder().running(noon).maintaining_own_tables(noon), Action::Cancel},
        CulpritCase{"StatementThatMaintainsOwnTables", Limit::Statement,
                    SessionBuilder().running(noon).maintaining_own_tables(noon), Action::Cancel},
        CulpritCase{"TransactionOfAFunctionCall", Limit::Transaction,
                    SessionBuilder().fastpath(noon - millisecond), Action::Terminate},
        CulpritCase{"TransactionThatFailed", Limit::Transaction, SessionBuilder().aborted(noon),
                    Action::Terminate},
        CulpritCase{"Session", Limit::Session, SessionBuilder().connected(noon).idle(noon + minute),
                    Action::Terminate},
        CulpritCase{"SessionThatIsNotTracked", Limit::Session,
                    SessionBuilder().connected(noon).disabled(), Action::Terminate}),
    [](const auto &test) { return std::string(test.param.name); });

/* ---- The innocent, who are over the threshold only at first sight. ---- */

struct InnocentCase
{
	const char *name;
	Limit limit;
	Session session;
	/* Why it is spared; No: it is in no episode of the limit at all. */
	Spared spared = Spared::No;

	friend std::ostream &
	operator<<(std::ostream &out, const InnocentCase &test)
	{
		return out << test.name;
	}
};

class Innocent : public testing::TestWithParam<InnocentCase>
{
};

TEST_P(Innocent, Survives)
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
    Policy, Innocent,
    testing::Values(
        InnocentCase{"IdleWhileRunning", Limit::IdleSession, SessionBuilder().running(noon)},
        InnocentCase{"IdleWhileInTransaction", Limit::IdleSession,
                     SessionBuilder().idle_in_transaction(noon)},
        InnocentCase{"IdleThatServesAnInterrupt", Limit::IdleSession,
                     SessionBuilder().idle(noon).transaction_since(noon).switches(7),
                     Spared::InTransaction},
        InnocentCase{"IdleWithATransactionId", Limit::IdleSession,
                     SessionBuilder().idle(noon).with_transaction_id().switches(7),
                     Spared::InTransaction},
        InnocentCase{"IdleWithATransactionThatCannotBeTold", Limit::IdleSession,
                     SessionBuilder().idle(noon).with_transaction_id(), Spared::NotTold},
        InnocentCase{"IdleInTransactionWhileIdle", Limit::IdleInTransactionSession,
                     SessionBuilder().idle(noon)},
        InnocentCase{"IdleInTransactionWhileRunning", Limit::IdleInTransactionSession,
                     SessionBuilder().running(noon)},
        InnocentCase{"IdleInTransactionWhileCopying", Limit::IdleInTransactionSession,
                     SessionBuilder().paused(noon).copying()},
        InnocentCase{"PauseThatCannotBeTold", Limit::IdleInTransactionSession,
                     SessionBuilder().paused(noon)},
        InnocentCase{"PauseThatWasNotSeenBefore", Limit::IdleInTransactionSession,
                     SessionBuilder().paused(noon).switches(7)},
        InnocentCase{"IdleInAPauseThatCannotBeTold", Limit::IdleSession,
                     SessionBuilder().paused(noon).transaction_since(unknown_time)},
        InnocentCase{"IdleInTransactionThatCannotBeTold", Limit::IdleInTransactionSession,
                     SessionBuilder().idle(noon).with_transaction_id()},
        InnocentCase{"StatementThatEnded", Limit::Statement, SessionBuilder().idle(noon)},
        InnocentCase{"StatementThatEndedInTransaction", Limit::Statement,
                     SessionBuilder().idle_in_transaction(noon)},
        InnocentCase{"StatementOfAPausedPipeline", Limit::Statement, SessionBuilder().paused(noon)},
        InnocentCase{"StatementThatWaitsForALock", Limit::Statement,
                     SessionBuilder().running(noon).waiting_for(Wait::Lock), Spared::LockWait},
        InnocentCase{"StatementWhoseWorkerWaitsForALock", Limit::Statement,
                     SessionBuilder().running(noon).worker_waiting_for_lock(), Spared::LockWait},
        InnocentCase{"TransactionThatWaitsForALock", Limit::Transaction,
                     SessionBuilder().running(noon).waiting_for(Wait::Lock), Spared::LockWait},
        InnocentCase{"TransactionWhoseWorkerWaitsForALock", Limit::Transaction,
                     SessionBuilder().running(noon).worker_waiting_for_lock(), Spared::LockWait},
        InnocentCase{"MaintenanceThatWaitsForALock", Limit::Maintenance,
                     SessionBuilder().running(noon).maintaining(noon).waiting_for(Wait::Lock),
                     Spared::LockWait},
        InnocentCase{"MaintenanceThatWaitsForAStandby", Limit::Maintenance,
                     SessionBuilder().running(noon).maintaining(noon).waiting_for(Wait::SyncRep),
                     Spared::SyncRep},
        InnocentCase{"MaintenanceThatIsOver", Limit::Maintenance,
                     SessionBuilder().running(noon).maintained(noon, day, day, day)},
        InnocentCase{"StatementThatMaintains", Limit::Statement,
                     SessionBuilder().running(noon).maintaining(noon + minute),
                     Spared::Maintenance},
        InnocentCase{"TransactionThatMaintains", Limit::Transaction,
                     SessionBuilder().running(noon).maintaining(noon + minute),
                     Spared::Maintenance},
        InnocentCase{"StatementThatWaitsForAStandby", Limit::Statement,
                     SessionBuilder().running(noon).waiting_for(Wait::SyncRep), Spared::SyncRep},
        InnocentCase{"TransactionThatWaitsForAStandby", Limit::Transaction,
                     SessionBuilder().running(noon).waiting_for(Wait::SyncRep), Spared::SyncRep},
        InnocentCase{"SessionThatWaitsForAStandby", Limit::Session,
                     old_session().running(noon).waiting_for(Wait::SyncRep), Spared::SyncRep},
        InnocentCase{"TransactionOfAnIdleSessionWithAnOldStart", Limit::Transaction,
                     SessionBuilder().idle(noon).transaction_since(noon).with_transaction_id(0)},
        InnocentCase{"TransactionThatIsNotTracked", Limit::Transaction,
                     SessionBuilder().disabled().with_transaction_id()},
        InnocentCase{"SessionThatRuns", Limit::Session, old_session().running(noon),
                     Spared::InTransaction},
        InnocentCase{"SessionThatCallsAFunction", Limit::Session, old_session().fastpath(noon),
                     Spared::InTransaction},
        InnocentCase{"SessionIdleInTransaction", Limit::Session,
                     old_session().idle_in_transaction(noon), Spared::InTransaction},
        InnocentCase{"SessionInAFailedTransaction", Limit::Session, old_session().aborted(noon),
                     Spared::InTransaction},
        InnocentCase{"SessionThatServesAnInterrupt", Limit::Session,
                     old_session().idle(noon).with_transaction_id(), Spared::InTransaction},
        InnocentCase{"SessionThatIsNotTrackedInTransaction", Limit::Session,
                     old_session().disabled().with_transaction_id(), Spared::InTransaction},
        InnocentCase{"SessionThatCannotBeRead", Limit::Session,
                     old_session().idle(noon).state(State::Unknown), Spared::Unreadable},
        InnocentCase{"SessionThatStarts", Limit::Session,
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

/* What nobody saw of it before the first look may have been waits as well. */
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

/* ---- Spared, by each reason and in their order. ---- */

/* The same of a session that nobody has evaluation at. */
Spared
spared_at_first(Limit limit, const Session &session, const Policy &policy = PolicyBuilder())
{
	return spared_from(limit, session, tracking_of(session), policy);
}

TEST(SparedFrom, NobodyWithoutAReason)
{
	EXPECT_EQ(spared_at_first(Limit::IdleSession, SessionBuilder().idle(noon)), Spared::No);
	EXPECT_EQ(spared_at_first(Limit::IdleInTransactionSession,
	                          SessionBuilder().idle_in_transaction(noon)),
	          Spared::No);
	EXPECT_EQ(spared_at_first(Limit::Statement, SessionBuilder().running(noon)), Spared::No);
	EXPECT_EQ(spared_at_first(Limit::Transaction, SessionBuilder().running(noon)), Spared::No);
	EXPECT_EQ(spared_at_first(Limit::Maintenance, SessionBuilder().running(noon).maintaining()),
	          Spared::No);
	EXPECT_EQ(spared_at_first(Limit::Session, SessionBuilder().idle(noon)), Spared::No);
}

TEST(SparedFrom, EveryLimitWhoeverCannotBeReadOrWaitsForAStandby)
{
	Policy policy = PolicyBuilder().exempt_superusers(false).spare_lock_waiters(false);

	for (Limit limit : all_limits)
	{
		for (State state : {State::Unknown, State::Starting})
			EXPECT_EQ(spared_at_first(limit, SessionBuilder().state(state), policy),
			          Spared::Unreadable);
		EXPECT_EQ(spared_at_first(limit, SessionBuilder().waiting_for(Wait::SyncRep), policy),
		          Spared::SyncRep);
		EXPECT_EQ(spared_at_first(limit, SessionBuilder().superuser(Superuser::Unknown), policy),
		          Spared::RoleUnknown);
	}
}

TEST(SparedFrom, EverythingButItsAgeWhoIsNotTracked)
{
	for (Limit limit : all_limits)
		EXPECT_EQ(spared_at_first(limit, SessionBuilder().disabled()),
		          limit == Limit::Session ? Spared::No : Spared::NotMeasurable);
}

TEST(SparedFrom, OnlyTheLimitsThatALockHoldsUpWhoWaitsForOne)
{
	Session waiting[] = {
	    SessionBuilder().running(noon).waiting_for(Wait::Lock),
	    SessionBuilder().running(noon).worker_waiting_for_lock(),
	    /* It Describes a statement. */
	    SessionBuilder().idle_in_transaction(noon).waiting_for(Wait::Lock),
	    SessionBuilder().idle(noon).with_transaction_id().switches(7).waiting_for(Wait::Lock),
	};

	for (const Session &session : waiting)
		for (Limit limit : all_limits)
		{
			EXPECT_EQ(spared_at_first(limit, session) == Spared::LockWait,
			          limit == Limit::IdleInTransactionSession || limit == Limit::Statement ||
			              limit == Limit::Transaction || limit == Limit::Maintenance);
			EXPECT_NE(spared_at_first(limit, session, PolicyBuilder().spare_lock_waiters(false)),
			          Spared::LockWait);
		}
}

TEST(SparedFrom, OnlyTheLimitsOutsideTransactionsWhoIsInOne)
{
	for (Limit limit : all_limits)
	{
		Session session = SessionBuilder().idle_in_transaction(noon);
		Spared spared = spared_at_first(limit, session);

		EXPECT_EQ(spared == Spared::InTransaction,
		          limit == Limit::Session || limit == Limit::IdleSession);
	}
}

TEST(SparedFrom, OnlyTheIdleLimitWhoListens)
{
	for (Limit limit : all_limits)
	{
		Session session = SessionBuilder().idle(noon).listening();

		EXPECT_EQ(spared_at_first(limit, session),
		          limit == Limit::IdleSession ? Spared::Listener : Spared::No);
		EXPECT_EQ(spared_at_first(limit, session, PolicyBuilder().spare_listeners(false)),
		          Spared::No);
	}
}

TEST(SparedFrom, OnlyTheLimitsOfOtherWorkWhoMaintains)
{
	for (Limit limit : all_limits)
	{
		Session session = SessionBuilder().idle(noon).maintaining();
		bool is_of_work = limit == Limit::Statement || limit == Limit::Transaction;

		EXPECT_EQ(spared_at_first(limit, session), is_of_work ? Spared::Maintenance : Spared::No);
		EXPECT_EQ(spared_at_first(limit, session, PolicyBuilder().spare_maintenance(false)),
		          Spared::No);
	}
}

TEST(SparedFrom, NoLimitWhoMaintainsTablesOfItsOwn)
{
	Session session = SessionBuilder().running(noon).maintaining_own_tables(noon);

	for (Limit limit : {Limit::Statement, Limit::Transaction, Limit::Maintenance})
		EXPECT_EQ(spared_at_first(limit, session), Spared::No);
}

TEST(SparedFrom, TheIdleLimitsWhoCannotBeTold)
{
	Session with_transaction[] = {
	    SessionBuilder().paused(noon),
	    SessionBuilder().idle(noon).with_transaction_id(),
	};

	for (Session &session : with_transaction)
		for (Limit limit : all_limits)
		{
			bool is_idle_limit =
			    limit == Limit::IdleSession || limit == Limit::IdleInTransactionSession;

			session.switches = switches_unreadable;
			EXPECT_EQ(spared_at_first(limit, session) == Spared::NotTold, is_idle_limit);
			for (std::int64_t known : {std::int64_t{0}, std::int64_t{7}, switches_not_read})
			{
				session.switches = known;
				EXPECT_NE(spared_at_first(limit, session), Spared::NotTold);
			}
		}
	/* Those whose status is enough are as before. */
	EXPECT_EQ(spared_at_first(Limit::IdleSession, SessionBuilder().idle(noon)), Spared::No);
	EXPECT_EQ(spared_at_first(Limit::IdleInTransactionSession,
	                          SessionBuilder().idle_in_transaction(noon)),
	          Spared::No);
}

TEST(SparedFrom, EveryLimitWhoIsExempt)
{
	Policy policy = PolicyBuilder()
	                    .exempt(true)
	                    .exempt_superusers(false)
	                    .spare_listeners(false)
	                    .spare_maintenance(false)
	                    .spare_lock_waiters(false);

	for (Limit limit : all_limits)
		EXPECT_EQ(spared_at_first(limit, SessionBuilder().idle(noon), policy), Spared::Exempt);
}

/* A session for which two reasons speak, and the one that is told. */
struct OrderCase
{
	const char *name;
	Session session;
	Spared told;
	Limit limit = Limit::Statement;
	Policy policy = PolicyBuilder();

	friend std::ostream &
	operator<<(std::ostream &out, const OrderCase &test)
	{
		return out << test.name;
	}
};

class SparedOrder : public testing::TestWithParam<OrderCase>
{
};

TEST_P(SparedOrder, TellsTheFirst)
{
	EXPECT_EQ(spared_at_first(GetParam().limit, GetParam().session, GetParam().policy),
	          GetParam().told);
}

INSTANTIATE_TEST_SUITE_P(
    Policy, SparedOrder,
    testing::Values(
        OrderCase{"UnreadableBeforeSyncRep",
                  SessionBuilder().state(State::Starting).waiting_for(Wait::SyncRep),
                  Spared::Unreadable},
        OrderCase{
            "SyncRepBeforeRoleUnknown",
            SessionBuilder().running(noon).waiting_for(Wait::SyncRep).superuser(Superuser::Unknown),
            Spared::SyncRep},
        OrderCase{
            "SyncRepBeforeSuperuser",
            SessionBuilder().running(noon).waiting_for(Wait::SyncRep).superuser(Superuser::Yes),
            Spared::SyncRep},
        OrderCase{
            "SyncRepBeforeLockWaitOfAWorker",
            SessionBuilder().running(noon).waiting_for(Wait::SyncRep).worker_waiting_for_lock(),
            Spared::SyncRep},
        OrderCase{"RoleUnknownBeforeNotMeasurable",
                  SessionBuilder().disabled().superuser(Superuser::Unknown), Spared::RoleUnknown},
        OrderCase{"SuperuserBeforeNotMeasurable",
                  SessionBuilder().disabled().superuser(Superuser::Yes), Spared::Superuser},
        OrderCase{"SuperuserBeforeLockWait",
                  SessionBuilder().running(noon).waiting_for(Wait::Lock).superuser(Superuser::Yes),
                  Spared::Superuser},
        OrderCase{"NotMeasurableBeforeLockWait",
                  SessionBuilder().disabled().waiting_for(Wait::Lock), Spared::NotMeasurable},
        OrderCase{"UnreadableBeforeExempt", SessionBuilder().state(State::Unknown),
                  Spared::Unreadable, Limit::Statement, PolicyBuilder().exempt(true)},
        OrderCase{"SyncRepBeforeExempt", SessionBuilder().running(noon).waiting_for(Wait::SyncRep),
                  Spared::SyncRep, Limit::Statement, PolicyBuilder().exempt(true)},
        OrderCase{"RoleUnknownBeforeExempt",
                  SessionBuilder().running(noon).superuser(Superuser::Unknown), Spared::RoleUnknown,
                  Limit::Statement, PolicyBuilder().exempt(true)},
        OrderCase{"ExemptBeforeSuperuser", SessionBuilder().running(noon).superuser(Superuser::Yes),
                  Spared::Exempt, Limit::Statement, PolicyBuilder().exempt(true)},
        OrderCase{"ExemptBeforeNotMeasurable", SessionBuilder().disabled(), Spared::Exempt,
                  Limit::Statement, PolicyBuilder().exempt(true)},
        OrderCase{"ExemptBeforeListener", SessionBuilder().idle(noon).listening(), Spared::Exempt,
                  Limit::IdleSession, PolicyBuilder().exempt(true)},
        OrderCase{"SuperuserBeforeListener",
                  SessionBuilder().idle(noon).listening().superuser(Superuser::Yes),
                  Spared::Superuser, Limit::IdleSession},
        OrderCase{"SuperuserBeforeMaintenance",
                  SessionBuilder().running(noon).maintaining().superuser(Superuser::Yes),
                  Spared::Superuser},
        OrderCase{"NotMeasurableBeforeListener", SessionBuilder().disabled().listening(),
                  Spared::NotMeasurable, Limit::IdleSession},
        OrderCase{"NotMeasurableBeforeMaintenance", SessionBuilder().disabled().maintaining(),
                  Spared::NotMeasurable, Limit::Transaction},
        OrderCase{"ListenerBeforeInTransaction",
                  SessionBuilder().idle(noon).with_transaction_id().switches(7).listening(),
                  Spared::Listener, Limit::IdleSession},
        OrderCase{"NotToldBeforeListener",
                  SessionBuilder().idle(noon).with_transaction_id().listening(), Spared::NotTold,
                  Limit::IdleSession},
        OrderCase{"SuperuserBeforeNotTold", SessionBuilder().paused(noon).superuser(Superuser::Yes),
                  Spared::Superuser, Limit::IdleInTransactionSession},
        OrderCase{"MaintenanceBeforeLockWait",
                  SessionBuilder().running(noon).waiting_for(Wait::Lock).maintaining(),
                  Spared::Maintenance}),
    [](const auto &test) { return std::string(test.param.name); });

TEST(MayPassSoon, WhatEndsByItself)
{
	EXPECT_TRUE(may_pass_soon(Spared::Unreadable));
	EXPECT_TRUE(may_pass_soon(Spared::SyncRep));
	EXPECT_TRUE(may_pass_soon(Spared::Maintenance));
	EXPECT_TRUE(may_pass_soon(Spared::LockWait));
	EXPECT_TRUE(may_pass_soon(Spared::InTransaction));
}

TEST(MayPassSoon, NotWhatLasts)
{
	EXPECT_FALSE(may_pass_soon(Spared::No));
	EXPECT_FALSE(may_pass_soon(Spared::RoleUnknown));
	EXPECT_FALSE(may_pass_soon(Spared::Exempt));
	EXPECT_FALSE(may_pass_soon(Spared::Superuser));
	EXPECT_FALSE(may_pass_soon(Spared::NotMeasurable));
	EXPECT_FALSE(may_pass_soon(Spared::NotTold));
	/* Who stops listening has begun another idle phase by it. */
	EXPECT_FALSE(may_pass_soon(Spared::Listener));
}

TEST(PauseBeforeLook, GrowsToASecond)
{
	EXPECT_EQ(pause_before_reading_again(Spared::SyncRep, 0), 10 * millisecond);
	EXPECT_EQ(pause_before_reading_again(Spared::SyncRep, 1), 100 * millisecond);
	EXPECT_EQ(pause_before_reading_again(Spared::SyncRep, 2), second);
	EXPECT_EQ(pause_before_reading_again(Spared::SyncRep, 3), second);
	EXPECT_EQ(pause_before_reading_again(Spared::SyncRep, std::numeric_limits<std::int32_t>::max()),
	          second);
}

TEST(PauseBeforeLook, GrowsSlowlyForTheGapBetweenTwoTransactions)
{
	EXPECT_EQ(pause_before_reading_again(Spared::InTransaction, 0), 10 * millisecond);
	EXPECT_EQ(pause_before_reading_again(Spared::InTransaction, 1), 10200);
	EXPECT_EQ(pause_before_reading_again(Spared::InTransaction, 4949), second - 200);
	EXPECT_EQ(pause_before_reading_again(Spared::InTransaction, 4950), second);
	EXPECT_EQ(
	    pause_before_reading_again(Spared::InTransaction, std::numeric_limits<std::int32_t>::max()),
	    second);
}

/* ---- The escalation: a statement that was cancelled at its limit. ---- */

class AfterCancel : public testing::Test
{
  protected:
	static constexpr Duration grace = 10 * second;
	static constexpr Instant canceled_at = over_limit;
	static constexpr Instant end_of_grace = canceled_at + grace;

	Situation situation{Limit::Statement, SessionBuilder().running(noon)};

	void
	SetUp() override
	{
		situation.policy.cancel_grace = grace;
		note_cancel(situation.tracking.escalation, noon, canceled_at);
	}
	/* The same session is asked about another limit, which it exceeds as well. */
	void
	bind_by(Limit limit, const Session &session)
	{
		situation.limit = limit;
		situation.session = session;
		situation.policy = PolicyBuilder().limit(limit, threshold).cancel_grace(grace);
	}
};

TEST_F(AfterCancel, TheSameStatementHasItsGrace)
{
	expect_wait_until(situation.decide_at(canceled_at), end_of_grace + 1);
	expect_wait_until(situation.decide_at(end_of_grace), end_of_grace + 1);
}

TEST_F(AfterCancel, TheSameStatementIsTerminatedAfterItsGrace)
{
	Decision decision = situation.decide_at(end_of_grace + 1);

	expect_due(decision, Action::Terminate);
	EXPECT_EQ(decision.verdict.since_cancel, grace + 1);
	EXPECT_EQ(decision.verdict.measured, threshold + grace + 2);
	EXPECT_EQ(decision.verdict.limit, Limit::Statement);
	EXPECT_EQ(decision.verdict.deadline, at_limit);
	EXPECT_EQ(decision.verdict.due, end_of_grace);
	EXPECT_EQ(decision.at, at_limit);
}

TEST_F(AfterCancel, IsDueWhenItsRaisedLimitIsReachedAfterTheGrace)
{
	situation.policy.limits[index_of(Limit::Statement)].value = hour;
	Decision decision = situation.decide_at(noon + hour + 1);

	expect_due(decision, Action::Terminate);
	EXPECT_EQ(decision.verdict.deadline, noon + hour);
	EXPECT_EQ(decision.verdict.due, noon + hour);
}

TEST_F(AfterCancel, MaintenanceIsTerminatedAfterTheGraceToo)
{
	bind_by(Limit::Maintenance, SessionBuilder().running(noon).maintaining(noon));
	expect_wait_until(situation.decide_at(canceled_at), end_of_grace + 1);

	Decision decision = situation.decide_at(end_of_grace + 1);
	expect_due(decision, Action::Terminate);
	EXPECT_EQ(decision.verdict.since_cancel, grace + 1);
}

TEST_F(AfterCancel, TheSameStatementIsNeverTerminatedWithoutGrace)
{
	situation.policy.cancel_grace = 0;
	expect_nothing(situation.decide_at(noon + day));
}

TEST_F(AfterCancel, EndlessGraceDoesNotOverflow)
{
	situation.policy.cancel_grace = never;
	expect_wait_until(situation.decide_at(noon + day), never);
}

TEST_F(AfterCancel, TheNextStatementIsCanceledAnew)
{
	situation.session = SessionBuilder().running(noon + second);
	Decision decision = situation.decide_at(noon + hour);

	expect_due(decision, Action::Cancel);
	EXPECT_EQ(decision.verdict.since_cancel, 0);
}

TEST_F(AfterCancel, AFunctionCallIsToldByItsStateChange)
{
	situation.session = SessionBuilder().fastpath(noon);
	expect_wait_until(situation.decide_at(canceled_at), end_of_grace + 1);

	/* Another call after the same statement. */
	situation.session = SessionBuilder().fastpath(noon + 1).query_start(noon);
	expect_due(situation.decide_at(over_limit + 1), Action::Cancel);
}

TEST_F(AfterCancel, TheSameStatementIsSparedWhileItWaitsForALock)
{
	situation.session.wait = Wait::Lock;
	expect_spared(situation.decide_at(noon + day), Spared::LockWait);
}

TEST_F(AfterCancel, AfterTheTerminationNothingIsDoneAnyMore)
{
	note_terminate(situation.tracking.escalation, end_of_grace + 1);
	expect_nothing(situation.decide_at(noon + day));
}

TEST_F(AfterCancel, AnotherLimitWaitsForTheEndOfTheGrace)
{
	bind_by(Limit::Transaction, situation.session);
	expect_wait_until(situation.decide_at(canceled_at), end_of_grace + 1);
	expect_wait_until(situation.decide_at(end_of_grace), end_of_grace + 1);

	Decision decision = situation.decide_at(end_of_grace + 1);
	expect_due(decision, Action::Terminate);
	EXPECT_EQ(decision.verdict.limit, Limit::Transaction);
	/* It is not for the cancel that the transaction is ended. */
	EXPECT_EQ(decision.verdict.since_cancel, 0);
}

TEST_F(AfterCancel, AnotherLimitDoesNotWaitForAGraceThatThereIsNot)
{
	bind_by(Limit::Transaction, situation.session);
	situation.policy.cancel_grace = 0;
	expect_due(situation.decide_at(canceled_at), Action::Terminate);
}

TEST_F(AfterCancel, WhoStoppedRunningHasNoGrace)
{
	/* Its last statement is still the one that was cancelled. */
	Session sessions[] = {
	    SessionBuilder().idle_in_transaction(noon).query_start(noon),
	    SessionBuilder().aborted(noon).query_start(noon),
	};
	for (const Session &session : sessions)
	{
		bind_by(Limit::IdleInTransactionSession, session);
		expect_due(situation.decide_at(canceled_at), Action::Terminate);
	}
}

TEST_F(AfterCancel, PausedPipelineHasNoGrace)
{
	Session session = SessionBuilder().paused(noon + second).switches(7);

	ASSERT_EQ(session.query_start, situation.tracking.escalation.statement);
	bind_by(Limit::IdleInTransactionSession, session);
	observe(situation.tracking, session, noon + second);
	expect_due(situation.decide_at(over_limit + second), Action::Terminate);
}

TEST_F(AfterCancel, ModeLogOnlyLogs)
{
	situation.policy.mode = Mode::Log;
	Decision decision = situation.decide_at(end_of_grace + 1);

	expect_due(decision, Action::Log);
	EXPECT_EQ(decision.verdict.since_cancel, 0);
}

/* ---- When to scan again, and what a new policy means. ---- */

TEST(ShortestPause, IsNoneWithoutALimit)
{
	EXPECT_EQ(shortest_pause(PolicyBuilder()), 0);
}

/* The pause that a threshold of one limit asks for by itself. */
Duration
pause_of(Limit limit, Duration value)
{
	switch (limit)
	{
		case Limit::IdleSession:
		case Limit::IdleInTransactionSession:
			return value - stillness_for(value) * 5 / 4;
		case Limit::Session:
			return value;
		default:
			return value / 2;
	}
}

TEST(ShortestPause, IsHalfTheThresholdOfWhatMayWaitAndLeavesTheIdleTimeToBeStill)
{
	EXPECT_EQ(shortest_pause(PolicyBuilder().limit(Limit::IdleSession, minute)),
	          minute - 1250 * millisecond);
	EXPECT_EQ(shortest_pause(PolicyBuilder().limit(Limit::IdleInTransactionSession, second)),
	          second - 625 * millisecond);
	EXPECT_EQ(shortest_pause(PolicyBuilder().limit(Limit::Statement, minute)), minute / 2);
	EXPECT_EQ(shortest_pause(PolicyBuilder().limit(Limit::Transaction, minute)), minute / 2);
	EXPECT_EQ(shortest_pause(PolicyBuilder().limit(Limit::Maintenance, minute)), minute / 2);
	EXPECT_EQ(shortest_pause(PolicyBuilder().limit(Limit::Session, minute)), minute);
}

TEST(ShortestPause, IsTheShortestOfAll)
{
	for (Limit shortest : all_limits)
		EXPECT_EQ(shortest_pause(PolicyBuilder().all_limits_at(hour).limit(shortest, minute)),
		          pause_of(shortest, minute));
}

TEST(ShortestPause, AHalvedStatementMayBeTheShortest)
{
	auto pause = [](Duration statement)
	{
		return shortest_pause(
		    PolicyBuilder().limit(Limit::Session, minute).limit(Limit::Statement, statement));
	};

	EXPECT_EQ(pause(2 * minute - 2), minute - 1);
	EXPECT_EQ(pause(2 * minute + 2), minute);
}

/* An episode of any limit that begins right after a scan is found by the next in time. */
TEST(ShortestPause, FindsEachEpisodeInTimeForTheLooksThatItNeeds)
{
	for (Duration value : {smallest_threshold, second, minute, day})
		for (const Session &session :
		     {Session(SessionBuilder().idle(noon).switches(7)),
		      Session(SessionBuilder().idle_in_transaction(noon).switches(7)),
		      Session(SessionBuilder().running(noon).maintaining_own_tables(noon))})
			for (Limit limit : all_limits)
			{
				Policy policy = PolicyBuilder().limit(limit, value);
				TrackingState tracking = tracking_of(session);
				Instant scan = noon + shortest_pause(policy);
				Instant now = scan;

				if (limit == Limit::Session || !episode_of(limit, session, tracking))
					continue;
				Instant deadline = episode_of(limit, session, tracking)->start + value;
				Decision decision{};
				do
				{
					Session seen = session;

					if (!wants_switches(session, tracking, policy, now, Asker::Evaluation))
						seen.switches = switches_not_read;
					observe(tracking, seen, now);
					decision = decide(limit, seen, tracking, policy, now);
					if (decision.outlook == Outlook::Wait)
						now = decision.at;
				} while (decision.outlook == Outlook::Wait);
				expect_due(decision, facts(limit).first_action);
				/* A transaction may have begun long before. */
				EXPECT_EQ(now, std::max(deadline + 1, scan)) << facts(limit).name << " " << value;
			}
}

TEST(ShortestPause, OfWhatIsStoredIsNoneWithoutALimit)
{
	RoleDatabaseSettings stored{};

	EXPECT_EQ(shortest_pause(stored), 0);
	stored.exempt = false;
	stored.cancel_grace = second;
	stored.limits.fill(0);
	EXPECT_EQ(shortest_pause(stored), 0);
}

TEST(ShortestPause, OfWhatIsStoredIsThatOfEachLimit)
{
	for (Limit limit : all_limits)
	{
		RoleDatabaseSettings stored{};

		stored.limits[index_of(limit)] = minute;
		EXPECT_EQ(shortest_pause(stored), pause_of(limit, minute));
		/* What is switched off beside it does not count. */
		for (Limit other : all_limits)
			if (other != limit)
				stored.limits[index_of(other)] = 0;
		EXPECT_EQ(shortest_pause(stored), pause_of(limit, minute));
	}
}

TEST(ShortestPause, OfWhatIsStoredIsTheShortestOfAll)
{
	for (Limit shortest : all_limits)
	{
		RoleDatabaseSettings stored{};

		stored.limits.fill(hour);
		stored.limits[index_of(shortest)] = minute;
		EXPECT_EQ(shortest_pause(stored), pause_of(shortest, minute));
	}
}

TEST(ShortestWithWaits, IsOfTheLimitsThatWaitsAreTakenOff)
{
	for (Limit limit : all_limits)
	{
		bool takes =
		    limit == Limit::Statement || limit == Limit::Transaction || limit == Limit::Maintenance;
		RoleDatabaseSettings stored{};

		stored.limits[index_of(limit)] = minute;
		EXPECT_EQ(shortest_with_waits(PolicyBuilder().limit(limit, minute)), takes ? minute : 0);
		EXPECT_EQ(shortest_with_waits(stored), takes ? minute : 0);
		/* Of several it is the shortest, whatever the others are. */
		stored.limits.fill(hour);
		stored.limits[index_of(limit)] = minute;
		EXPECT_EQ(shortest_with_waits(PolicyBuilder().all_limits_at(hour).limit(limit, minute)),
		          takes ? minute : hour);
		EXPECT_EQ(shortest_with_waits(stored), takes ? minute : hour);
	}
}

TEST(ShortestWithWaits, IsNoneWithoutALimitAndInModeOff)
{
	PolicyBuilder policy;
	RoleDatabaseSettings stored{};

	EXPECT_EQ(shortest_with_waits(policy), 0);
	EXPECT_EQ(shortest_with_waits(stored), 0);
	stored.limits.fill(0);
	EXPECT_EQ(shortest_with_waits(stored), 0);
	policy.all_limits_at(minute);
	EXPECT_EQ(shortest_with_waits(policy.mode(Mode::Log)), minute);
	EXPECT_EQ(shortest_with_waits(policy.mode(Mode::Off)), 0);
}

TEST(SamplingPause, IsShorterTheMoreHangsOnIt)
{
	EXPECT_EQ(sampling_pause(4 * second, Pace::Quiet), 2 * second);
	EXPECT_EQ(sampling_pause(4 * second, Pace::Running), second / 2);
	EXPECT_EQ(sampling_pause(4 * second, Pace::Waiting), second / 5);
	/* A wait is never evaluation for less than once a second. */
	EXPECT_EQ(sampling_pause(20 * second, Pace::Waiting), second);
	EXPECT_EQ(sampling_pause(day, Pace::Waiting), second);
	EXPECT_EQ(sampling_pause(day, Pace::Running), 3 * hour);
}

TEST(ShorterPause, TakesTheShorterOfWhatThereIs)
{
	EXPECT_EQ(shorter_pause(second, minute), second);
	EXPECT_EQ(shorter_pause(minute, second), second);
	EXPECT_EQ(shorter_pause(0, minute), minute);
	EXPECT_EQ(shorter_pause(minute, 0), minute);
	EXPECT_EQ(shorter_pause(minute, minute), minute);
	EXPECT_EQ(shorter_pause(0, 0), 0);
}

TEST(ShortestPause, IsNoneInModeOffOnly)
{
	PolicyBuilder policy;

	policy.all_limits_at(minute);
	EXPECT_EQ(shortest_pause(policy.mode(Mode::Off)), 0);
	EXPECT_EQ(shortest_pause(policy.mode(Mode::Log)), minute / 2);
}

class ComesIntoForce : public testing::TestWithParam<Limit>
{
  protected:
	Limit limit = GetParam();
	PolicyBuilder before;
	PolicyBuilder now;

	void
	SetUp() override
	{
		before.limit(limit, minute);
		now.limit(limit, minute);
	}
	bool
	comes(bool is_stored = false)
	{
		return comes_into_force(now, before, limit, is_stored);
	}
};

TEST_P(ComesIntoForce, NotIfNothingChanged)
{
	EXPECT_FALSE(comes());
}

TEST_P(ComesIntoForce, WithALowerThresholdOnly)
{
	now.limit(limit, minute - 1);
	EXPECT_TRUE(comes());
	now.limit(limit, minute + 1);
	EXPECT_FALSE(comes());
}

TEST_P(ComesIntoForce, WithALimitThatWasOff)
{
	before.limit(limit, 0);
	EXPECT_TRUE(comes());
}

TEST_P(ComesIntoForce, NotWithALimitThatIsOff)
{
	now.limit(limit, 0).exempt_superusers(false);
	EXPECT_FALSE(comes());
	before.limit(limit, 0);
	EXPECT_FALSE(comes());
}

TEST_P(ComesIntoForce, NotBecauseOfAnotherLimit)
{
	for (Limit other : all_limits)
		if (other != limit && other != Limit::Maintenance)
			now.limit(other, second);
	EXPECT_FALSE(comes());
}

TEST_P(ComesIntoForce, OfATransactionWithTheLimitThatBoundsWhatIsTakenOffIt)
{
	if (limit == Limit::Maintenance)
		return;
	now.limit(Limit::Maintenance, second);
	EXPECT_EQ(comes(), limit == Limit::Transaction);
}

TEST_P(ComesIntoForce, WhenTheModeBeginsToAct)
{
	for (Mode mode : {Mode::Off, Mode::Log})
	{
		before.mode(mode);
		EXPECT_TRUE(comes());
	}
	now.mode(Mode::Log);
	before.mode(Mode::Off);
	EXPECT_TRUE(comes());
}

TEST_P(ComesIntoForce, NotInModeOff)
{
	now.mode(Mode::Off).limit(limit, second);
	EXPECT_FALSE(comes());
}

TEST_P(ComesIntoForce, WhenSuperusersAreNoLongerExempt)
{
	now.exempt_superusers(false);
	EXPECT_TRUE(comes());
	before.exempt_superusers(false);
	EXPECT_FALSE(comes());
	now.exempt_superusers(true);
	EXPECT_FALSE(comes());
}

TEST_P(ComesIntoForce, WhenTheServerIsNoLongerExempt)
{
	before.exempt(true, Source::ConfigurationFile);
	EXPECT_TRUE(comes());
	now.exempt(true, Source::ConfigurationFile);
	EXPECT_FALSE(comes());
	before.exempt(false);
	EXPECT_FALSE(comes());
}

TEST_P(ComesIntoForce, WhenListenersAreNoLongerSparedFromIt)
{
	now.spare_listeners(false);
	EXPECT_EQ(comes(), limit == Limit::IdleSession);
	before.spare_listeners(false);
	EXPECT_FALSE(comes());
	now.spare_listeners(true);
	EXPECT_FALSE(comes());
}

TEST_P(ComesIntoForce, WhenMaintenanceIsNoLongerSparedFromIt)
{
	now.spare_maintenance(false);
	EXPECT_EQ(comes(), limit == Limit::Statement || limit == Limit::Transaction);
	before.spare_maintenance(false);
	EXPECT_FALSE(comes());
	now.spare_maintenance(true);
	EXPECT_FALSE(comes());
}

TEST_P(ComesIntoForce, IfStoredThoughOffForTheServerWhenSomebodyIsNoLongerSpared)
{
	before.limit(limit, 0).exempt_superusers(true).mode(Mode::Log);
	now.limit(limit, 0).exempt_superusers(false).mode(Mode::Log);
	EXPECT_TRUE(comes(true));
	EXPECT_FALSE(comes(false));

	before.exempt_superusers(false);
	EXPECT_FALSE(comes(true));
	now.mode(Mode::Enforce);
	EXPECT_TRUE(comes(true));
	EXPECT_FALSE(comes(false));
}

TEST_P(ComesIntoForce, NotIfStoredAndTheServerSwitchesItsOwnOff)
{
	now.limit(limit, 0);
	EXPECT_FALSE(comes(true));
	now.mode(Mode::Off);
	before.mode(Mode::Log);
	EXPECT_FALSE(comes(true));
}

TEST_P(ComesIntoForce, NotWhenLockWaitersAreNewlySpared)
{
	before.spare_lock_waiters(false);
	EXPECT_FALSE(comes());
	now.spare_lock_waiters(false);
	EXPECT_FALSE(comes());
}

TEST_P(ComesIntoForce, WhenLockWaitersAreNoLongerSparedFromIt)
{
	now.spare_lock_waiters(false);
	EXPECT_EQ(comes(), limit == Limit::IdleInTransactionSession || limit == Limit::Statement ||
	                       limit == Limit::Transaction || limit == Limit::Maintenance);
	before.spare_lock_waiters(false);
	EXPECT_FALSE(comes());
}

INSTANTIATE_TEST_SUITE_P(Policy, ComesIntoForce, testing::ValuesIn(all_limits),
                         [](const auto &test) { return std::string(facts(test.param).name); });

/* ---- How many a limit that comes into force is about. ---- */

class CensusOfIdle : public testing::Test
{
  protected:
	static constexpr Duration threshold = 5 * minute;
	static constexpr Instant at_limit = noon + threshold;

	PolicyBuilder policy = PolicyBuilder().limit(Limit::IdleSession, threshold);
	Census census{};

	void
	count(const Session &session, Instant now, Limit limit = Limit::IdleSession)
	{
		TrackingState tracking = tracking_of(session);

		count_session(census, limit, decide(limit, session, tracking, policy, now), session,
		              tracking, policy);
	}
	std::int64_t
	spared(Spared reason) const
	{
		return census.spared[static_cast<std::size_t>(reason)];
	}
	std::int64_t
	all_spared() const
	{
		return std::accumulate(census.spared.begin(), census.spared.end(), std::int64_t{0});
	}
};

TEST_F(CensusOfIdle, CountsWhoIsOverTheLimit)
{
	count(SessionBuilder().idle(noon), at_limit);
	EXPECT_EQ(census.over, 0);
	count(SessionBuilder().idle(noon), at_limit + 1);
	count(SessionBuilder().idle(noon).switches(switches_not_read), at_limit + 1);
	EXPECT_EQ(census.over, 2);
	EXPECT_EQ(all_spared(), 0);
}

TEST_F(CensusOfIdle, CountsWhoIsSparedForGoodWhateverItDoes)
{
	for (Instant now : {noon + 1, at_limit + 1})
	{
		count(SessionBuilder().idle(noon).superuser(Superuser::Yes), now);
		count(SessionBuilder().idle(noon).listening(), now);
	}
	count(SessionBuilder().running(noon).superuser(Superuser::Yes), noon + 1);
	EXPECT_EQ(spared(Spared::Superuser), 3);
	EXPECT_EQ(spared(Spared::Listener), 2);
	policy.exempt(true);
	count(SessionBuilder().idle(noon), at_limit + 1);
	EXPECT_EQ(spared(Spared::Exempt), 1);
	EXPECT_EQ(census.over, 0);
	EXPECT_EQ(all_spared(), 6);
}

TEST_F(CensusOfIdle, CountsWhoIsSparedForNowOnlyIfItIsOverTheLimit)
{
	policy.limit(Limit::Session, threshold);
	Session busy = SessionBuilder().running(noon).connected(noon);

	count(busy, at_limit, Limit::Session);
	EXPECT_EQ(all_spared(), 0);
	count(busy, at_limit + 1, Limit::Session);
	EXPECT_EQ(spared(Spared::InTransaction), 1);
	count(busy, at_limit + 1);
	EXPECT_EQ(all_spared(), 1);
	EXPECT_EQ(census.over, 0);
}

TEST_F(CensusOfIdle, CountsNobodyWhomTheLimitIsNotSetFor)
{
	policy.limit(Limit::IdleSession, 0);
	count(SessionBuilder().idle(noon).superuser(Superuser::Yes), at_limit + 1);
	policy.limit(Limit::IdleSession, threshold).mode(Mode::Off);
	count(SessionBuilder().idle(noon).superuser(Superuser::Yes), at_limit + 1);
	EXPECT_EQ(census.over, 0);
	EXPECT_EQ(all_spared(), 0);
}

} // namespace
} // namespace session_guard::test
