/*
 * What keeps a database in use.
 */
#pragma once

#include "functions/connecting.h"
#include "functions/request.h"

namespace session_guard
{

/*
 * Give a WARNING that names what still uses a database after a request was to
 * empty it: its sessions, walsenders, workers, prepared transactions and
 * replication slots.  The caller's own session is not named.  While the database is closed,
 * neither are sessions that have not come to their first command, which may yet be refused.
 *
 * True if the database can neither be dropped nor renamed for it; a slot alone does not keep it.
 */
bool warn_of_database_users(Oid database, const Targets &targets, const Connecting &connecting,
                            bool is_closed);

} // namespace session_guard
