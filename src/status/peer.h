/*
 * Whether the client of a session is still connected, by the socket that the session has
 * published.
 */
#pragma once

#include "core/peer.h"

namespace session_guard
{

struct PeerReading
{
	Peer peer;
	/* The kernel has found the socket. */
	bool is_found;
};

/* Ask the kernel about the session in a place.  Raises no error. */
PeerReading read_peer(const Session &session, int slot, const TrackedPeer &known);

} // namespace session_guard
