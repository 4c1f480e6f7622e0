/*
 * The settings pg_session_guard.*, and the policy that they make.
 */
#pragma once

#include "core/policy.h"

#include <optional>

namespace session_guard
{

/* Define the settings and reserve their prefix.  Called once, when the library is loaded. */
void define_settings();

/*
 * The policy as configured for the server.
 *
 * In an ordinary session the variables behind it may hold what ALTER ROLE or
 * ALTER DATABASE gave that session; in the guard they never do (see
 * keep_server_settings).
 */
Policy configured_policy();

/* What a mode is called in the configuration file. */
const char *name_of(Mode mode);

/* Where the workers connect (pg_session_guard.database). */
const char *guard_database();

/* The longest pause between two scans (pg_session_guard.naptime). */
Duration naptime();

/* How many sessions per second end for a limit that they broke before it was in force. */
int catch_up_rate();

/* How many sessions may be acted on in any minute; 0 is no cap. */
std::size_t max_actions_per_minute();

/* How long rows of the history are kept; 0 is for ever. */
Duration history_retention();

/* How many events there is room for in shared memory. */
std::size_t history_buffer();

/*
 * Take over what is stored for a role or database under a name without its
 * prefix.  False if the value cannot be valid today; nothing is stored then.
 */
bool store(const char *name, const char *value, RoleDatabaseSettings &stored);

/* Is it the name of a setting of ours, in whatever case it is written? */
bool is_our_setting(const char *name);

/*
 * The limit that a setting is called after, in whatever case it is written, if a
 * value would put it in force, that is if it is valid and not 0.
 */
std::optional<Limit> limit_put_in_force(const char *name, const char *value);

/* Does a condition hold for the name of any setting that can be stored for roles and databases? */
bool any_storable_setting(bool (*condition)(const char *name));

/*
 * From now on, in this process, refuse what the catalogs say of the limits for
 * the process's own role and database.
 *
 * The server applies ALTER ROLE and ALTER DATABASE SET to the guard as to any
 * session when it connects.  Taken over, a limit meant for role postgres would
 * become everybody's, and no reload would reach the guard any more.  Refused,
 * the variables stay the server's configuration, and reloads work by
 * themselves.
 */
void keep_server_settings();

/* Is this the server's complaint that such a value was refused? */
bool is_refused_setting(const char *message);

} // namespace session_guard
