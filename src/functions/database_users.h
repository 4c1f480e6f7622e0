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
 * replication slots.  The caller's own session is not named.
 */
void warn_of_database_users(Oid database, const Targets &targets, const Connecting &connecting);

} // namespace session_guard
