/*
 * The socket by which each session talks to its client, as the session knows it: what the
 * kernel can be asked by whether the client is still there.
 */
#pragma once

#include "core/peer.h"

#include "pg/pg.h"

namespace session_guard
{

Size client_sockets_size();
void client_sockets_init(void *memory, bool found);

/* Say what the socket of this session is.  Cannot fail; nothing happens without shared memory. */
void publish_socket(const ClientSocket &socket);

/* The socket of the session in a place that has this start; of an unknown kind if it has none. */
ClientSocket client_socket_of(int slot, Timestamp backend_start);

} // namespace session_guard
