/*
 * Settings as they are stored for roles and databases, and named in ALTER ROLE and
 * ALTER DATABASE.
 */
#pragma once

#include "core/policy.h"

#include <optional>
#include <string_view>

namespace session_guard
{

/* What the names of all settings of ours begin with; NUL-terminated. */
inline constexpr std::string_view setting_prefix = "pg_session_guard.";

/*
 * Take over what is stored for a role or database under a name without its
 * prefix.  False if the value cannot be valid today; nothing is taken over then.
 */
bool store(const char *name, const char *value, RoleDatabaseSettings &stored);

/* Is it the name of a setting of ours, in whatever case it is written? */
bool is_our_setting(const char *name);

/*
 * The limit that a setting is called after, in whatever case it is written, if a
 * value would put it in force, that is if it is valid and not 0.
 */
std::optional<Limit> limit_put_in_force(const char *name, const char *value);

/* Is it the name of the exemption, in whatever case it is written, and does the value exempt? */
bool exempts(const char *name, const char *value);

/* Does a condition hold for the name of any setting that can be stored for roles and databases? */
bool any_storable_setting(bool (*condition)(const char *name));

} // namespace session_guard
