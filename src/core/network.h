/*
 * Addresses of clients, and networks of them.
 */
#pragma once

#include <array>
#include <cstdint>
#include <type_traits>

namespace session_guard
{

struct Address
{
	bool is_v6;
	/* In the order of the network; of IPv4 the first four. */
	std::array<std::uint8_t, 16> bytes;

	friend bool operator==(const Address &, const Address &) = default;
};

struct Network
{
	Address address;
	/* How many of its leading bits count. */
	std::uint8_t bits;
};
static_assert(std::is_trivially_destructible_v<Network>);

/* Is an address in a network?  Never in one of the other family. */
bool contains(const Network &network, const Address &address);

} // namespace session_guard
