/*
 * The sockets of the sessions (see client_socket.h).
 */
#include "shmem/client_socket.h"

#include "pg/compat.h"

#include "shmem/shared_value.h"

namespace session_guard
{

namespace
{

struct PublishedSocket
{
	/* Whose it is: backend_start. */
	Timestamp backend_start;
	ClientSocket socket;
};
using SocketSlot = SharedValue<PublishedSocket>;

SocketSlot *slots = nullptr;

} // namespace

Size
client_sockets_size()
{
	return mul_size(sizeof(SocketSlot), static_cast<Size>(MaxBackends));
}

void
client_sockets_init(void *memory, bool found)
{
	slots = static_cast<SocketSlot *>(memory);
	if (found)
		return;
	for (int slot = 0; slot < MaxBackends; slot++)
		slots[slot].init({});
}

void
publish_socket(const ClientSocket &socket)
{
	if (slots == nullptr || MyBEEntry == nullptr || own_status_slot() < 0 ||
	    own_status_slot() >= MaxBackends)
		return;
	slots[own_status_slot()].write({.backend_start = MyStartTimestamp, .socket = socket});
}

ClientSocket
client_socket_of(int slot, Timestamp backend_start)
{
	PublishedSocket published{};

	if (slots == nullptr || !slots[slot].read(published) ||
	    published.backend_start != backend_start)
		return {};
	return published.socket;
}

} // namespace session_guard
