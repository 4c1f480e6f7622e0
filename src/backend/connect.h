/*
 * What every client backend does when its client connects.
 *
 * There are two moments.  The first comes right after authentication: nothing is known but
 * what the client has sent, no catalog can be read without a wait that the client would not
 * have had, and the authentication timeout runs; but the server has not checked yet whether
 * slots are left.  The second comes at the end of the transaction in which the server starts
 * the session up (postinit.c, InitPostgres()): database, role and settings are known, and the
 * client has not been told yet that it may send commands.
 */
#pragma once

#include "pg/pg.h"

namespace session_guard
{

/* For ClientAuthentication_hook, of a client that the server takes for who it says it is. */
void note_authenticated(Port &port);

/*
 * At the begin of the commit of a transaction: if it is the one that starts a client's session
 * up, see to what depends on database and role.  May refuse the client, by a FATAL.
 */
void note_start_of_session();

} // namespace session_guard
