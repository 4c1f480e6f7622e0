/*
 * What the catalogs say of roles and databases (see catalogs.h).
 */
#include "server/catalogs.h"

#include "server/growing.h"
#include "server/shared.h"

#include <algorithm>

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
	bool is_stale;
	MemoryContext context;
	Growing<NamedObject> objects;
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
              .is_stale = true,
              .context = nullptr,
              .objects = {}};
Reading databases{.relation = DatabaseRelationId,
                  .read = read_database,
                  .is_stale = true,
                  .context = nullptr,
                  .objects = {}};

/* Are the locks held in this transaction? */
bool free_to_read = false;
bool said_locked = false;

void
mark_stale(Datum reading, CacheId, uint32)
{
	reinterpret_cast<Reading *>(DatumGetPointer(reading))->is_stale = true;
}

/* Read a catalog anew, by a sequential scan: an index may be locked while its table is not. */
void
read_anew(Reading &reading)
{
	Reading fresh = reading;

	fresh.context =
	    AllocSetContextCreate(TopMemoryContext, "session guard catalog", ALLOCSET_DEFAULT_SIZES);
	fresh.objects = {};

	/* A change that comes in while we read makes the reading stale again. */
	reading.is_stale = false;
	fresh.is_stale = false;

	Relation relation = table_open(reading.relation, NoLock);
	SysScanDesc scan = systable_beginscan(relation, InvalidOid, false, nullptr, 0, nullptr);
	while (HeapTuple tuple = systable_getnext(scan))
	{
		NamedObject object = reading.read(tuple);
		MemoryContext caller = MemoryContextSwitchTo(fresh.context);

		fresh.objects.add(object);
		MemoryContextSwitchTo(caller);
	}
	systable_endscan(scan);
	table_close(relation, NoLock);
	std::ranges::sort(fresh.objects.all(), {}, &NamedObject::oid);

	fresh.is_stale = reading.is_stale;
	if (reading.context != nullptr)
		MemoryContextDelete(reading.context);
	reading = fresh;
}

const NamedObject *
find(const Reading &reading, Oid oid)
{
	std::span<NamedObject> all = reading.objects.all();
	auto found = std::ranges::lower_bound(all, oid, {}, &NamedObject::oid);

	return found != all.end() && found->oid == oid ? &*found : nullptr;
}

/*
 * Take the locks if nobody is in the way, and say once when somebody is.
 *
 * The index is for the server's own functions: they look roles up by it.
 */
void
ask_for_locks()
{
	free_to_read = ConditionalLockRelationOid(roles.relation, AccessShareLock) &&
	               ConditionalLockRelationOid(AuthIdOidIndexId, AccessShareLock) &&
	               ConditionalLockRelationOid(databases.relation, AccessShareLock);
	if (!free_to_read && !said_locked)
		ereport(LOG,
		        (errmsg("catalogs of roles and databases are locked"),
		         roles.objects.count() == 0
		             ? errdetail("The session guard has not read them yet, and ends nobody.")
		             : errdetail("The session guard goes on with what it read of them last.")));
	if (!free_to_read)
		count(shared()->counters.lock_skips);
	said_locked = !free_to_read;
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
	if (!free_to_read)
		ask_for_locks();
	if (!free_to_read)
		return;
	for (Reading *reading : {&roles, &databases})
		if (reading->is_stale)
			read_anew(*reading);
}

bool
catalogs_are_free()
{
	return free_to_read;
}

void
release_catalogs()
{
	free_to_read = false;
}

Superuser
superuser_of(Oid role)
{
	const NamedObject *found = find(roles, role);

	if (found == nullptr)
		return Superuser::Unknown;
	return found->superuser ? Superuser::Yes : Superuser::No;
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
