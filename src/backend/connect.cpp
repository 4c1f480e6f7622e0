/*
 * When a client connects (see connect.h).
 */
#include "backend/connect.h"

#include "backend/client_socket.h"
#include "backend/closed.h"
#include "backend/headroom.h"
#include "backend/keepalive.h"

namespace session_guard
{

void
note_authenticated(Port &port)
{
	await_room(port);
}

void
note_start_of_session()
{
	/* The mode is left when the server is ready for the first command (postgres.c). */
	if (IsNormalProcessingMode() || MyProcPort == nullptr)
		return;
	refuse_if_closed();
	publish_own_socket();
	set_own_keepalive();
	note_room_taken();
}

} // namespace session_guard
