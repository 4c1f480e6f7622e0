/*
 * The policy of each session (see policies.h).
 */
#include "server/policies.h"

#include "server/attempt.h"
#include "server/catalogs.h"
#include "server/settings.h"
#include "server/shared.h"
#include "server/stored.h"

#include <algorithm>
#include <utility>

namespace session_guard
{

namespace
{

Policy base;
StoredReading stored;

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

/* What tells that the catalog may have changed since it was read. */
bool was_read = false;
std::uint64_t messages_at_reading;
std::uint32_t changes_at_reading;
bool said_locked = false;

std::uint32_t changed_limits = 0;

constexpr std::uint32_t
bit_of(Limit limit)
{
	return 1U << index_of(limit);
}

std::uint32_t
stored_changes()
{
	return pg_atomic_read_u32(&shared()->stored_changes);
}

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

/* Note the limits in which two readings differ for a row of the first one. */
void
note_differences(const StoredReading &a, const StoredReading &b)
{
	constexpr Stored nothing{};

	for (const StoredFor &row : a.rows)
	{
		const Stored *other = stored_for(b, row.role, row.database);

		for (Limit limit : all_limits)
			if (is_different(row.settings, other != nullptr ? *other : nothing, limit))
				changed_limits |= bit_of(limit);
	}
}

/* Read what is stored; a lock on the catalog's own parts may still be in the way. */
void
read_now()
{
	std::optional<StoredReading> fresh;
	std::uint64_t messages = SharedInvalidMessageCounter;
	std::uint32_t changes = stored_changes();

	if (!attempt([&] { fresh = read_stored(stored); }, ERRCODE_LOCK_NOT_AVAILABLE))
		return;
	messages_at_reading = messages;
	changes_at_reading = changes;
	was_read = true;
	if (!fresh)
		return;
	MemoryContextSetParent(fresh->context, TopMemoryContext);
	note_differences(*fresh, stored);
	note_differences(stored, *fresh);
	if (stored.context != nullptr)
		MemoryContextDelete(stored.context);
	stored = *fresh;
	forget_resolved();
}

bool
is_fresh()
{
	return was_read && messages_at_reading == SharedInvalidMessageCounter &&
	       changes_at_reading == stored_changes();
}

void
refresh_stored()
{
	if (is_fresh())
		return;

	bool is_free = ConditionalLockRelationOid(DbRoleSettingRelationId, AccessShareLock);
	if (is_free)
	{
		read_now();
		UnlockRelationOid(DbRoleSettingRelationId, AccessShareLock);
	}
	else if (!said_locked)
		ereport(LOG,
		        (errmsg("catalog of settings for roles and databases is locked"),
		         was_read ? errdetail("The session guard goes on with what it read of it last.")
		                  : errdetail("The session guard has not read it yet, and ends nobody.")));
	said_locked = !is_free;
}

} // namespace

void
adopt_configuration()
{
	Policy before = base;

	base = configured_policy();
	shared()->configured = base;
	forget_resolved();
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
	return changes_at_reading != stored_changes();
}

std::uint32_t
take_changed_limits()
{
	return std::exchange(changed_limits, 0);
}

bool
has_changed_limits()
{
	return changed_limits != 0;
}

Policy
policy_of(Oid role, Oid database)
{
	Resolved::Key key{.role = role, .database = database};
	bool found;
	auto entry = static_cast<Resolved *>(hash_search(resolved, &key, HASH_ENTER, &found));

	if (!found)
	{
		entry->policy = base;
		/* Who is bound by what is not known yet: in doubt, spare. */
		if (!was_read)
			entry->policy.mode = Mode::Off;
		apply_stored(stored, role, database, entry->policy);
	}
	return entry->policy;
}

bool
is_stored(Limit limit)
{
	return std::ranges::any_of(stored.rows, [&](const StoredFor &row)
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
	Duration shortest = shortest_pause(base);

	if (base.mode == Mode::Off)
		return 0;
	for (const StoredFor &row : stored.rows)
		shortest = shorter_pause(shortest, shortest_pause(row.settings));
	return shortest;
}

} // namespace session_guard
