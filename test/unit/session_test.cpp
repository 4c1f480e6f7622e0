/*
 * What the status of a session says of it.
 */
#include "core/session.h"

#include "unit/builders.h"

#include <gtest/gtest.h>

namespace session_guard::test
{
namespace
{

constexpr State all_states[] = {
    State::Unknown,  State::Starting,          State::Idle,     State::Active,
    State::Fastpath, State::IdleInTransaction, State::Disabled, State::IdleInTransactionAborted,
};

TEST(SessionId, IsPidAndBackendStart)
{
	SessionId id{.pid = 1, .backend_start = noon};

	EXPECT_EQ(id, (SessionId{.pid = 1, .backend_start = noon}));
	EXPECT_NE(id, (SessionId{.pid = 2, .backend_start = noon}));
	EXPECT_NE(id, (SessionId{.pid = 1, .backend_start = noon + 1}));
}

TEST(WaitsForLock, OwnWaitOrAWorkers)
{
	EXPECT_TRUE(waits_for_lock(SessionBuilder().running(noon).waiting_for(Wait::Lock)));
	EXPECT_TRUE(waits_for_lock(SessionBuilder().running(noon).worker_waiting_for_lock()));
}

TEST(WaitsForLock, NotAnyOtherWait)
{
	for (Wait wait : {Wait::Other, Wait::SyncRep, Wait::ClientRead})
		EXPECT_FALSE(waits_for_lock(SessionBuilder().running(noon).waiting_for(wait)));
}

TEST(AwaitsMessage, IsActiveAndWaitsForItsClient)
{
	EXPECT_TRUE(awaits_message(SessionBuilder().paused(noon)));
}

TEST(AwaitsMessage, IsNotACopyThatReadsItsData)
{
	EXPECT_FALSE(awaits_message(SessionBuilder().paused(noon).copying()));
}

TEST(AwaitsMessage, IsNotAStatementThatRuns)
{
	for (Wait wait : {Wait::Other, Wait::Lock, Wait::SyncRep})
		EXPECT_FALSE(awaits_message(SessionBuilder().running(noon).waiting_for(wait)));
}

TEST(AwaitsMessage, IsOnlyActive)
{
	for (State state : all_states)
		EXPECT_EQ(awaits_message(SessionBuilder().paused(noon).state(state)),
		          state == State::Active);
}

TEST(Running, ActiveAndFastpathOnly)
{
	for (State state : all_states)
		EXPECT_EQ(is_running(SessionBuilder().running(noon).state(state)),
		          state == State::Active || state == State::Fastpath);
}

TEST(Running, NotAPausedPipeline)
{
	EXPECT_FALSE(is_running(SessionBuilder().paused(noon)));
}

TEST(Running, ACopyThatWaitsForItsData)
{
	EXPECT_TRUE(is_running(SessionBuilder().paused(noon).copying()));
}

TEST(Running, AFunctionCallThatReadsItsArguments)
{
	EXPECT_TRUE(is_running(SessionBuilder().fastpath(noon).waiting_for(Wait::ClientRead)));
}

TEST(OutsideTransaction, WhoAwaitsACommandOnly)
{
	for (State state : all_states)
		for (Wait wait : {Wait::Other, Wait::Lock, Wait::ClientRead})
		{
			bool awaits_command =
			    state == State::Idle ||
			    (wait == Wait::ClientRead && (state == State::Disabled || state == State::Active));

			EXPECT_EQ(
			    is_outside_transaction(SessionBuilder().idle(noon).state(state).waiting_for(wait)),
			    awaits_command);
		}
}

TEST(OutsideTransaction, APausedPipelineThatHasNone)
{
	EXPECT_TRUE(
	    is_outside_transaction(SessionBuilder().paused(noon).transaction_since(unknown_time)));
	EXPECT_FALSE(is_outside_transaction(SessionBuilder().paused(noon)));
	EXPECT_FALSE(is_outside_transaction(SessionBuilder().paused(noon).with_transaction_id(0)));
	EXPECT_FALSE(is_outside_transaction(
	    SessionBuilder().paused(noon).transaction_since(unknown_time).with_transaction_id()));
	EXPECT_FALSE(is_outside_transaction(
	    SessionBuilder().paused(noon).transaction_since(unknown_time).copying()));
	EXPECT_FALSE(
	    is_outside_transaction(SessionBuilder().running(noon).transaction_since(unknown_time)));
}

TEST(OutsideTransaction, UntrackedOnlyWhileItWaitsForACommand)
{
	EXPECT_FALSE(is_outside_transaction(SessionBuilder().disabled().waiting_for(Wait::Other)));
}

TEST(OutsideTransaction, NotWithATransactionStart)
{
	EXPECT_FALSE(is_outside_transaction(SessionBuilder().idle(noon).transaction_since(noon)));
}

TEST(OutsideTransaction, NotWithATransactionId)
{
	EXPECT_FALSE(is_outside_transaction(SessionBuilder().idle(noon).with_transaction_id()));
	EXPECT_FALSE(is_outside_transaction(SessionBuilder().disabled().with_transaction_id()));
}

TEST(IdleWithTransaction, IsIdleAndHasAnId)
{
	for (State state : all_states)
		EXPECT_EQ(is_idle_with_transaction(
		              SessionBuilder().idle(noon).with_transaction_id().state(state)),
		          state == State::Idle);
	EXPECT_FALSE(is_idle_with_transaction(SessionBuilder().idle(noon)));
	EXPECT_FALSE(is_idle_with_transaction(
	    SessionBuilder().idle(noon).transaction_since(noon).with_transaction_id(0)));
}

TEST(SparedMaintenance, IsNotThatOfTablesOfItsOwn)
{
	EXPECT_TRUE(runs_spared_maintenance(SessionBuilder().running(noon).maintaining(noon)));
	EXPECT_FALSE(
	    runs_spared_maintenance(SessionBuilder().running(noon).maintaining_own_tables(noon)));
	EXPECT_FALSE(
	    runs_spared_maintenance(SessionBuilder().running(noon).maintained(noon, hour, hour, hour)));
}

TEST(StatementStart, IsWhenItsStampWasMade)
{
	Session running = SessionBuilder().running(noon);
	Session call = SessionBuilder().fastpath(noon);

	running.times.query_start = call.times.state_change = noon - day;
	EXPECT_EQ(statement_start(running), noon - day);
	EXPECT_EQ(statement_start(call), noon - day);
}

TEST(RunningStatement, IsNoneOfWhoRunsNothing)
{
	EXPECT_EQ(running_statement(SessionBuilder().running(noon)), noon);
	EXPECT_EQ(running_statement(SessionBuilder().fastpath(noon)), noon);
	EXPECT_EQ(running_statement(SessionBuilder().paused(noon)), unknown_time);
	EXPECT_EQ(running_statement(SessionBuilder().idle(noon)), unknown_time);
	EXPECT_EQ(running_statement(SessionBuilder().idle_in_transaction(noon)), unknown_time);
}

TEST(StatementStamp, IsTheStartOfTheStatement)
{
	EXPECT_EQ(statement_stamp(SessionBuilder().running(noon)), noon);
}

TEST(StatementStamp, OfAFunctionCallIsItsStateChange)
{
	EXPECT_EQ(statement_stamp(SessionBuilder().fastpath(noon)), noon);
}

TEST(MaintenanceCommandNames, AreThoseOfTheCommands)
{
	EXPECT_EQ(name_of(MaintenanceCommand::None), "maintenance command");
	EXPECT_EQ(name_of(MaintenanceCommand::Vacuum), "VACUUM");
	EXPECT_EQ(name_of(MaintenanceCommand::Analyze), "ANALYZE");
	EXPECT_EQ(name_of(MaintenanceCommand::CreateIndex), "CREATE INDEX");
	EXPECT_EQ(name_of(MaintenanceCommand::Reindex), "REINDEX");
	EXPECT_EQ(name_of(MaintenanceCommand::Cluster), "CLUSTER");
	EXPECT_EQ(name_of(MaintenanceCommand::Repack), "REPACK");
	EXPECT_EQ(name_of(MaintenanceCommand::RefreshMaterializedView), "REFRESH MATERIALIZED VIEW");
	EXPECT_EQ(name_of(MaintenanceCommand::AlterTable), "ALTER TABLE");
}

} // namespace
} // namespace session_guard::test
