/*
 * Whether the client of a session is still connected (see peer.h).
 */
#include "status/peer.h"

#include "shmem/client_socket.h"

#include "status/socket_state.h"

namespace session_guard
{

PeerReading
read_peer(const Session &session, int slot, const TrackedPeer &known)
{
	ClientSocket socket = client_socket_of(slot, session.id.backend_start);
	std::optional<SocketAnswer> answer = ask_for_socket(socket);

	return {.peer = peer_by(socket, answer, socket.was_found || known.was_found),
	        .is_found = is_found(socket, answer)};
}

} // namespace session_guard
