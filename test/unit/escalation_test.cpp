/*
 * The steps of an action, and for whom they count.
 */
#include "core/escalation.h"

#include "unit/builders.h"

#include <gtest/gtest.h>

namespace session_guard::test
{
namespace
{

constexpr Timestamp statement = noon - hour;

TEST(Escalation, HoldsNobodyOnTheGround)
{
	Escalation escalation{};

	EXPECT_FALSE(is_escalating(escalation, statement));
	EXPECT_FALSE(is_escalating(escalation, unknown_time));
}

TEST(Escalation, WithoutAStepIgnoresAnOldStatement)
{
	Escalation escalation{.step = EscalationStep::None,
	                      .statement = statement,
	                      .limit = Limit::Statement,
	                      .harm = statement,
	                      .at = noon};

	EXPECT_FALSE(is_escalating(escalation, statement));
}

TEST(Escalation, HoldsTheVeryStatementThatWasCanceled)
{
	Escalation escalation{};

	note_cancel(escalation, statement, Limit::Statement, statement, noon);
	EXPECT_TRUE(is_escalating(escalation, statement));
	EXPECT_FALSE(is_escalating(escalation, statement + 1));
	EXPECT_FALSE(is_escalating(escalation, statement - 1));
}

TEST(Escalation, DoesNotHoldWhoRunsNothingAfterACancel)
{
	Escalation escalation{};

	note_cancel(escalation, unknown_time, Limit::Statement, unknown_time, noon);
	EXPECT_FALSE(is_escalating(escalation, unknown_time));
}

TEST(Escalation, HoldsATerminatedSessionWhateverItDoes)
{
	Escalation escalation{};

	note_terminate(escalation, noon);
	EXPECT_TRUE(is_escalating(escalation, statement));
	EXPECT_TRUE(is_escalating(escalation, unknown_time));
}

TEST(Escalation, NotesTheCancel)
{
	Escalation escalation{};

	note_cancel(escalation, statement, Limit::Statement, statement, noon);
	EXPECT_EQ(escalation.step, EscalationStep::Canceled);
	EXPECT_EQ(escalation.statement, statement);
	EXPECT_EQ(escalation.at, noon);
}

TEST(Escalation, NotesTheTermination)
{
	Escalation escalation{};

	note_cancel(escalation, statement, Limit::Statement, statement, noon);
	note_terminate(escalation, noon + second);
	EXPECT_EQ(escalation.step, EscalationStep::Terminated);
	EXPECT_EQ(escalation.statement, statement);
	EXPECT_EQ(escalation.at, noon + second);
}

TEST(Escalation, CancelOfALaterStatementTakesThePlaceOfTheFirst)
{
	Escalation escalation{};

	note_cancel(escalation, statement, Limit::Statement, statement, noon);
	note_cancel(escalation, statement + minute, Limit::Statement, statement + minute,
	            noon + minute);
	EXPECT_FALSE(is_escalating(escalation, statement));
	EXPECT_TRUE(is_escalating(escalation, statement + minute));
	EXPECT_EQ(escalation.at, noon + minute);
}

TEST(Escalation, NoStepHoldsNoSession)
{
	Escalation escalation{.step = static_cast<EscalationStep>(99),
	                      .statement = statement,
	                      .limit = Limit::Statement,
	                      .harm = statement,
	                      .at = noon};

	EXPECT_FALSE(is_escalating(escalation, statement));
}

} // namespace
} // namespace session_guard::test
