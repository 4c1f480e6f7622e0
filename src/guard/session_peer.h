/*
 * Whether the client of a session is there, for the limit on those whose client is gone.
 */
#pragma once

#include "core/session.h"

namespace session_guard
{

/* Ask about the client of the session in a place, which was observed. */
void read_session_peer(Session &session, int slot, Instant now);

} // namespace session_guard
