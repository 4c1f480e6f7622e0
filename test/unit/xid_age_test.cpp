/*
 * The age of a transaction, also where IDs have come round meanwhile.
 */
#include "core/xid_age.h"

#include <gtest/gtest.h>

namespace session_guard::test
{
namespace
{

constexpr std::uint32_t last_xid = 0xFFFFFFFF;

TEST(XidAge, CountsTheTransactionsSince)
{
	EXPECT_EQ(xid_age(1000, 1000), 0);
	EXPECT_EQ(xid_age(999, 1000), 1);
	EXPECT_EQ(xid_age(first_normal_xid, 1000), 997);
}

TEST(XidAge, IsNoneForAnIdThatIsNoTransactionsOwn)
{
	for (std::uint32_t xid = 0; xid < first_normal_xid; xid++)
		EXPECT_EQ(xid_age(xid, 1000), std::nullopt);
}

TEST(XidAge, GoesOnWhereIdsComeRound)
{
	EXPECT_EQ(xid_age(last_xid, first_normal_xid), 4);
	EXPECT_EQ(xid_age(last_xid - 9, 90), 100);
	EXPECT_EQ(xid_age(0x80000004, first_normal_xid), 0x7FFFFFFF);
}

TEST(XidAge, IsZeroForOneThatWasGivenOutSince)
{
	EXPECT_EQ(xid_age(1001, 1000), 0);
	EXPECT_EQ(xid_age(first_normal_xid, last_xid), 0);
}

TEST(OlderXidAge, IsThatOfTheOlderOne)
{
	EXPECT_EQ(older_xid_age(900, 800, 1000), 200);
	EXPECT_EQ(older_xid_age(800, 900, 1000), 200);
	EXPECT_EQ(older_xid_age(5, last_xid, 10), 11);
}

TEST(OlderXidAge, IsThatOfTheOneThatIsThere)
{
	EXPECT_EQ(older_xid_age(0, 900, 1000), 100);
	EXPECT_EQ(older_xid_age(1000, 0, 1000), 0);
	EXPECT_EQ(older_xid_age(0, 2, 1000), std::nullopt);
}

} // namespace
} // namespace session_guard::test
