/*
 * What is refused as the value of a setting.
 */
#pragma once

#include "core/limits.h"

#include "pg/pg.h"

namespace session_guard
{

/* Check hooks of limits: the source counts, and the number is rounded. */
bool check_milliseconds(double *value, void **extra, GucSource source);
bool check_seconds(double *value, void **extra, GucSource source);
bool check_transactions(double *value, void **extra, GucSource source);
bool check_kilobytes(double *value, void **extra, GucSource source);
bool check_headroom(double *value, void **extra, GucSource source);
bool check_exempt(bool *value, void **extra, GucSource source);
/* The same, and the source is kept in mind. */
bool check_accept_connections(bool *value, void **extra, GucSource source);

/* Where the value comes from that was checked last for accept_connections. */
Source last_checked_source();

/* Check hooks of other settings. */
bool check_whole_seconds(double *value, void **extra, GucSource source);
bool check_retention(double *value, void **extra, GucSource source);
bool check_actions(double *value, void **extra, GucSource source);
bool check_database(char **value, void **extra, GucSource source);
bool check_node(char **value, void **extra, GucSource source);

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
