/*
 * When a client connects (see connect.h).
 */
#include "backend/connect.h"

#include "backend/closed.h"

namespace session_guard
{

void
note_authenticated(Port &)
{
}

void
note_start_of_session()
{
	/* The mode is left when the server is ready for the first command (postgres.c). */
	if (IsNormalProcessingMode() || MyProcPort == nullptr)
		return;
	refuse_if_closed();
}

} // namespace session_guard
