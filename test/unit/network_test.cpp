/*
 * Which addresses are in a network.
 */
#include "core/network.h"

#include "unit/rules.h"

#include <gtest/gtest.h>

namespace session_guard::test
{
namespace
{

/* An address of IPv6 each byte of which is another. */
constexpr Address v6{.is_v6 = true,
                     .bytes = {0x20, 0x01, 0x0d, 0xb8, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}};

Address
with_other_bit(Address address, unsigned bit)
{
	address.bytes[bit / 8] ^= static_cast<std::uint8_t>(0x80U >> bit % 8);
	return address;
}

class Bits : public testing::TestWithParam<unsigned>
{
};

/* An address is in the network of itself unless one of the leading bits is another. */
TEST_P(Bits, OnlyTheLeadingOnesCount)
{
	for (const Address &address : {v4(192, 168, 17, 201), v6})
	{
		unsigned width = address.is_v6 ? 128 : 32;

		if (GetParam() > width)
			continue;
		Network network{.address = address, .bits = static_cast<std::uint8_t>(GetParam())};
		EXPECT_TRUE(contains(network, address));
		for (unsigned bit = 0; bit < width; bit++)
		{
			EXPECT_EQ(contains(network, with_other_bit(address, bit)), bit >= GetParam()) << bit;
			/* Nor do they count of the network. */
			network.address = with_other_bit(address, bit);
			EXPECT_EQ(contains(network, address), bit >= GetParam()) << bit;
			network.address = address;
		}
	}
}

INSTANTIATE_TEST_SUITE_P(All, Bits, testing::Range(0U, 129U));

TEST(Network, HasNobodyOfTheOtherFamily)
{
	Address zero{.is_v6 = true, .bytes = {}};
	/* The same bytes. */
	Address mapped{.is_v6 = true, .bytes = {10, 1, 2, 3}};

	EXPECT_FALSE(contains(network(v4(0, 0, 0, 0), 0), zero));
	EXPECT_FALSE(contains(network(zero, 0), v4(0, 0, 0, 0)));
	EXPECT_FALSE(contains(network(v4(10, 1, 2, 3), 32), mapped));
	EXPECT_FALSE(contains(network(mapped, 32), v4(10, 1, 2, 3)));
	EXPECT_TRUE(contains(network(v4(0, 0, 0, 0), 0), v4(10, 1, 2, 3)));
	EXPECT_TRUE(contains(network(zero, 0), mapped));
}

/* What is not a network has nobody. */
TEST(Network, MoreBitsThanThereAreHaveNobody)
{
	EXPECT_FALSE(contains(network(v4(10, 1, 2, 3), 33), v4(10, 1, 2, 3)));
	EXPECT_FALSE(contains(network(v6, 129), v6));
	EXPECT_FALSE(contains(network(v6, 255), v6));
}

} // namespace
} // namespace session_guard::test
