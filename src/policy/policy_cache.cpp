/*
 * The policy of each session (see policy_cache.h).
 */
#include "policy/policy_cache.h"

#include "core/scan_pauses.h"

#include "pg/monotonic_clock.h"

#include "settings/settings.h"

#include "shmem/counters.h"
#include "shmem/policy_state.h"

#include "status/catalogs.h"

#include "policy/role_database_settings.h"

#include <algorithm>
#include <utility>

namespace session_guard
{

namespace
{

Policy base;
RoleDatabaseReading stored;
/* The shortest pause that follows from both. */
Duration shortest = 0;
/* The shortest threshold of a limit that waits are taken off. */
Duration shortest_waits = 0;

/* What was resolved since the last change, by role and database. */
struct Resolved
{
	struct Key
	{
		Oid role;
		Oid database;
	} key;
	Policy policy;
};
HTAB *resolved = nullptr;
constexpr long most_resolved = 10000;

/* What tells that the catalog may have changed since it was read. */
bool was_read = false;
std::uint64_t messages_at_reading;
std::uint32_t changes_at_reading;
/* By the monotonic clock: when it was last tried, */
Duration tried_at = 0;
/* and since when a change is known that could not be read; 0 if there is none. */
Duration in_doubt_since = 0;
bool has_failed = false;
bool said_locked = false;

/* What is done about damaged rows, from the first reading that has failed on. */
Damaged damaged = Damaged::IsError;

CatalogWork reading{.what = "read the catalog of settings for roles and databases",
                    .has_failed = false};

/* What has changed since it was last asked for, and the limits that became stricter. */
bool has_changes = false;
std::uint32_t changed_limits = 0;
bool grace_is_shorter = false;

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

void
compute_shortest_pause()
{
	shortest = shortest_pause(base);
	shortest_waits = shortest_with_waits(base);
	for (const RoleDatabaseSettingsRow &row : stored.rows)
		if (base.mode != Mode::Off)
		{
			shortest = shorter_pause(shortest, shortest_pause(row.settings));
			shortest_waits = shorter_pause(shortest_waits, shortest_with_waits(row.settings));
		}
}

/* The grace that is stored at a place, or the one that holds where nothing is. */
Duration
grace_of(const RoleDatabaseSettings *place)
{
	return place != nullptr ? place->cancel_grace.value_or(base.cancel_grace) : base.cancel_grace;
}

/* Note whether the grace has become shorter for somebody. */
void
note_grace(const RoleDatabaseReading &now, const RoleDatabaseReading &before)
{
	for (const RoleDatabaseReading *one : {&now, &before})
		for (const RoleDatabaseSettingsRow &row : one->rows)
			grace_is_shorter =
			    grace_is_shorter ||
			    is_shorter_grace(
			        grace_of(role_database_settings_for(now, row.role, row.database)),
			        grace_of(role_database_settings_for(before, row.role, row.database)));
}

/* Note the limits that have become stricter for somebody. */
void
note_changes(const RoleDatabaseReading &now, const RoleDatabaseReading &before)
{
	constexpr RoleDatabaseSettings nothing{};

	note_grace(now, before);

	for (Limit limit : all_limits)
	{
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
	has_changes = true;
}

/* Take a reading over. */
void
adopt(const RoleDatabaseReading &fresh)
{
	MemoryContextSetParent(fresh.context, TopMemoryContext);
	note_changes(fresh, stored);
	if (stored.context != nullptr)
		MemoryContextDelete(stored.context);
	stored = fresh;
	compute_shortest_pause();
	forget_resolved();
}

/* The catalog, and what its longest rows are stored in. */
constexpr Oid settings_relations[] = {DbRoleSettingRelationId, PgDbRoleSettingToastTable,
                                      PgDbRoleSettingToastIndex};

/* Lock them, if nobody is in the way. */
bool
lock_settings()
{
	return std::ranges::all_of(settings_relations, [](Oid relation)
	                           { return ConditionalLockRelationOid(relation, AccessShareLock); });
}

void
say_locked()
{
	count(shared_counters().lock_skips);
	if (!said_locked)
		ereport(LOG,
		        (errmsg("catalog of settings for roles and databases is locked"),
		         was_read ? errdetail("The session guard goes on with what it read of it last.")
		                  : errdetail("The session guard has not read it yet, and ends nobody.")));
	said_locked = true;
}

/* Read what is stored; false if a lock, of the catalog or a part of it, is in the way. */
bool
read_now()
{
	std::optional<RoleDatabaseReading> fresh;
	bool is_locked = true;

	tried_at = monotonic_now();
	await_stored_changes();
	/* Taken before the reading: what changes meanwhile is read again. */
	std::uint64_t messages = SharedInvalidMessageCounter;
	std::uint32_t changes = stored_change_count();

	if (!catalogs_are_free() ||
	    !with_catalogs(reading,
	                   [&]
	                   {
		                   is_locked = !lock_settings();
		                   if (!is_locked)
			                   fresh = read_role_database_settings(stored, LOG, damaged);
	                   }))
	{
		/* Once a row may be damaged, the others shall not be lost for it. */
		if (reading.has_failed)
			damaged = Damaged::IsSpared;
		return false;
	}
	if (is_locked)
	{
		say_locked();
		return false;
	}
	said_locked = false;
	/* Who has read nothing before knows only now what binds whom. */
	if (!was_read)
		forget_resolved();
	messages_at_reading = messages;
	changes_at_reading = changes;
	was_read = true;
	if (fresh)
		adopt(*fresh);
	return true;
}

bool
is_fresh()
{
	return !policies_are_stale() && messages_at_reading == SharedInvalidMessageCounter;
}

void
refresh_stored()
{
	has_failed = !is_fresh() && !read_now();
	if (!has_failed)
	{
		in_doubt_since = 0;
		pg_atomic_write_u64(&shared_gauges().policy_time,
		                    static_cast<uint64>(GetCurrentTimestamp()));
	}
	else if (policies_are_stale() && in_doubt_since == 0)
		in_doubt_since = tried_at;
}

} // namespace

void
adopt_configuration()
{
	Policy before = base;

	base = configured_policy();
	grace_is_shorter = grace_is_shorter || is_shorter_grace(base.cancel_grace, before.cancel_grace);
	publish_configuration(base);
	compute_shortest_pause();
	forget_resolved();
	has_changes = true;
	for (Limit limit : all_limits)
		if (comes_into_force(base, before, limit, is_stored(limit)))
			changed_limits |= bit_of(limit);
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
	refresh_stored();
}

bool
policies_are_stale()
{
	return !was_read || changes_at_reading != stored_change_count();
}

Duration
pause_before_reading()
{
	/* Whoever commits in a loop must not keep the guard busy, nor whoever holds a lock. */
	Duration pause = has_failed ? second : 10 * millisecond;

	return std::max<Duration>(0, tried_at + pause - monotonic_now());
}

bool
policies_are_in_doubt()
{
	constexpr Duration patience = 10 * second;

	return policies_are_stale() && in_doubt_since != 0 &&
	       monotonic_now() - in_doubt_since < patience;
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

Policy
policy_of(Superuser superuser, Oid role, Oid database)
{
	if (superuser == Superuser::Dropped)
		role = InvalidOid;
	/* Roles come and go: what was resolved for the gone must not pile up. */
	if (hash_get_num_entries(resolved) >= most_resolved)
		forget_resolved();

	Resolved::Key key{.role = role, .database = database};
	bool found;
	auto entry = static_cast<Resolved *>(hash_search(resolved, &key, HASH_ENTER, &found));

	if (!found)
	{
		entry->policy = base;
		/* Who is bound by what is not known yet: in doubt, spare. */
		if (!was_read)
			entry->policy.mode = Mode::Off;
		apply_role_database_settings(stored, role, database, entry->policy);
	}
	return entry->policy;
}

bool
is_stored(Limit limit)
{
	return std::ranges::any_of(stored.rows, [&](const RoleDatabaseSettingsRow &row)
	                           { return row.settings.limits[index_of(limit)].value_or(0) != 0; });
}

bool
is_in_force(Limit limit)
{
	return base.mode != Mode::Off &&
	       (threshold_of(base.limits, limit).value != 0 || is_stored(limit));
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

} // namespace session_guard
