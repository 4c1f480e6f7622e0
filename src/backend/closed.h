/*
 * The refusal of connections to what is closed.
 */
#pragma once

namespace session_guard
{

/*
 * At the start of a session: refuse the client, by a FATAL, if its database or role is closed
 * (shmem/closings.h), or its settings say pg_session_guard.accept_connections = off.  Superusers
 * and members of pg_session_guard.closed_bypass_role enter all the same.  A physical replication
 * connection has no database, and is never refused.
 */
void refuse_if_closed();

} // namespace session_guard
