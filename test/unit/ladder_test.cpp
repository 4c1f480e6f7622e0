/*
 * The steps of an action, and for whom they count.
 */
#include "core/ladder.h"

#include "unit/builders.h"

#include <gtest/gtest.h>

namespace session_guard::test
{
namespace
{

constexpr Timestamp statement = noon - hour;

TEST(Ladder, HoldsNobodyOnTheGround)
{
	Ladder ladder{};

	EXPECT_FALSE(is_climbing(ladder, statement));
	EXPECT_FALSE(is_climbing(ladder, unknown_time));
}

TEST(Ladder, OnTheGroundIgnoresAStatementOfOld)
{
	Ladder ladder{.rung = Rung::Ground, .statement = statement, .at = noon};

	EXPECT_FALSE(is_climbing(ladder, statement));
}

TEST(Ladder, HoldsTheVeryStatementThatWasCanceled)
{
	Ladder ladder{};

	note_cancel(ladder, statement, noon);
	EXPECT_TRUE(is_climbing(ladder, statement));
	EXPECT_FALSE(is_climbing(ladder, statement + 1));
	EXPECT_FALSE(is_climbing(ladder, statement - 1));
}

TEST(Ladder, DoesNotHoldWhoRunsNothingAfterACancel)
{
	Ladder ladder{};

	note_cancel(ladder, unknown_time, noon);
	EXPECT_FALSE(is_climbing(ladder, unknown_time));
}

TEST(Ladder, HoldsATerminatedSessionWhateverItDoes)
{
	Ladder ladder{};

	note_terminate(ladder, noon);
	EXPECT_TRUE(is_climbing(ladder, statement));
	EXPECT_TRUE(is_climbing(ladder, unknown_time));
}

TEST(Ladder, NotesTheCancel)
{
	Ladder ladder{};

	note_cancel(ladder, statement, noon);
	EXPECT_EQ(ladder.rung, Rung::Canceled);
	EXPECT_EQ(ladder.statement, statement);
	EXPECT_EQ(ladder.at, noon);
}

TEST(Ladder, NotesTheTermination)
{
	Ladder ladder{};

	note_cancel(ladder, statement, noon);
	note_terminate(ladder, noon + second);
	EXPECT_EQ(ladder.rung, Rung::Terminated);
	EXPECT_EQ(ladder.statement, statement);
	EXPECT_EQ(ladder.at, noon + second);
}

TEST(Ladder, CancelOfALaterStatementTakesThePlaceOfTheFirst)
{
	Ladder ladder{};

	note_cancel(ladder, statement, noon);
	note_cancel(ladder, statement + minute, noon + minute);
	EXPECT_FALSE(is_climbing(ladder, statement));
	EXPECT_TRUE(is_climbing(ladder, statement + minute));
	EXPECT_EQ(ladder.at, noon + minute);
}

TEST(Ladder, NoRungHoldsNobody)
{
	Ladder ladder{.rung = static_cast<Rung>(99), .statement = statement, .at = noon};

	EXPECT_FALSE(is_climbing(ladder, statement));
}

} // namespace
} // namespace session_guard::test
