/*
 * What the catalogs say of roles and databases, without ever waiting for them.
 *
 * The shared catalogs are read as a whole when the server says that they have
 * changed, and only if their locks are free.  While somebody holds such a lock
 * the last reading goes on to count: that somebody may be the very session to
 * be ended.
 */
#pragma once

#include "server/pg.h"

#include "core/session.h"

namespace session_guard
{

/* Ask to be told of changes.  Once, when connected. */
void watch_catalogs();

/*
 * Bring the reading up to date, in a transaction.  Cheap if nothing changed,
 * so it can precede each look: mercy that was committed before is honoured.
 */
void refresh_catalogs();

/*
 * Could the catalogs be locked in this transaction?  If so they stay locked to
 * its end, and the server's own functions will not wait for them either.
 */
bool catalogs_are_free();

/* Forget the locks: the transaction that held them is over. */
void release_catalogs();

/* Unknown if the role does not exist, or was made after the last reading. */
Superuser superuser_of(Oid role);

/* For people; "?" where the name is not known. */
const char *role_name(Oid role);
const char *database_name(Oid database);

} // namespace session_guard
