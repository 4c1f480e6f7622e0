/*
 * The policy of each session (see policy_cache.h).
 */
#include "policy/policy_cache.h"

#include "core/scan_pauses.h"

#include "settings/settings.h"

#include "shmem/counters.h"
#include "shmem/policy_state.h"

#include "status/catalogs.h"

#include "policy/current_rules.h"
#include "policy/policy_changes.h"
#include "policy/query_matches.h"
#include "policy/rule_policy.h"
#include "policy/stored_settings.h"

#include <algorithm>
#include <cstring>

namespace session_guard
{

namespace
{

Policy base;
/* What follows from base, settings and rules: the shortest pause, ... */
Duration shortest = 0;
/* ... the shortest threshold of a limit for which waits are sampled, ... */
Duration shortest_waits = 0;
/* ... and the shortest of a limit on blocking. */
Duration shortest_blocked = 0;

/* The limits that rules set, and those that rules set only to be logged; a bit for each. */
std::uint32_t ruled_limits = 0;
std::uint32_t tried_limits = 0;

/* What was resolved since the last change, by all that policies are made by. */
struct Resolved
{
	struct Key
	{
		Oid role;
		Oid taken_role;
		Oid database;
		Address client_address;
		bool has_client_address;
		char application_name[NAMEDATALEN];
	} key;
	PlannedPolicy planned;
};
HTAB *resolved = nullptr;
constexpr long most_resolved = 10000;

void
forget_resolved()
{
	HASHCTL control{};

	if (resolved != nullptr)
		hash_destroy(resolved);
	control.keysize = sizeof(Resolved::Key);
	control.entrysize = sizeof(Resolved);
	control.hcxt = TopMemoryContext;
	resolved =
	    hash_create("session guard policies", 64, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

/* Take in what is set somewhere: base, stored settings, or a rule. */
template <typename Settings>
void
take_in_shortest(const Settings &settings)
{
	shortest = shorter_pause(shortest, shortest_pause(settings));
	shortest_waits = shorter_pause(shortest_waits, shortest_with_waits(settings));
	shortest_blocked = shorter_pause(shortest_blocked, shortest_blocking(settings));
}

void
compute_shortest_pause()
{
	shortest = shortest_waits = shortest_blocked = 0;
	take_in_shortest(base);
	if (base.mode == Mode::Off)
		return;
	for (const RoleDatabaseSettingsRow &row : stored_settings().rows)
		take_in_shortest(row.settings);
	for (const Rule &rule : current_rules().all())
		if (has_effect(rule))
			take_in_shortest(rule);
}

void
collect_ruled_limits()
{
	ruled_limits = tried_limits = 0;
	for (const Rule &rule : current_rules().all())
		for (Limit limit : all_limits)
			if (has_effect(rule) && rule.limits[index_of(limit)].value_or(0) != 0)
				(rule.only_logs ? tried_limits : ruled_limits) |= bit_of(limit);
}

/* Whatever was resolved does not hold any more. */
void
resolve_anew()
{
	collect_ruled_limits();
	compute_shortest_pause();
	forget_resolved();
}

bool
is_set_for_some(Limit limit)
{
	return is_set_for_roles_or_databases(limit) || is_set_by_rules(limit);
}

bool has_new_settings = false;

void
note_new_settings(const RoleDatabaseReading &fresh)
{
	note_changed_settings(fresh, stored_settings(), base.cancel_grace);
	has_new_settings = true;
}

/* What the settings say for a session. */
Policy
policy_by_settings(const Bound &bound)
{
	Policy policy = base;

	/* It is not known yet which policy binds whom: in doubt, spare. */
	if (!stored_settings_were_read() || !rules_were_read())
		policy.mode = Mode::Off;
	apply_role_database_settings(stored_settings(), bound.role, bound.database, policy);
	tighten_by_taken_role(stored_settings(), bound.taken_role, bound.database, policy);
	return policy;
}

Resolved::Key
key_of(const Bound &bound)
{
	const RulesNeed &need = current_rules().need();
	Resolved::Key key;

	/* Its padding counts. */
	memset(static_cast<void *>(&key), 0, sizeof(key));
	key.role = bound.role;
	key.database = bound.database;
	key.taken_role = bound.taken_role;
	if (need.client_addr && bound.client_address)
	{
		key.has_client_address = true;
		key.client_address = *bound.client_address;
	}
	if (need.application_name)
		strlcpy(key.application_name, bound.application_name, sizeof(key.application_name));
	return key;
}

Selected
selected(const Bound &bound)
{
	return selected_by(bound, roles_of(bound.role, memberships()));
}

/* What may bind a session, without what is remembered. */
PlannedPolicy
plan_policy(const Bound &bound)
{
	PlannedPolicy planned{.policy = policy_by_settings(bound), .depends_on_query = false};

	if (!current_rules().all().empty())
	{
		auto unknown = [&](std::size_t)
		{
			planned.depends_on_query = true;
			return Match::Unknown;
		};

		apply_rules_to(current_rules(), selected(bound), unknown, Doubt::Binds, planned.policy);
	}
	return planned;
}

/* What binds a session of which the query matters. */
Policy
policy_by_query(const Bound &bound, const char *query)
{
	Policy policy = policy_by_settings(bound);
	QueryText text{.text = query != nullptr ? query : read_query(bound, Patience::None),
	               .encoding = database_encoding(bound.database)};
	QueryKey key = text.text != nullptr ? prepare_comparison(rules_generation(), text) : 0;
	auto match = [&](std::size_t index)
	{
		return text.text != nullptr ? remembered_match(current_rules(), index, text, key)
		                            : Match::Unknown;
	};

	apply_rules_to(current_rules(), selected(bound), match, Doubt::Spares, policy);
	return policy;
}

} // namespace

void
adopt_configuration()
{
	Policy before = base;

	base = configured_policy();
	note_changed_configuration(base, before, is_set_for_some);
	publish_configuration(base);
	resolve_anew();
}

const Policy &
base_policy()
{
	return base;
}

void
refresh_policies()
{
	refresh_catalogs();
	refresh_stored_settings(note_new_settings);
	/* Memberships change what rules select, and so does a role's name. */
	bool has_new_rules = refresh_rules();
	/* What was stored by the same transaction as a rule must not be missed. */
	if (has_new_rules)
		read_stored_settings_again(note_new_settings);
	if (has_new_settings || has_new_rules)
		resolve_anew();
	has_new_settings = false;
	if (stored_settings_are_up_to_date() && rules_are_up_to_date())
		pg_atomic_write_u64(&shared_gauges().policy_time,
		                    static_cast<uint64>(GetCurrentTimestamp()));
}

bool
policies_are_stale()
{
	return stored_settings_are_stale() || rules_are_stale();
}

Duration
pause_before_reading()
{
	return std::max(stored_settings_are_stale() ? pause_before_reading_settings() : 0,
	                rules_are_stale() ? pause_before_reading_rules() : 0);
}

bool
policies_are_in_doubt()
{
	return roles_are_in_doubt() || stored_settings_are_in_doubt() || rules_are_in_doubt();
}

PlannedPolicy
planned_policy_of(Superuser superuser, const Bound &bound)
{
	Bound counted = with_settings_of(superuser, bound);
	Resolved::Key key = key_of(counted);
	bool found;

	/* What was resolved for roles that are gone must not pile up. */
	if (hash_get_num_entries(resolved) >= most_resolved)
		forget_resolved();
	auto known = static_cast<Resolved *>(hash_search(resolved, &key, HASH_FIND, &found));
	if (found)
		return known->planned;
	PlannedPolicy planned = plan_policy(counted);
	static_cast<Resolved *>(hash_search(resolved, &key, HASH_ENTER, nullptr))->planned = planned;
	return planned;
}

Policy
policy_of(Superuser superuser, const Bound &bound, const char *query)
{
	PlannedPolicy planned = planned_policy_of(superuser, bound);

	return planned.depends_on_query ? policy_by_query(with_settings_of(superuser, bound), query)
	                                : planned.policy;
}

bool
is_set_for_roles_or_databases(Limit limit)
{
	return sets(stored_settings(), limit);
}

bool
is_set_by_rules(Limit limit)
{
	return ((ruled_limits | tried_limits) & bit_of(limit)) != 0;
}

bool
is_enforced_by_rules(Limit limit)
{
	return (ruled_limits & bit_of(limit)) != 0;
}

bool
is_tried_by_rules(Limit limit)
{
	return (tried_limits & bit_of(limit)) != 0;
}

bool
is_in_force(Limit limit)
{
	return base.mode != Mode::Off &&
	       (threshold_of(base.limits, limit).value != 0 || is_set_for_some(limit));
}

Duration
shortest_pause_of_all()
{
	return shortest;
}

Duration
shortest_with_waits_of_all()
{
	return shortest_waits;
}

Duration
shortest_blocking_of_all()
{
	return shortest_blocked;
}

} // namespace session_guard
