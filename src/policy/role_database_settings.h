/*
 * The settings of this extension for roles and databases, as ALTER ROLE and ALTER
 * DATABASE SET have stored them (pg_db_role_setting).
 */
#pragma once

#include "core/policy.h"

#include "pg/pg.h"

#include <optional>
#include <span>

namespace session_guard
{

/* One row: InvalidOid stands for all roles, or for all databases. */
struct RoleDatabaseSettingsRow
{
	Oid role;
	Oid database;
	RoleDatabaseSettings settings;
};

/* A reading, in a memory context of its own; sorted by role and database. */
struct RoleDatabaseReading
{
	MemoryContext context;
	/* What was read, as text: two readings that are alike in it are alike. */
	const char *text;
	std::span<RoleDatabaseSettingsRow> rows;
};

/* What to do about a row that cannot be read. */
enum class Damaged
{
	IsError,
	/* Exempt the sessions that it is about.  Each row then takes a subtransaction. */
	IsSpared,
};

/*
 * Read the catalog, which the caller has locked; none if it says the same as
 * the reading before.  A value that cannot be valid counts as not set, and is
 * reported at this level.
 */
std::optional<RoleDatabaseReading> read_role_database_settings(const RoleDatabaseReading &before,
                                                               int elevel, Damaged damaged);

/* The settings for exactly this role and database; nullptr if there are none. */
const RoleDatabaseSettings *role_database_settings_for(const RoleDatabaseReading &reading, Oid role,
                                                       Oid database);

/* Does a reading set the limit for any role or database? */
bool sets(const RoleDatabaseReading &reading, Limit limit);

/*
 * Let all settings for a session's role and database take effect, in the server's
 * order.  Without a role, those for the database and for all.
 */
void apply_role_database_settings(const RoleDatabaseReading &reading, Oid role, Oid database,
                                  Policy &policy);

/*
 * Let the limits for a role that the session has taken on bind it, too, if there is such a role.
 * What is stored for it in the database takes the place of what is stored for it everywhere.
 */
void tighten_by_taken_role(const RoleDatabaseReading &reading, Oid taken_role, Oid database,
                           Policy &policy);

} // namespace session_guard
