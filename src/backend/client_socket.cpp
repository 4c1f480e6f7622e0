/*
 * What a session says of its socket (see client_socket.h).
 */
#include "backend/client_socket.h"

#include "pg/pg.h"

#include "settings/settings.h"

#include "shmem/client_socket.h"

#include "status/socket_state.h"

#include <netinet/in.h>
#include <sys/stat.h>

namespace session_guard
{

namespace
{

ClientSocket own{};
/* It is published, and the kernel has not been asked about it. */
bool is_to_be_confirmed = false;

SocketAddress
address_of(const sockaddr_in &address)
{
	SocketAddress copy{};

	memcpy(copy.address.data(), &address.sin_addr, sizeof(address.sin_addr));
	copy.port = address.sin_port;
	return copy;
}

SocketAddress
address_of(const sockaddr_in6 &address)
{
	SocketAddress copy{};

	memcpy(copy.address.data(), &address.sin6_addr, sizeof(address.sin6_addr));
	copy.port = address.sin6_port;
	return copy;
}

void
note_addresses(const SockAddr &local, const SockAddr &remote)
{
	switch (local.addr.ss_family)
	{
		case AF_UNIX:
			own.kind = SocketKind::Unix;
			return;
		case AF_INET:
			own.kind = SocketKind::Ipv4;
			own.local = address_of(reinterpret_cast<const sockaddr_in &>(local.addr));
			own.remote = address_of(reinterpret_cast<const sockaddr_in &>(remote.addr));
			return;
		case AF_INET6:
			own.kind = SocketKind::Ipv6;
			own.local = address_of(reinterpret_cast<const sockaddr_in6 &>(local.addr));
			own.remote = address_of(reinterpret_cast<const sockaddr_in6 &>(remote.addr));
			own.interface = reinterpret_cast<const sockaddr_in6 &>(remote.addr).sin6_scope_id;
			return;
		default:
			return;
	}
}

} // namespace

void
publish_own_socket()
{
	struct stat status;

	if (MyProcPort == nullptr || fstat(MyProcPort->sock, &status) != 0)
		return;
	own.inode = static_cast<std::uint32_t>(status.st_ino);
	note_addresses(MyProcPort->laddr, MyProcPort->raddr);
	publish_socket(own);
	is_to_be_confirmed = own.kind != SocketKind::Unknown;
	confirm_own_socket();
}

void
confirm_own_socket()
{
	if (!is_to_be_confirmed || dead_client_timeout() == 0)
		return;
	is_to_be_confirmed = false;
	own.was_found = is_found(own, ask_for_socket(own));
	if (own.was_found)
		publish_socket(own);
}

} // namespace session_guard
