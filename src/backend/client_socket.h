/*
 * What a session says of the socket by which it talks to its client, so that the guard can ask
 * the kernel whether the client is still there.
 */
#pragma once

namespace session_guard
{

/* Publish the socket of this session, when its client has connected. */
void publish_own_socket();

/*
 * At the end of a transaction: if dead_client_timeout was set only after the client had
 * connected, find out whether the kernel tells of the socket.
 */
void confirm_own_socket();

} // namespace session_guard
