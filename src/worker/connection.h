/*
 * How the workers connect, and shield themselves from what the catalogs would
 * make of them: everybody may be told by ALTER ROLE and ALTER DATABASE who he is
 * and how long he may wait, but not the guard.
 */
#pragma once

namespace session_guard
{

/*
 * Connect to pg_session_guard.database as the bootstrap superuser.  Does not
 * return if that fails.  At work, locks are waited for no longer than the value
 * of lock_timeout given here, and no trigger fires but those that the owner of
 * its table has made to fire always: anybody who may make one would otherwise be
 * a superuser.
 */
void connect_worker(const char *lock_timeout);

} // namespace session_guard
