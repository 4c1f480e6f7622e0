/*
 * What the catalogs say of roles and databases (see catalogs.h).
 */
#include "status/catalogs.h"

#include "pg/compat.h"
#include "pg/growing_array.h"
#include "pg/monotonic_clock.h"

#include <algorithm>
#include <array>

namespace session_guard
{

namespace
{

struct NamedObject
{
	Oid oid;
	bool superuser;
	NameData name;
};

/* One shared catalog: what was read of it, sorted by oid. */
struct Reading
{
	Oid relation;
	NamedObject (*read)(HeapTuple);
	CatalogWork work;
	bool is_stale;
	/* nullptr if nothing was ever read. */
	MemoryContext context;
	GrowingArray<NamedObject> objects;
};

NamedObject
read_role(HeapTuple tuple)
{
	auto form = reinterpret_cast<Form_pg_authid>(GETSTRUCT(tuple));

	return {.oid = form->oid, .superuser = form->rolsuper, .name = form->rolname};
}

NamedObject
read_database(HeapTuple tuple)
{
	auto form = reinterpret_cast<Form_pg_database>(GETSTRUCT(tuple));

	return {.oid = form->oid, .superuser = false, .name = form->datname};
}

Reading roles{.relation = AuthIdRelationId,
              .read = read_role,
              .work = {.what = "read the catalog of roles", .has_failed = false},
              .is_stale = true,
              .context = nullptr,
              .objects = {}};
Reading databases{.relation = DatabaseRelationId,
                  .read = read_database,
                  .work = {.what = "read the catalog of databases", .has_failed = false},
                  .is_stale = true,
                  .context = nullptr,
                  .objects = {}};

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

void
mark_stale(Datum reading, CacheId, uint32)
{
	reinterpret_cast<Reading *>(DatumGetPointer(reading))->is_stale = true;
}

/* Read all rows, by a sequential scan: an index may be corrupt while its table is not. */
void
read_rows(Reading &reading)
{
	MemoryContext caller = CurrentMemoryContext;

	reading.context =
	    AllocSetContextCreate(caller, "session guard catalog", ALLOCSET_DEFAULT_SIZES);
	reading.objects = {};
	/* A change can be visible before the message about it has come. */
	InvalidateCatalogSnapshot();

	Relation relation = table_open(reading.relation, NoLock);
	SysScanDesc scan = systable_beginscan(relation, InvalidOid, false, nullptr, 0, nullptr);
	while (HeapTuple tuple = systable_getnext(scan))
	{
		NamedObject object = reading.read(tuple);

		MemoryContextSwitchTo(reading.context);
		reading.objects.add(object);
		MemoryContextSwitchTo(caller);
	}
	systable_endscan(scan);
	table_close(relation, NoLock);
	std::ranges::sort(reading.objects.all(), {}, &NamedObject::oid);
}

/* Since when roles are known to have changed that could not be read; 0 if there are none. */
Instant roles_in_doubt_since = 0;

/* Read a catalog anew; if that fails, what was read before stays. */
bool
read_anew(Reading &reading)
{
	Reading fresh = reading;

	/* A change that comes in while we read makes the reading stale again. */
	reading.is_stale = false;
	if (!with_catalogs(reading.work, [&] { read_rows(fresh); }))
	{
		reading.is_stale = true;
		return false;
	}
	if (reading.context != nullptr)
		MemoryContextDelete(reading.context);
	MemoryContextSetParent(fresh.context, TopMemoryContext);
	reading.context = fresh.context;
	reading.objects = fresh.objects;
	return true;
}

/* Read a catalog if it may have changed; false if it cannot be read now. */
bool
bring_up_to_date(Reading &reading)
{
	return !reading.is_stale || (catalogs_can_be_read() && read_anew(reading));
}

const NamedObject *
find(const Reading &reading, Oid oid)
{
	std::span<NamedObject> all = reading.objects.all();
	auto found = std::ranges::lower_bound(all, oid, {}, &NamedObject::oid);

	return found != all.end() && found->oid == oid ? &*found : nullptr;
}

} // namespace

void
watch_catalogs()
{
	CacheRegisterSyscacheCallback(AUTHOID, mark_stale, PointerGetDatum(&roles));
	CacheRegisterSyscacheCallback(DATABASEOID, mark_stale, PointerGetDatum(&databases));
}

void
refresh_catalogs()
{
	AcceptInvalidationMessages();
	if (bring_up_to_date(roles))
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
	return lock_catalogs(roles.context != nullptr);
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
	return catalogs_can_be_read() && read_anew(roles);
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

} // namespace session_guard
