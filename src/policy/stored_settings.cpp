/*
 * The settings of roles and databases, for the guard (see stored_settings.h).
 */
#include "policy/stored_settings.h"

#include "shmem/counters.h"
#include "shmem/policy_state.h"

#include "status/catalogs.h"

#include "policy/reading_attempts.h"

namespace session_guard
{

namespace
{

RoleDatabaseReading last_reading;
ReadingAttempts attempts;
bool said_locked = false;
/* What tells that the catalog may have changed since it was read. */
std::uint64_t messages_at_reading;
std::uint32_t changes_at_reading;

/* What is done about damaged rows, from the first reading that has failed on. */
Damaged damaged_rows = Damaged::IsError;

CatalogWork reading_work{.what = "read the catalog of settings for roles and databases",
                         .has_failed = false};

/* The catalog, and what its longest rows are stored in. */
constexpr Oid settings_relations[] = {DbRoleSettingRelationId, PgDbRoleSettingToastTable,
                                      PgDbRoleSettingToastIndex};

void
report_locked()
{
	count(shared_counters().lock_skips);
	if (!said_locked)
		ereport(LOG, (errmsg("catalog of settings for roles and databases is locked"),
		              attempts.was_read()
		                  ? errdetail("The session guard goes on with what it read of it last.")
		                  : errdetail("The session guard has not read it yet, and ends nobody.")));
	said_locked = true;
}

/* Read the catalog unless a lock of it, or of a part of it, is in the way; no reading if it says
 * the same as before. */
Attempt
try_reading(std::optional<RoleDatabaseReading> &fresh)
{
	bool is_locked = true;
	auto read = [&]
	{
		is_locked = !lock_if_free(settings_relations);
		if (!is_locked)
			fresh = read_role_database_settings(last_reading, LOG, damaged_rows);
	};

	if (!catalogs_can_be_read() || !with_catalogs(reading_work, read))
		return Attempt::Failed;
	return is_locked ? Attempt::Locked : Attempt::Read;
}

/* Read what may have changed. */
Attempt
read_now(std::optional<RoleDatabaseReading> &fresh)
{
	await_stored_changes();
	/* Taken before the reading: what changes meanwhile is read again. */
	std::uint64_t messages = SharedInvalidMessageCounter;
	std::uint32_t changes = stored_change_count();
	Attempt attempt = try_reading(fresh);

	/* Once a row may be damaged, the others must not be lost for it. */
	if (attempt == Attempt::Failed && reading_work.has_failed)
		damaged_rows = Damaged::IsSpared;
	if (attempt == Attempt::Locked)
		report_locked();
	if (attempt != Attempt::Read)
		return attempt;
	said_locked = false;
	messages_at_reading = messages;
	changes_at_reading = changes;
	return Attempt::Read;
}

/* Take a reading over. */
void
take_over(const RoleDatabaseReading &fresh)
{
	MemoryContextSetParent(fresh.context, TopMemoryContext);
	if (last_reading.context != nullptr)
		MemoryContextDelete(last_reading.context);
	last_reading = fresh;
}

} // namespace

const RoleDatabaseReading &
stored_settings()
{
	return last_reading;
}

bool
stored_settings_were_read()
{
	return attempts.was_read();
}

void
refresh_stored_settings(void (*adopt)(const RoleDatabaseReading &fresh))
{
	if (!stored_settings_are_stale() && messages_at_reading == SharedInvalidMessageCounter)
		attempts.note_fresh();
	else
		read_stored_settings_again(adopt);
}

void
read_stored_settings_again(void (*adopt)(const RoleDatabaseReading &fresh))
{
	std::optional<RoleDatabaseReading> fresh;

	if (attempts.attempt([&] { return read_now(fresh); }))
		attempts.note_fresh();
	else if (stored_settings_are_stale())
		attempts.note_doubt();
	if (fresh)
	{
		adopt(*fresh);
		take_over(*fresh);
	}
}

bool
stored_settings_are_stale()
{
	return !attempts.was_read() || changes_at_reading != stored_change_count();
}

bool
stored_settings_are_up_to_date()
{
	return !attempts.has_failed();
}

Duration
pause_before_reading_settings()
{
	return attempts.pause_before_next();
}

bool
stored_settings_are_in_doubt()
{
	return stored_settings_are_stale() && attempts.is_in_doubt();
}

} // namespace session_guard
