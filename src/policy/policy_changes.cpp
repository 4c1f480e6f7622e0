/*
 * What has changed in the policies (see policy_changes.h).
 */
#include "policy/policy_changes.h"

#include <utility>

namespace session_guard
{

namespace
{

bool has_changes = false;
/* The limits that have become stricter; a bit for each. */
std::uint32_t changed_limits = 0;
bool grace_is_shorter = false;

/* The grace that is set at a place, or the server's where none is. */
Duration
grace_of(const RoleDatabaseSettings *place, Duration server_grace)
{
	return place != nullptr ? place->cancel_grace.value_or(server_grace) : server_grace;
}

void
note_grace(const RoleDatabaseReading &now, const RoleDatabaseReading &before, Duration server_grace)
{
	auto grace_in = [&](const RoleDatabaseReading &reading, const RoleDatabaseSettingsRow &row)
	{ return grace_of(role_database_settings_for(reading, row.role, row.database), server_grace); };

	for (const RoleDatabaseReading *one : {&now, &before})
		for (const RoleDatabaseSettingsRow &row : one->rows)
			if (is_shorter_grace(grace_in(now, row), grace_in(before, row)))
				grace_is_shorter = true;
}

void
note_limit(Limit limit, const RoleDatabaseReading &now, const RoleDatabaseReading &before)
{
	constexpr RoleDatabaseSettings nothing{};

	for (const RoleDatabaseSettingsRow &row : now.rows)
	{
		const RoleDatabaseSettings *old =
		    role_database_settings_for(before, row.role, row.database);

		if (comes_into_force(row.settings, old != nullptr ? *old : nothing, limit))
			changed_limits |= bit_of(limit);
	}
	for (const RoleDatabaseSettingsRow &row : before.rows)
		if (role_database_settings_for(now, row.role, row.database) == nullptr &&
		    comes_into_force(nothing, row.settings, limit))
			changed_limits |= bit_of(limit);
}

} // namespace

void
note_changed_configuration(const Policy &now, const Policy &before,
                           const RoleDatabaseReading &reading)
{
	if (is_shorter_grace(now.cancel_grace, before.cancel_grace))
		grace_is_shorter = true;
	for (Limit limit : all_limits)
		if (comes_into_force(now, before, limit, sets(reading, limit)))
			changed_limits |= bit_of(limit);
	has_changes = true;
}

void
note_changed_settings(const RoleDatabaseReading &now, const RoleDatabaseReading &before,
                      Duration server_grace)
{
	note_grace(now, before, server_grace);
	for (Limit limit : all_limits)
		note_limit(limit, now, before);
	has_changes = true;
}

bool
policies_have_changed()
{
	return has_changes;
}

bool
policies_are_stricter()
{
	return changed_limits != 0 || grace_is_shorter;
}

std::uint32_t
take_changed_limits()
{
	has_changes = false;
	return std::exchange(changed_limits, 0);
}

bool
take_shorter_grace()
{
	return std::exchange(grace_is_shorter, false);
}

} // namespace session_guard
