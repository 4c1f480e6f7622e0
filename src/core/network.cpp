/*
 * Addresses of clients, and networks of them (see network.h).
 */
#include "core/network.h"

#include <algorithm>

namespace session_guard
{

bool
contains(const Network &network, const Address &address)
{
	unsigned width = network.address.is_v6 ? 128 : 32;
	std::size_t whole = network.bits / 8U;
	unsigned rest = network.bits % 8U;

	if (network.address.is_v6 != address.is_v6 || network.bits > width)
		return false;
	if (!std::equal(address.bytes.data(), address.bytes.data() + whole,
	                network.address.bytes.data()))
		return false;
	return rest == 0 || ((address.bytes[whole] ^ network.address.bytes[whole]) >> (8 - rest)) == 0;
}

} // namespace session_guard
