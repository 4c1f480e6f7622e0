/*
 * Adding durations without overflow.
 */
#include "unit/builders.h"

#include <gtest/gtest.h>

namespace session_guard::test
{
namespace
{

TEST(Later, AddsTheDuration)
{
	EXPECT_EQ(later(noon, 0), noon);
	EXPECT_EQ(later(noon, second), noon + second);
}

TEST(Later, ReachesNeverExactly)
{
	EXPECT_EQ(later(never - 2, 1), never - 1);
	EXPECT_EQ(later(never - 1, 1), never);
	EXPECT_EQ(later(1, never - 1), never);
}

TEST(Later, StopsAtNeverInsteadOfOverflowing)
{
	EXPECT_EQ(later(never, 1), never);
	EXPECT_EQ(later(noon, never), never);
	EXPECT_EQ(later(never, never), never);
}

TEST(Later, TakesMomentsFromBeforeTheBeginning)
{
	EXPECT_EQ(later(-second, 3 * second), 2 * second);
}

} // namespace
} // namespace session_guard::test
