/*
 * What the catalogs say of roles and databases (see catalogs.h).
 */
#include "server/catalogs.h"

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
	NamedObject *objects;
	std::size_t count;
	std::size_t capacity;
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
              .objects = nullptr,
              .count = 0,
              .capacity = 0};
Reading databases{.relation = DatabaseRelationId,
                  .read = read_database,
                  .is_stale = true,
                  .context = nullptr,
                  .objects = nullptr,
                  .count = 0,
                  .capacity = 0};

/* Are the locks held in this transaction? */
bool free_to_read = false;
bool said_locked = false;

void
mark_stale(Datum reading, CacheId, uint32)
{
	reinterpret_cast<Reading *>(DatumGetPointer(reading))->is_stale = true;
}

void
append(Reading &reading, const NamedObject &object)
{
	if (reading.count == reading.capacity)
	{
		reading.capacity *= 2;
		reading.objects = static_cast<NamedObject *>(
		    repalloc(reading.objects, reading.capacity * sizeof(NamedObject)));
	}
	reading.objects[reading.count++] = object;
}

bool
by_oid(const NamedObject &a, const NamedObject &b)
{
	return a.oid < b.oid;
}

/* Read a catalog anew, by a sequential scan: an index may be locked while its table is not. */
void
read_anew(Reading &reading)
{
	Reading fresh = reading;

	fresh.context =
	    AllocSetContextCreate(TopMemoryContext, "session guard catalog", ALLOCSET_DEFAULT_SIZES);
	fresh.count = 0;
	fresh.capacity = 64;
	fresh.objects = static_cast<NamedObject *>(
	    MemoryContextAlloc(fresh.context, fresh.capacity * sizeof(NamedObject)));

	/* A change that comes in while we read makes the reading stale again. */
	reading.is_stale = false;
	fresh.is_stale = false;

	Relation relation = table_open(reading.relation, NoLock);
	SysScanDesc scan = systable_beginscan(relation, InvalidOid, false, nullptr, 0, nullptr);
	while (HeapTuple tuple = systable_getnext(scan))
		append(fresh, reading.read(tuple));
	systable_endscan(scan);
	table_close(relation, NoLock);
	std::sort(fresh.objects, fresh.objects + fresh.count, by_oid);

	fresh.is_stale = reading.is_stale;
	if (reading.context != nullptr)
		MemoryContextDelete(reading.context);
	reading = fresh;
}

const NamedObject *
find(const Reading &reading, Oid oid)
{
	const NamedObject *end = reading.objects + reading.count;
	const NamedObject *found =
	    std::lower_bound(static_cast<const NamedObject *>(reading.objects), end,
	                     NamedObject{.oid = oid, .superuser = false, .name = {}}, by_oid);

	return found != end && found->oid == oid ? found : nullptr;
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
		         roles.count == 0
		             ? errdetail("The session guard has not read them yet, and ends nobody.")
		             : errdetail("The session guard goes on with what it read of them last.")));
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
