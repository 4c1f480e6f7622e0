/*
 * What the status of a session says of it.
 */
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

TEST(PausedPipeline, IsActiveAndWaitsForItsClient)
{
	EXPECT_TRUE(is_paused_pipeline(SessionBuilder().paused(noon)));
}

TEST(PausedPipeline, IsNotACopyThatReadsItsData)
{
	EXPECT_FALSE(is_paused_pipeline(SessionBuilder().paused(noon).copying()));
}

TEST(PausedPipeline, IsNotAStatementThatRuns)
{
	for (Wait wait : {Wait::Other, Wait::Lock, Wait::SyncRep})
		EXPECT_FALSE(is_paused_pipeline(SessionBuilder().running(noon).waiting_for(wait)));
}

TEST(PausedPipeline, IsOnlyActive)
{
	for (State state : all_states)
		EXPECT_EQ(is_paused_pipeline(SessionBuilder().paused(noon).state(state)),
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

TEST(OutsideTransaction, IdleAndDisabledOnly)
{
	for (State state : all_states)
		EXPECT_EQ(is_outside_transaction(
		              SessionBuilder().idle(noon).state(state).waiting_for(Wait::ClientRead)),
		          state == State::Idle || state == State::Disabled);
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

TEST(StatementStamp, IsTheStartOfTheStatement)
{
	EXPECT_EQ(statement_stamp(SessionBuilder().running(noon)), noon);
}

TEST(StatementStamp, OfAFunctionCallIsItsStateChange)
{
	EXPECT_EQ(statement_stamp(SessionBuilder().fastpath(noon)), noon);
}

} // namespace
} // namespace session_guard::test
