/*
 * Whether the other end of a connection is still there (see peer.h).
 */
#include "core/peer.h"

#include "core/episode.h"
#include "core/spared.h"

#include <algorithm>

namespace session_guard
{

namespace
{

/* The kernel's tcp_states.h. */
constexpr std::uint8_t tcp_established = 1;
constexpr std::uint8_t tcp_close_wait = 8;

/* The other end of a connection that is found. */
Peer
peer_of_unix_socket(const SocketAnswer &answer)
{
	if (!answer.peer_inode)
		return Peer::Unreadable;
	return *answer.peer_inode != 0 ? Peer::There : Peer::Gone;
}

Peer
peer_of_tcp_socket(const SocketAnswer &answer)
{
	switch (answer.state)
	{
		case tcp_established:
			return Peer::There;
		case tcp_close_wait:
			return Peer::Gone;
		default:
			return Peer::Unreadable;
	}
}

} // namespace

bool
is_found(const ClientSocket &socket, const std::optional<SocketAnswer> &answer)
{
	return answer && answer->inode == socket.inode;
}

Peer
peer_by(const ClientSocket &socket, const std::optional<SocketAnswer> &answer, bool was_found)
{
	if (socket.kind == SocketKind::Unknown || !answer)
		return Peer::Unreadable;
	if (is_found(socket, answer))
		return socket.kind == SocketKind::Unix ? peer_of_unix_socket(*answer)
		                                       : peer_of_tcp_socket(*answer);
	/* A Unix-domain socket is there as long as its session. */
	return was_found && socket.kind != SocketKind::Unix ? Peer::Gone : Peer::Unreadable;
}

Instant
next_peer_reading(const TrackedPeer &known, Duration threshold, Instant now)
{
	constexpr Duration shortest = second;
	constexpr Duration longest = 10 * second;
	Duration pause = std::clamp(threshold, shortest, longest);

	if (known.read_at == unknown_time)
		return now;
	return (known.read_at / pause + 1) * pause;
}

bool
wants_peer(const Session &session, const TrackingState &tracking, const Policy &policy, Instant now)
{
	std::optional<Episode> episode = episode_of(Limit::DeadClient, session, tracking);

	return is_set(policy, Limit::DeadClient) && episode &&
	       now > later(episode->start, threshold_of(policy.limits, Limit::DeadClient).value) &&
	       spared_from(Limit::DeadClient, session, tracking, policy) == Spared::No;
}

} // namespace session_guard
