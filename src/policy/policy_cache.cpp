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

#include "policy/policy_changes.h"
#include "policy/role_database_settings.h"

#include <algorithm>

namespace session_guard
{

namespace
{

Policy base;
/* What the catalog of role and database settings said when it was last read. */
RoleDatabaseReading last_reading;
/* The shortest pause that follows from both. */
Duration shortest = 0;
/* The shortest threshold of a limit for which waits are sampled. */
Duration shortest_waits = 0;
/* The shortest threshold of a limit on blocking. */
Duration shortest_blocked = 0;

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
/* By the monotonic clock: the last attempt, and how long it has taken. */
Duration tried_at = 0;
Duration attempt_took = 0;
/* Since when a change is known that could not be read; 0 if there is none. */
Duration in_doubt_since = 0;
bool has_failed = false;
bool said_locked = false;

/* What is done about damaged rows, from the first reading that has failed on. */
Damaged damaged_rows = Damaged::IsError;

CatalogWork reading_work{.what = "read the catalog of settings for roles and databases",
                         .has_failed = false};

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
	shortest_blocked = shortest_blocking(base);
	for (const RoleDatabaseSettingsRow &row : last_reading.rows)
		if (base.mode != Mode::Off)
		{
			shortest = shorter_pause(shortest, shortest_pause(row.settings));
			shortest_waits = shorter_pause(shortest_waits, shortest_with_waits(row.settings));
			shortest_blocked = shorter_pause(shortest_blocked, shortest_blocking(row.settings));
		}
}

/* Take a reading over. */
void
adopt(const RoleDatabaseReading &fresh)
{
	MemoryContextSetParent(fresh.context, TopMemoryContext);
	note_changed_settings(fresh, last_reading, base.cancel_grace);
	if (last_reading.context != nullptr)
		MemoryContextDelete(last_reading.context);
	last_reading = fresh;
	compute_shortest_pause();
	forget_resolved();
}

/* The catalog, and what its longest rows are stored in. */
constexpr Oid settings_relations[] = {DbRoleSettingRelationId, PgDbRoleSettingToastTable,
                                      PgDbRoleSettingToastIndex};

/* Lock them, if no other lock is in the way. */
bool
lock_settings()
{
	return std::ranges::all_of(settings_relations, [](Oid relation)
	                           { return ConditionalLockRelationOid(relation, AccessShareLock); });
}

void
report_locked()
{
	count(shared_counters().lock_skips);
	if (!said_locked)
		ereport(LOG,
		        (errmsg("catalog of settings for roles and databases is locked"),
		         was_read ? errdetail("The session guard goes on with what it read of it last.")
		                  : errdetail("The session guard has not read it yet, and ends nobody.")));
	said_locked = true;
}

enum class Attempt
{
	Read,
	Locked,
	Failed,
};

/* Read the catalog unless a lock of it, or of a part of it, is in the way; no reading if it says
 * the same as before. */
Attempt
try_reading(std::optional<RoleDatabaseReading> &fresh)
{
	bool is_locked = true;
	auto read = [&]
	{
		is_locked = !lock_settings();
		if (!is_locked)
			fresh = read_role_database_settings(last_reading, LOG, damaged_rows);
	};

	if (!catalogs_can_be_read() || !with_catalogs(reading_work, read))
		return Attempt::Failed;
	return is_locked ? Attempt::Locked : Attempt::Read;
}

/* Bring the settings of roles and databases up to date; false if they cannot be read now. */
bool
read_now()
{
	std::optional<RoleDatabaseReading> fresh;

	tried_at = monotonic_now();
	await_stored_changes();
	/* Taken before the reading: what changes meanwhile is read again. */
	std::uint64_t messages = SharedInvalidMessageCounter;
	std::uint32_t changes = stored_change_count();

	switch (try_reading(fresh))
	{
		case Attempt::Failed:
			/* Once a row may be damaged, the others must not be lost for it. */
			if (reading_work.has_failed)
				damaged_rows = Damaged::IsSpared;
			return false;
		case Attempt::Locked:
			report_locked();
			return false;
		case Attempt::Read:
			break;
	}
	said_locked = false;
	/* Before the first reading it was not known which policy binds whom. */
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
refresh_settings()
{
	if (is_fresh())
		has_failed = false;
	else
	{
		has_failed = !read_now();
		attempt_took = monotonic_now() - tried_at;
	}
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
	note_changed_configuration(base, before, last_reading);
	publish_configuration(base);
	compute_shortest_pause();
	forget_resolved();
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
	refresh_settings();
}

bool
policies_are_stale()
{
	return !was_read || changes_at_reading != stored_change_count();
}

Duration
pause_before_reading()
{
	/* Neither commits in a loop nor a lock that is held for long may keep the guard busy. */
	Duration pause = has_failed ? second : std::clamp(10 * attempt_took, 10 * millisecond, second);

	return std::max<Duration>(0, tried_at + pause - monotonic_now());
}

bool
policies_are_in_doubt()
{
	return roles_are_in_doubt() || (policies_are_stale() && in_doubt_since != 0 &&
	                                monotonic_now() - in_doubt_since < patience_in_doubt);
}

Policy
policy_of(Superuser superuser, const Bound &bound)
{
	Oid role = bound.role;

	if (superuser == Superuser::Dropped)
		role = InvalidOid;
	/* What was resolved for roles that are gone must not pile up. */
	if (hash_get_num_entries(resolved) >= most_resolved)
		forget_resolved();

	Resolved::Key key{.role = role, .database = bound.database};
	bool found;
	auto entry = static_cast<Resolved *>(hash_search(resolved, &key, HASH_ENTER, &found));

	if (!found)
	{
		entry->policy = base;
		/* It is not known yet which policy binds whom: in doubt, spare. */
		if (!was_read)
			entry->policy.mode = Mode::Off;
		apply_role_database_settings(last_reading, role, bound.database, entry->policy);
	}
	return entry->policy;
}

bool
is_set_for_roles_or_databases(Limit limit)
{
	return sets(last_reading, limit);
}

bool
is_in_force(Limit limit)
{
	return base.mode != Mode::Off &&
	       (threshold_of(base.limits, limit).value != 0 || is_set_for_roles_or_databases(limit));
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
