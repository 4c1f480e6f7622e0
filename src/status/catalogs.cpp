/*
 * What the catalogs say of roles and databases (see catalogs.h).
 */
#include "status/catalogs.h"

#include "pg/compat.h"
#include "pg/growing_array.h"
#include "pg/monotonic_clock.h"

#include "status/catalog_reading.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace session_guard
{

struct NamedObject
{
	Oid oid;
	bool superuser;
	/* Of a database. */
	int encoding;
	NameData name;

	friend bool
	operator<(const NamedObject &a, const NamedObject &b)
	{
		return a.oid < b.oid;
	}
};

namespace
{

NamedObject
read_role(HeapTuple tuple)
{
	auto form = reinterpret_cast<Form_pg_authid>(GETSTRUCT(tuple));

	return {.oid = form->oid, .superuser = form->rolsuper, .encoding = 0, .name = form->rolname};
}

NamedObject
read_database(HeapTuple tuple)
{
	auto form = reinterpret_cast<Form_pg_database>(GETSTRUCT(tuple));

	return {
	    .oid = form->oid, .superuser = false, .encoding = form->encoding, .name = form->datname};
}

CatalogReading<NamedObject> roles{AuthIdRelationId, read_role, "read the catalog of roles"};
CatalogReading<NamedObject> databases{DatabaseRelationId, read_database,
                                      "read the catalog of databases"};
CatalogReading<Membership> members{AuthMemRelationId, membership_of,
                                   "read the catalog of memberships"};

/*
 * Roles that were found to be dropped while they had sessions; the oldest gives
 * way to the newest.  A number is not given to another role before all others
 * are used up, and even then a role that has been read counts as read.
 */
std::array<Oid, 1024> dropped{};
std::size_t next_dropped = 0;

bool
is_known_dropped(Oid role)
{
	return role != InvalidOid && std::ranges::find(dropped, role) != dropped.end();
}

void
note_dropped(Oid role)
{
	dropped[next_dropped] = role;
	next_dropped = (next_dropped + 1) % dropped.size();
}

/* Since when roles or memberships are known to have changed that could not be read; 0 if none have.
 */
Instant roles_in_doubt_since = 0;

/* Read a catalog if it may have changed; false if it cannot be read now. */
template <typename T>
bool
bring_up_to_date(CatalogReading<T> &reading)
{
	return !reading.is_stale() || (catalogs_can_be_read() && reading.read_anew());
}

const NamedObject *
find(const CatalogReading<NamedObject> &reading, Oid oid)
{
	std::span<NamedObject> all = reading.rows();
	auto found = std::ranges::lower_bound(all, oid, {}, &NamedObject::oid);

	return found != all.end() && found->oid == oid ? &*found : nullptr;
}

/* All by name. */
std::span<const NamedObject *>
by_name(std::span<const NamedObject> all)
{
	GrowingArray<const NamedObject *> index;

	for (const NamedObject &one : all)
		index.add(&one);
	std::ranges::sort(index.all(), [](const NamedObject *a, const NamedObject *b)
	                  { return strcmp(NameStr(a->name), NameStr(b->name)) < 0; });
	return index.all();
}

Oid
find(std::span<const NamedObject *const> by_name, const char *name)
{
	auto found = std::ranges::partition_point(by_name, [&](const NamedObject *one)
	                                          { return strcmp(NameStr(one->name), name) < 0; });

	return found != by_name.end() && strcmp(NameStr((*found)->name), name) == 0 ? (*found)->oid
	                                                                            : InvalidOid;
}

} // namespace

void
watch_catalogs()
{
	roles.watch(AUTHOID);
	databases.watch(DATABASEOID);
	members.watch(AUTHMEMROLEMEM);
}

void
refresh_catalogs()
{
	AcceptInvalidationMessages();
	if (bring_up_to_date(roles) && bring_up_to_date(members))
		roles_in_doubt_since = 0;
	else if (roles_in_doubt_since == 0)
		roles_in_doubt_since = monotonic_now();
	(void)bring_up_to_date(databases);
}

bool
roles_are_in_doubt()
{
	return roles_in_doubt_since != 0 && monotonic_now() - roles_in_doubt_since < patience_in_doubt;
}

bool
catalogs_can_be_read()
{
	return lock_catalogs(roles.was_read());
}

Superuser
superuser_of(Oid role)
{
	const NamedObject *found = find(roles, role);

	if (found == nullptr)
		return is_known_dropped(role) ? Superuser::Dropped : Superuser::Unknown;
	return found->superuser ? Superuser::Yes : Superuser::No;
}

bool
read_roles_again()
{
	return catalogs_can_be_read() && roles.read_anew();
}

Superuser
superuser_or_dropped(Oid role)
{
	Superuser superuser = superuser_of(role);

	/* A session without a role still authenticates. */
	if (superuser != Superuser::Unknown || role == InvalidOid)
		return superuser;
	note_dropped(role);
	return Superuser::Dropped;
}

Superuser
superuser_of_session(Oid role)
{
	Superuser superuser = superuser_of(role);

	if (superuser != Superuser::Unknown || role == InvalidOid || !read_roles_again())
		return superuser;
	return superuser_or_dropped(role);
}

const char *
role_name(Oid role)
{
	const NamedObject *found = find(roles, role);

	return found ? NameStr(found->name) : "?";
}

const char *
database_name(Oid database)
{
	const NamedObject *found = find(databases, database);

	return found ? NameStr(found->name) : "?";
}

bool
read_catalogs_as_of(Snapshot snapshot)
{
	return catalogs_can_be_read() && roles.read_anew(snapshot) && members.read_anew(snapshot) &&
	       databases.read_anew(snapshot);
}

int
database_encoding(Oid database)
{
	const NamedObject *found = find(databases, database);

	return found ? found->encoding : -1;
}

std::span<const Membership>
memberships()
{
	return members.rows();
}

std::uint64_t
catalog_readings()
{
	return roles.readings() + databases.readings() + members.readings();
}

CatalogNames::CatalogNames() : roles_(by_name(roles.rows())), databases_(by_name(databases.rows()))
{
}

Oid
CatalogNames::role(const char *name) const
{
	return find(roles_, name);
}

Oid
CatalogNames::database(const char *name) const
{
	return find(databases_, name);
}

} // namespace session_guard
