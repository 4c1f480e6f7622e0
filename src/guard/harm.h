/*
 * What a session does to the server, for the limits on that: how far it holds vacuum back,
 * and how much memory it uses.  Its status does not tell.
 */
#pragma once

#include "core/policy.h"
#include "core/session.h"

#include "pg/pg.h"

namespace session_guard
{

/* Note how far a session holds vacuum back, if there is a limit on that, and who else does. */
void note_horizon(Session &session, int slot, Oid database, const Policy &policy);

/* Read the memory of the session in a place. */
void read_memory(Session &session, int slot);

} // namespace session_guard
