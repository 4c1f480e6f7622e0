/*
 * How much memory a session uses, for the limits on that.  Its status does not tell.
 */
#pragma once

#include "core/session.h"

#include "pg/pg.h"

namespace session_guard
{

/* Read the memory of the session in a place. */
void read_memory(Session &session, int slot);

} // namespace session_guard
