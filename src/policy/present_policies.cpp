/*
 * The policy of each session without the guard (see present_policies.h).
 */
#include "policy/present_policies.h"

#include "settings/settings.h"

#include "shmem/policy_state.h"
#include "shmem/shared_memory.h"

namespace session_guard
{

namespace
{

/* What pg_authid says, read without the cache: that may not know a new role yet. */
Superuser
superuser_by_fresh_reading(Oid role)
{
	Superuser superuser = Superuser::Dropped;
	ScanKeyData key;

	/* A session without a role still authenticates. */
	if (role == InvalidOid)
		return Superuser::Unknown;
	InvalidateCatalogSnapshot();
	ScanKeyInit(&key, Anum_pg_authid_oid, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(role));
	Relation relation = table_open(AuthIdRelationId, AccessShareLock);
	SysScanDesc scan = systable_beginscan(relation, AuthIdOidIndexId, true, nullptr, 1, &key);
	if (HeapTuple tuple = systable_getnext(scan))
		superuser = reinterpret_cast<Form_pg_authid>(GETSTRUCT(tuple))->rolsuper ? Superuser::Yes
		                                                                         : Superuser::No;
	systable_endscan(scan);
	table_close(relation, AccessShareLock);
	return superuser;
}

RoleDatabaseReading
read_settings_now()
{
	LockRelationOid(DbRoleSettingRelationId, AccessShareLock);
	std::optional<RoleDatabaseReading> reading =
	    read_role_database_settings({}, DEBUG1, Damaged::IsError);
	UnlockRelationOid(DbRoleSettingRelationId, AccessShareLock);
	return *reading;
}

/*
 * The server's configuration.  Without the library preloaded the guard has not
 * published it, and this session's variables may hold a setting of its own role
 * or database.  An exemption from such a setting is then left out: what the
 * configuration file says of it is not known, and its default is no exemption.
 */
Policy
configuration(const RoleDatabaseReading &reading)
{
	if (has_shared_memory())
		return published_configuration();

	Policy policy = configured_policy();
	Policy own = policy;

	apply_role_database_settings(reading, GetAuthenticatedUserId(), MyDatabaseId, own);
	if (own.exempt.source != Source::ConfigurationFile)
		policy.exempt.value = false;
	return policy;
}

} // namespace

Superuser
superuser_now(Oid role)
{
	if (!SearchSysCacheExists1(AUTHOID, ObjectIdGetDatum(role)))
		return superuser_by_fresh_reading(role);
	return superuser_arg(role) ? Superuser::Yes : Superuser::No;
}

PresentPolicies::PresentPolicies()
    : context_(CurrentMemoryContext), messages_(SharedInvalidMessageCounter),
      reading_(read_settings_now()), configured_(configuration(reading_))
{
}

void
PresentPolicies::refresh()
{
	AcceptInvalidationMessages();
	if (SharedInvalidMessageCounter != messages_)
	{
		MemoryContext caller = MemoryContextSwitchTo(context_);

		MemoryContextDelete(reading_.context);
		/* Taken before the reading: what changes meanwhile is read again. */
		messages_ = SharedInvalidMessageCounter;
		reading_ = read_settings_now();
		MemoryContextSwitchTo(caller);
	}
	configured_ = configuration(reading_);
}

Policy
PresentPolicies::policy_of(Superuser superuser, const Bound &bound) const
{
	Policy policy = configured_;

	/* A role that was dropped has no settings. */
	apply_role_database_settings(reading_,
	                             superuser == Superuser::Dropped ? InvalidOid : bound.role,
	                             bound.database, policy);
	return policy;
}

} // namespace session_guard
