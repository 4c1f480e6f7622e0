/*
 * Asking the kernel for the state of one socket, by its sock_diag interface (Linux).
 */
#pragma once

#include "core/peer.h"

namespace session_guard
{

/*
 * Ask for a socket of this host and network namespace: one of TCP by the addresses of its two
 * ends, a Unix-domain socket by its inode.
 *
 * No privilege is needed, and the kernel answers while the question is sent, so nothing waits.
 * There is no answer where there is no such interface, or its use is forbidden to the server.
 * Raises no error and allocates nothing.
 */
SocketAnswer ask_for_socket(const ClientSocket &socket);

} // namespace session_guard
