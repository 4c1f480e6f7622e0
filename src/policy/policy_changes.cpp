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

/* Note what becomes stricter at a place by what is stored there now, and was before. */
void
note_place(const RoleDatabaseSettings &now, const RoleDatabaseSettings &before,
           Duration server_grace)
{
	if (is_shorter_grace(now.cancel_grace.value_or(server_grace),
	                     before.cancel_grace.value_or(server_grace)))
		grace_is_shorter = true;
	for (Limit limit : all_limits)
		if (comes_into_force(now, before, limit))
			changed_limits |= bit_of(limit);
}

} // namespace

void
note_changed_configuration(const Policy &now, const Policy &before,
                           bool (*is_set_for_some)(Limit limit))
{
	if (is_shorter_grace(now.cancel_grace, before.cancel_grace))
		grace_is_shorter = true;
	for (Limit limit : all_limits)
		if (comes_into_force(now, before, limit, is_set_for_some(limit)))
			changed_limits |= bit_of(limit);
	has_changes = true;
}

void
note_changed_settings(const RoleDatabaseReading &now, const RoleDatabaseReading &before,
                      Duration server_grace)
{
	constexpr RoleDatabaseSettings nothing{};

	for (const RoleDatabaseSettingsRow &row : now.rows)
	{
		const RoleDatabaseSettings *old =
		    role_database_settings_for(before, row.role, row.database);

		note_place(row.settings, old != nullptr ? *old : nothing, server_grace);
	}
	for (const RoleDatabaseSettingsRow &row : before.rows)
		if (role_database_settings_for(now, row.role, row.database) == nullptr)
			note_place(nothing, row.settings, server_grace);
	has_changes = true;
}

void
note_changed_rules(std::uint32_t limits)
{
	changed_limits |= limits;
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
