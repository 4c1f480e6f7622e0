/*
 * Whether the server is being shut down, and whether sessions are left then.
 */
#pragma once

#include "core/time.h"

namespace session_guard
{

/*
 * Is the server in a smart or fast shutdown?  Its processes are only told to end,
 * as they are by pg_terminate_backend(); but the postmaster says so in its lock
 * file, where pg_ctl reads it.  False if that cannot be read.
 */
bool server_is_stopping();

/*
 * Is a process left that could call a function or send a signal: a client or the
 * guard?  Other workers count for a short while only, since they could be waiting
 * for this process as it does for them.
 */
bool others_may_act(Duration waited);

} // namespace session_guard
