/*
 * Whether the other end of a session's connection is still there, by what the kernel
 * tells of the session's socket.
 */
#pragma once

#include "core/policy.h"
#include "core/session.h"
#include "core/time.h"
#include "core/tracking_state.h"

#include <array>
#include <cstdint>
#include <optional>
#include <type_traits>

namespace session_guard
{

/* What to ask the kernel by. */
enum class SocketKind : std::uint8_t
{
	/* Nothing is known of the socket. */
	Unknown,
	Unix,
	Ipv4,
	/* Also with IPv4 addresses in it (::ffff:192.0.2.1). */
	Ipv6,
};

/* One end of a TCP connection, as it is sent: in network byte order. */
struct SocketAddress
{
	std::array<std::uint8_t, 16> address;
	std::uint16_t port;
};

/* The server's end of a session's connection. */
struct ClientSocket
{
	SocketKind kind;
	/* The kernel has found it, when it was asked by the session itself. */
	bool was_found;
	std::uint32_t inode;
	/* Of a TCP connection; the interface is that of a link-local address, otherwise 0. */
	SocketAddress local;
	SocketAddress remote;
	std::uint32_t interface;
};
static_assert(std::is_trivially_copyable_v<ClientSocket>);

/* A socket of which the kernel tells when it is asked for one. */
struct SocketAnswer
{
	/* Its state (tcp_states.h of the kernel). */
	std::uint8_t state;
	std::uint32_t inode;
	/* Of a Unix-domain socket: the inode of the other end, 0 if that is closed. */
	std::optional<std::uint32_t> peer_inode;
};

/* Is that the socket that was asked for?  No answer is none. */
bool is_found(const ClientSocket &socket, const std::optional<SocketAnswer> &answer);

/*
 * Whether the peer of a socket is there.
 *
 * A TCP connection that was reset is not found any more: the kernel then tells of the socket
 * that listens at its port, or of a later connection with the same addresses.  That counts only
 * if it was found before by the same question.  If the kernel tells of none, it may lack what
 * answers such questions.
 */
Peer peer_by(const ClientSocket &socket, const std::optional<SocketAnswer> &answer, bool was_found);

/*
 * When to ask again.  All sessions are asked at the same moments, so that the guard wakes up
 * once for them all.
 */
Instant next_peer_reading(const TrackedPeer &known, Duration threshold, Instant now);

/* Does it matter now whether the client of a session is there?  After observe(). */
bool wants_peer(const Session &session, const TrackingState &tracking, const Policy &policy,
                Instant now);

} // namespace session_guard
