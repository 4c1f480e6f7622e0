/*
 * What has changed in the policies since it was last asked for, and whether
 * anybody is bound more strictly by that.
 */
#pragma once

#include "core/policy.h"

#include "policy/role_database_settings.h"

namespace session_guard
{

/* Note that the server's configuration is another one.  Is a limit set for some sessions, too, by
 * something else? */
void note_changed_configuration(const Policy &now, const Policy &before,
                                bool (*is_set_for_some)(Limit limit));

/* Note that role and database settings are others; the grace holds where they set none. */
void note_changed_settings(const RoleDatabaseReading &now, const RoleDatabaseReading &before,
                           Duration server_grace);

/* Note that the rules say something else about these limits; a bit for each. */
void note_changed_rules(std::uint32_t limits);

/* Has anything changed since take_changed_limits() was last called? */
bool policies_have_changed();

/* Does the change bind a session more strictly, which may have been over the limit for long? */
bool policies_are_stricter();

/* The limits that have come into force anew for anybody since it was last called; a bit for each.
 */
std::uint32_t take_changed_limits();

/* Has cancel_grace become shorter for anybody since this was last asked? */
bool take_shorter_grace();

} // namespace session_guard
