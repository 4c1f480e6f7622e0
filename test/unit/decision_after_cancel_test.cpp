/*
 * The escalation: a statement that was canceled at its limit.
 */
#include "core/decision.h"

#include "unit/situation.h"

#include <gtest/gtest.h>

namespace session_guard::test
{
namespace
{

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
		note_cancel(situation.tracking.escalation, noon, situation.limit, noon, canceled_at);
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
	/* Its last statement is still the one that was canceled. */
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

} // namespace
} // namespace session_guard::test
