/*
 * Asking the kernel for the state of one socket, by its sock_diag interface (Linux).
 */
#pragma once

#include "core/peer.h"

#include <optional>

namespace session_guard
{

/*
 * Ask for a socket of this host and network namespace: one of TCP by the addresses of its two
 * ends, a Unix-domain socket by its inode.  Where there is no such connection of TCP, the answer
 * is about the socket that listens at its local address.
 *
 * No privilege is needed, and the kernel answers while the question is sent, so nothing waits.
 * There is no answer if it finds none, if it has no such interface, or if the server is not
 * allowed to use that.  Raises no error and allocates nothing.
 */
std::optional<SocketAnswer> ask_for_socket(const ClientSocket &socket);

} // namespace session_guard
