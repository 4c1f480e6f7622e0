/*
 * Room for new connections, as a newcomer sees it: it tells the guard if too few are left, and
 * waits for a moment if none is.
 */
#pragma once

#include "pg/pg.h"

namespace session_guard
{

/*
 * Right after authentication: if no connection is left for this role, so that the server would
 * refuse it next, wait until there is one, but not for long, and not if the guard cannot help.
 * Whether the server lets it in then is the server's own business.
 */
void await_room(const Port &port);

/* At the end of the startup: tell the guard if fewer connections are left than there are to be. */
void note_room_taken();

} // namespace session_guard
