/*
 * Settings as they are stored for roles and databases (see stored_setting.h).
 */
#include "settings/stored_setting.h"

#include "settings/limit_settings.h"
#include "settings/number_value.h"

#include <algorithm>
#include <cstring>

namespace session_guard
{

namespace
{

std::optional<bool>
parse_switch(const char *text)
{
	bool on;

	return parse_bool(text, &on) ? std::optional(on) : std::nullopt;
}

std::optional<std::int64_t>
parse_limit(Limit limit, const char *text)
{
	const LimitSetting &setting = limit_settings[index_of(limit)];

	return parse_amount(text, setting.flags, setting.unit, setting.smallest);
}

/* Take a value over; false if there is none. */
template <typename T>
bool
take_over(std::optional<T> value, std::optional<T> &stored)
{
	if (value)
		stored = value;
	return value.has_value();
}

} // namespace

bool
store(const char *name, const char *value, RoleDatabaseSettings &stored)
{
	if (strcmp(name, "exempt") == 0)
		return take_over(parse_switch(value), stored.exempt);
	if (strcmp(name, "cancel_grace") == 0)
		return take_over(parse_amount(value, GUC_UNIT_MS, millisecond, smallest_in(millisecond)),
		                 stored.cancel_grace);
	for (Limit limit : all_limits)
		if (!is_of_server(limit) && facts(limit).name == name)
			return take_over(parse_limit(limit, value), stored.limits[index_of(limit)]);
	/*
	 * It cannot be stored for a role or database, and the server applies it to no session; or it
	 * is accept_connections, which is no limit.
	 */
	return true;
}

bool
is_our_setting(const char *name)
{
	return pg_strncasecmp(name, setting_prefix.data(), setting_prefix.size()) == 0;
}

std::optional<Limit>
limit_put_in_force(const char *name, const char *value)
{
	for (Limit limit : all_limits)
		if (!is_of_server(limit) && pg_strcasecmp(name, limit_settings[index_of(limit)].name) == 0)
			return parse_limit(limit, value).value_or(0) != 0 ? std::optional(limit) : std::nullopt;
	return std::nullopt;
}

bool
exempts(const char *name, const char *value)
{
	return pg_strcasecmp(name, "pg_session_guard.exempt") == 0 &&
	       parse_switch(value).value_or(false);
}

bool
any_storable_setting(bool (*condition)(const char *name))
{
	return condition("pg_session_guard.exempt") || condition("pg_session_guard.cancel_grace") ||
	       std::ranges::any_of(
	           all_limits, [&](Limit limit)
	           { return !is_of_server(limit) && condition(limit_settings[index_of(limit)].name); });
}

} // namespace session_guard
