/*
 * Catalogs, without ever waiting for them (see catalog_access.h).
 */
#include "status/catalog_access.h"

#include "pg/monotonic_clock.h"

#include "shmem/counters.h"

#include <algorithm>
#include <span>

namespace session_guard
{

namespace
{

struct CatalogRelation
{
	Oid oid;
	const char *name;
};

/*
 * What can be opened when roles and databases are read, when the scan's query
 * is planned and run, and when the server's functions look a role up.  Indexes
 * can be locked alone, by REINDEX.
 */
constexpr CatalogRelation needed[] = {
    /* What is read by the guard itself. */
    {AuthIdRelationId, "pg_authid"},
    {DatabaseRelationId, "pg_database"},
    {AuthMemRelationId, "pg_auth_members"},
    /* The server's lookup of a role. */
    {AuthIdOidIndexId, "pg_authid_oid_index"},
    /* What the relation cache is made from. */
    {RelationRelationId, "pg_class"},
    {ClassOidIndexId, "pg_class_oid_index"},
    {AttributeRelationId, "pg_attribute"},
    {AttributeRelidNumIndexId, "pg_attribute_relid_attnum_index"},
    {IndexRelationId, "pg_index"},
    {IndexRelidIndexId, "pg_index_indexrelid_index"},
    {AccessMethodRelationId, "pg_am"},
    {AmOidIndexId, "pg_am_oid_index"},
    {OperatorClassRelationId, "pg_opclass"},
    {OpclassOidIndexId, "pg_opclass_oid_index"},
    {AccessMethodProcedureRelationId, "pg_amproc"},
    {AccessMethodProcedureIndexId, "pg_amproc_fam_proc_index"},
    /* What the scan's query is planned from. */
    {ProcedureRelationId, "pg_proc"},
    {ProcedureOidIndexId, "pg_proc_oid_index"},
    {ProcedureNameArgsNspIndexId, "pg_proc_proname_args_nsp_index"},
    {TypeRelationId, "pg_type"},
    {TypeOidIndexId, "pg_type_oid_index"},
    {TypeNameNspIndexId, "pg_type_typname_nsp_index"},
    {NamespaceRelationId, "pg_namespace"},
    {NamespaceNameIndexId, "pg_namespace_nspname_index"},
    {NamespaceOidIndexId, "pg_namespace_oid_index"},
};

/* How long to do without catalogs after a reading has failed. */
constexpr Duration pause_after_failure = second;

/* In the present transaction. */
bool holds_locks = false;
/*
 * By the monotonic clock: until then the locks are not asked for again after a refusal.
 * A pass with many sessions may last, and what is committed meanwhile must count.
 */
constexpr Duration pause_after_refusal = 10 * millisecond;
Instant refused_until = beginning;
bool said_locked = false;
/* By the monotonic clock. */
Duration paused_until = 0;

CatalogWork asking{.what = "ask for the locks of catalogs", .has_failed = false};

bool
is_paused()
{
	return paused_until != 0 && monotonic_now() < paused_until;
}

/* Lock everything; returns the relation that cannot be locked now, if there is one. */
const CatalogRelation *
lock_all()
{
	for (const CatalogRelation &one : needed)
	{
		if (ConditionalLockRelationOid(one.oid, AccessShareLock))
			continue;
		/* A session that waits for one of the others must not wait for the guard. */
		for (const CatalogRelation *locked = needed; locked != &one; locked++)
			UnlockRelationOid(locked->oid, AccessShareLock);
		return &one;
	}
	return nullptr;
}

void
report_locked(const CatalogRelation &locked, bool were_read)
{
	if (!said_locked)
		ereport(LOG,
		        (errmsg("catalogs of roles and databases are locked"),
		         were_read ? errdetail("Somebody has locked \"%s\".  The session guard goes on "
		                               "with what it read of them last.",
		                               locked.name)
		                   : errdetail("Somebody has locked \"%s\".  The session guard has not "
		                               "read them yet, and ends nobody.",
		                               locked.name)));
	said_locked = true;
}

} // namespace

bool
lock_catalogs(bool were_read)
{
	const CatalogRelation *locked = nullptr;

	if (is_paused())
		return false;
	if (holds_locks)
		return true;
	if (monotonic_now() < refused_until)
		return false;
	if (!with_catalogs(asking, [&] { locked = lock_all(); }))
		return false;
	holds_locks = locked == nullptr;
	if (holds_locks)
		said_locked = false;
	else
	{
		refused_until = monotonic_now() + pause_after_refusal;
		report_locked(*locked, were_read);
		count(shared_counters().lock_skips);
	}
	return holds_locks;
}

bool
lock_if_free(std::span<const Oid> relations)
{
	return std::ranges::all_of(relations, [](Oid relation)
	                           { return ConditionalLockRelationOid(relation, AccessShareLock); });
}

void
forget_catalog_locks()
{
	holds_locks = false;
}

void
note_catalog_failure(CatalogWork &work, const ErrorData &error)
{
	paused_until = monotonic_now() + pause_after_failure;
	count(shared_counters().lock_skips);
	if (work.has_failed)
		return;
	work.has_failed = true;
	note_error(error.message, psprintf("could not %s", work.what));
	ereport(LOG, (errcode(error.sqlerrcode), errmsg("could not %s: %s", work.what, error.message),
	              errdetail("The session guard goes on without, and tries again every second.")));
}

} // namespace session_guard
