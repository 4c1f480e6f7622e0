/*
 * The settings pg_session_guard.*, and the policy that they make.
 */
#pragma once

#include "core/policy.h"

namespace session_guard
{

/* Define the settings and reserve their prefix.  Called once, when the library is loaded. */
void define_settings();

/*
 * The policy as configured for the server.
 *
 * In an ordinary session the variables behind it may hold what ALTER ROLE or
 * ALTER DATABASE gave that session; in the guard they never do
 * (keep_server_settings() in settings/check_hooks.h).
 */
Policy configured_policy();

/* What a mode is called in the configuration file. */
const char *name_of(Mode mode);

/* Where the workers connect (pg_session_guard.database). */
const char *guard_database();

/* The longest pause between two scans (pg_session_guard.naptime). */
Duration naptime();

/* The types of background workers that are guarded, as a list (settings/worker_types.h). */
const char *background_workers();

/* How many sessions per second end for a limit that they broke before it was in force. */
int catch_up_rate();

/* How many sessions may be acted on in any minute; 0 is no cap. */
std::size_t max_actions_per_minute();

/* How many connections are to be free for newcomers (connection_headroom); 0 is no such limit. */
int connection_headroom();

/* Are sessions ended that are over a limit, with mode = enforce? */
bool ends_sessions();

/* The age from which on the log names prepared transactions; 0 is none. */
Duration max_prepared_age();

/*
 * May the user of this session connect to its database, by what is set for both, and where is that
 * set?  Only in a client's session, whose variables hold what is stored for role and database.
 */
bool accepts_connections();
Source source_of_accept_connections();

/* The role whose members enter what is closed; empty if there is none. */
const char *closed_bypass_role();

/* How long a statement may run whose client is gone; 0 is without end. */
Duration dead_client_timeout();

/* After how many seconds of silence a session probes its connection; 0 is as the server does. */
int keepalive_idle();

/* How long rows of the history are kept; 0 is for ever. */
Duration history_retention();

/* Are those to be notified who listen for events? */
bool notifies_events();

/* How many events there is room for in shared memory. */
std::size_t history_buffer();

} // namespace session_guard
