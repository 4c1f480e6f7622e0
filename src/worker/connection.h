/*
 * The connection of a worker, and the settings that hold in it whatever the
 * catalogs say.
 */
#pragma once

namespace session_guard
{

/*
 * Connect to pg_session_guard.database as the bootstrap superuser.  Does not
 * return if that fails.
 *
 * What ALTER ROLE and ALTER DATABASE have set cannot change who the worker is or
 * how long it may wait.  At work, locks are waited for no longer than the value
 * of lock_timeout given here, and no trigger fires but those that the owner of
 * its table has made to fire always: anybody who may make one would otherwise be
 * a superuser.
 */
void connect_worker(const char *lock_timeout);

} // namespace session_guard
