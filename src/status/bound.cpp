/*
 * What of a session decides which policy binds it (see bound.h).
 */
#include "status/bound.h"

#include <cstring>
#include <netinet/in.h>

namespace session_guard
{

std::optional<Address>
address_of(const SockAddr &address)
{
	Address result{};

	switch (address.addr.ss_family)
	{
		case AF_INET:
			memcpy(result.bytes.data(),
			       &reinterpret_cast<const sockaddr_in &>(address.addr).sin_addr, 4);
			return result;
		case AF_INET6:
			result.is_v6 = true;
			memcpy(result.bytes.data(),
			       &reinterpret_cast<const sockaddr_in6 &>(address.addr).sin6_addr, 16);
			return result;
		default:
			return std::nullopt;
	}
}

Bound
bound_of(const BackendSnapshot &snapshot)
{
	Bound bound = bound_of(snapshot.role, snapshot.database);

	bound.taken_role = snapshot.taken_role.role;
	strlcpy(bound.application_name, snapshot.application_name, sizeof(bound.application_name));
	bound.client_address = address_of(snapshot.client_address);
	bound.slot = snapshot.backend.slot;
	bound.session = snapshot.backend.id;
	return bound;
}

Bound
bound_of(Oid role, Oid database)
{
	Bound bound{};

	bound.role = role;
	bound.database = database;
	bound.slot = -1;
	return bound;
}

} // namespace session_guard
