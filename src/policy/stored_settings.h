/*
 * The settings of roles and databases, for the guard: as they were read last, and read again when
 * the server says that something has changed.
 */
#pragma once

#include "policy/role_database_settings.h"

namespace session_guard
{

/* What the catalog said when it was last read. */
const RoleDatabaseReading &stored_settings();

/* Have they been read?  Until then it is not known which policy binds whom. */
bool stored_settings_were_read();

/*
 * Bring them up to date, in a transaction.  "Adopt" is called with what is new, before that takes
 * the place of stored_settings().
 */
void refresh_stored_settings(void (*adopt)(const RoleDatabaseReading &fresh));

/* The same, though nothing says that they have changed. */
void read_stored_settings_again(void (*adopt)(const RoleDatabaseReading &fresh));

/* Is a change known that has not been read, or has nothing been read yet? */
bool stored_settings_are_stale();

/* Did the last attempt to bring them up to date succeed? */
bool stored_settings_are_up_to_date();

/* How long to wait before they are read only because they are stale. */
Duration pause_before_reading_settings();

/*
 * Is there a change that could not be read, and has that not lasted long?  The change could be an
 * exemption; but a lock on the catalog must not keep the guard from its work.  A change after the
 * last attempt began does not count, or changes in a loop would keep all sessions alive.
 */
bool stored_settings_are_in_doubt();

} // namespace session_guard
