/*
 * What the catalogs say of roles, their memberships and databases, without ever waiting for them.
 *
 * The shared catalogs are read as a whole when the server says that they have
 * changed, and only if their locks are free.  While a session holds such a lock
 * the last reading goes on to count: it may be the very session to be ended.
 */
#pragma once

#include "core/session.h"

#include "pg/pg.h"

#include "status/catalog_access.h"
#include "status/memberships.h"

namespace session_guard
{

/* Ask to be told of changes.  Once, when connected. */
void watch_catalogs();

/*
 * Bring the reading up to date, in a transaction, if the catalogs are free.
 * Cheap if nothing changed, so it can precede each evaluation: a change that was
 * committed before is honored.
 */
void refresh_catalogs();

/*
 * For so long nobody is ended while a change is known that cannot be read: it could
 * be an exemption.  Longer than that a lock must not spare everybody.
 */
inline constexpr Duration patience_in_doubt = 10 * second;

/* Are roles or memberships known to have changed that could not be read, since less than that? */
bool roles_are_in_doubt();

/*
 * Can catalogs be read now, without waiting?  Their locks are then held to the end of
 * the transaction (catalog_access.h).
 */
bool catalogs_can_be_read();

/*
 * Unknown if the role was made after the last reading, or does not exist, unless
 * it is known to have been dropped.
 */
Superuser superuser_of(Oid role);

/*
 * Read the roles once more, for those that are unknown; false if that cannot be
 * done now.  A role can be visible before the message about it has come.
 */
bool read_roles_again();

/* The same as superuser_of(), after that, for the role of a session that was read before. */
Superuser superuser_or_dropped(Oid role);

/* Both: for the role of a session that was read before. */
Superuser superuser_of_session(Oid role);

/* For people; "?" where the name is not known. */
const char *role_name(Oid role);
const char *database_name(Oid database);

/*
 * Read all anew as they were at the moment of a snapshot, whose reader knows what was committed
 * together with them; false if that cannot be done.
 */
bool read_catalogs_as_of(Snapshot snapshot);

/* The encoding of a database; -1 where it is not known. */
int database_encoding(Oid database);

/* The memberships of all roles. */
std::span<const Membership> memberships();

/* Changes with each reading of one of the catalogs. */
std::uint64_t catalog_readings();

/* To look up many roles and databases by their names, until one of the catalogs is read anew; in
 * the current memory context. */
class CatalogNames
{
  public:
	CatalogNames();

	/* InvalidOid if there is none. */
	Oid role(const char *name) const;
	Oid database(const char *name) const;

  private:
	std::span<const struct NamedObject *const> roles_;
	std::span<const struct NamedObject *const> databases_;
};

} // namespace session_guard
