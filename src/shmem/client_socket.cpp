/*
 * The sockets of the sessions (see client_socket.h).
 */
#include "shmem/client_socket.h"

#include "shmem/session_values.h"

namespace session_guard
{

namespace
{

SessionValues<ClientSocket> values;

} // namespace

Size
client_sockets_size()
{
	return values.size();
}

void
client_sockets_init(void *memory, bool found)
{
	values.init(memory, found);
}

void
publish_socket(const ClientSocket &socket)
{
	values.publish(socket);
}

ClientSocket
client_socket_of(int slot, Timestamp backend_start)
{
	ClientSocket socket;

	return values.read(slot, backend_start, socket) ? socket : ClientSocket{};
}

} // namespace session_guard
