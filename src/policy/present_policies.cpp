/*
 * The policy of each session without the guard (see present_policies.h).
 */
#include "policy/present_policies.h"

#include "pg/subtransaction.h"

#include "settings/settings.h"

#include "shmem/policy_state.h"
#include "shmem/published_rules.h"
#include "shmem/shared_memory.h"

#include "policy/rule_policy.h"
#include "policy/rule_table.h"

#include <cstring>

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

/* Is this the database of the workers? */
bool
has_rule_table()
{
	const char *database = get_database_name(MyDatabaseId);

	return database != nullptr && strcmp(database, guard_database()) == 0;
}

/*
 * The rows of the rules.  Who can read the table has what is committed now; the guard may not have
 * read it yet.  Locked, or not as the extension has made it, it stops the guard's reading as well.
 */
RuleImage
rules_now(bool &are_published)
{
	RuleImage image;
	ErrorData *error = nullptr;
	bool is_read = false;
	auto read = [&]
	{
		Oid table = has_rule_table() ? find_rule_table() : InvalidOid;

		if (!OidIsValid(table) || !ConditionalLockRelationOid(table, AccessShareLock))
			return;
		Snapshot snapshot = RegisterSnapshot(GetLatestSnapshot());
		image = read_rule_table(table, snapshot);
		UnregisterSnapshot(snapshot);
		UnlockRelationOid(table, AccessShareLock);
		is_read = true;
	};

	if (!run_in_subtransaction(read, any_error, &error) &&
	    error->sqlerrcode == ERRCODE_QUERY_CANCELED)
		ReThrowError(error);
	are_published = !is_read;
	return is_read ? image : copy_published_rules().image;
}

Rules
read_rules_now(bool &are_published)
{
	return Rules(rules_now(are_published), present_names);
}

int
encoding_of(Oid database)
{
	HeapTuple tuple = SearchSysCache1(DATABASEOID, ObjectIdGetDatum(database));

	if (!HeapTupleIsValid(tuple))
		return -1;
	int encoding = reinterpret_cast<Form_pg_database>(GETSTRUCT(tuple))->encoding;
	ReleaseSysCache(tuple);
	return encoding;
}

} // namespace

constinit const NameLookup present_names{
    .role = [](const char *name) { return get_role_oid(name, true); },
    .database = [](const char *name) { return get_database_oid(name, true); }};

Superuser
superuser_now(Oid role)
{
	if (!SearchSysCacheExists1(AUTHOID, ObjectIdGetDatum(role)))
		return superuser_by_fresh_reading(role);
	return superuser_arg(role) ? Superuser::Yes : Superuser::No;
}

PresentPolicies::PresentPolicies()
    : context_(CurrentMemoryContext), messages_(SharedInvalidMessageCounter),
      publications_(publication_count()), reading_(read_settings_now()),
      configured_(configuration(reading_)), memberships_(read_memberships()),
      rules_(read_rules_now(rules_are_published_))
{
}

/* The guard publishes other rules some time after the message about them has come. */
bool
PresentPolicies::is_stale() const
{
	return SharedInvalidMessageCounter != messages_ ||
	       (rules_are_published_ && publication_count() != publications_);
}

void
PresentPolicies::refresh()
{
	AcceptInvalidationMessages();
	if (is_stale())
	{
		MemoryContext caller = MemoryContextSwitchTo(context_);

		MemoryContextDelete(reading_.context);
		/* Taken before the reading: what changes meanwhile is read again. */
		messages_ = SharedInvalidMessageCounter;
		publications_ = publication_count();
		reading_ = read_settings_now();
		memberships_ = read_memberships();
		rules_.free();
		rules_ = read_rules_now(rules_are_published_);
		MemoryContextSwitchTo(caller);
	}
	configured_ = configuration(reading_);
}

Policy
PresentPolicies::policy_of(Superuser superuser, const Bound &bound, const char *query) const
{
	Policy policy = policy_by_settings(superuser, bound);

	if (!rules_.all().empty())
		apply_rules(with_settings_of(superuser, bound), query, policy);
	return policy;
}

Policy
PresentPolicies::policy_by_settings(Superuser superuser, const Bound &bound) const
{
	Policy policy = configured_;
	Bound counted = with_settings_of(superuser, bound);

	apply_role_database_settings(reading_, counted.role, counted.database, policy);
	tighten_by_taken_role(reading_, bound.taken_role, bound.database, policy);
	return policy;
}

Policy
PresentPolicies::public_policy_of(Superuser superuser, const Bound &bound) const
{
	Bound known = bound;

	known.taken_role = InvalidOid;
	return policy_by_settings(superuser, known);
}

const RoleDatabaseSettings *
PresentPolicies::stored_for(Source level, Superuser superuser, const Bound &bound) const
{
	Oid role = with_settings_of(superuser, bound).role;

	/* InvalidOid would stand for all. */
	auto stored = [&](Oid whose, Oid database)
	{ return OidIsValid(whose) ? role_database_settings_for(reading_, whose, database) : nullptr; };
	switch (level)
	{
		case Source::AllRoles:
			return role_database_settings_for(reading_, InvalidOid, InvalidOid);
		case Source::Database:
			return role_database_settings_for(reading_, InvalidOid, bound.database);
		case Source::Role:
			return stored(role, InvalidOid);
		case Source::RoleInDatabase:
			return stored(role, bound.database);
		case Source::TakenRole:
			return stored(bound.taken_role, InvalidOid);
		case Source::TakenRoleInDatabase:
			return stored(bound.taken_role, bound.database);
		case Source::ConfigurationFile:
		case Source::Rule:
			break;
	}
	return nullptr;
}

void
PresentPolicies::apply_rules(const Bound &bound, const char *query, Policy &policy) const
{
	Selected session = selected_by(bound, roles_of(bound.role, memberships_));

	bool is_known = query != nullptr;
	auto match = [&](std::size_t index)
	{
		if (!is_known)
			query = read_query(bound, Patience::Unlimited);
		is_known = true;
		return match_query_of(index, bound, query);
	};

	apply_rules_to(rules_, session, match, Doubt::Spares, policy);
}

void
PresentPolicies::suppose_in_force(std::size_t rule)
{
	rules_.suppose_in_force(rule);
}

Selected
PresentPolicies::selected(Superuser superuser, const Bound &bound) const
{
	Oid role = with_settings_of(superuser, bound).role;

	return selected_by(bound, roles_of(role, memberships_));
}

Match
PresentPolicies::match_of(std::size_t rule, const Selected &session, const Bound &bound,
                          const char *query) const
{
	Match match = match_without_query(rules_.all()[rule], session);

	return match == Match::Yes && rules_.all()[rule].has_query ? match_query_of(rule, bound, query)
	                                                           : match;
}

Match
PresentPolicies::match_query_of(std::size_t rule, const Bound &bound, const char *query) const
{
	return query != nullptr ? rules_.match_query_of(
	                              rule, {.text = query, .encoding = encoding_of(bound.database)})
	                        : Match::Unknown;
}

} // namespace session_guard
