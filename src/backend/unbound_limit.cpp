/*
 * Limits that bind no session (see unbound_limit.h).
 */
#include "backend/unbound_limit.h"

#include "settings/settings.h"
#include "settings/stored_setting.h"

namespace session_guard
{

namespace
{

/* The value that is to be stored; nullptr if there is none, or the server will reject it. */
const char *
value_of(const VariableSetStmt &command)
{
	if (command.kind == VAR_SET_CURRENT)
		return GetConfigOption(command.name, true, false);
	if (command.kind != VAR_SET_VALUE || list_length(command.args) != 1 ||
	    !IsA(linitial(command.args), A_Const))
		return nullptr;
	return ExtractSetVariableArgs(const_cast<VariableSetStmt *>(&command));
}

Oid
oid_of(const RoleSpec &role)
{
	switch (role.roletype)
	{
		case ROLESPEC_CSTRING:
			return get_role_oid(role.rolename, true);
		case ROLESPEC_CURRENT_ROLE:
		case ROLESPEC_CURRENT_USER:
			return GetUserId();
		case ROLESPEC_SESSION_USER:
			return GetSessionUserId();
		default:
			return InvalidOid;
	}
}

/* The limit that a command on a role puts in force for it; none if it does not. */
std::optional<Limit>
limit_of(const AlterRoleSetStmt &command)
{
	const char *name = command.setstmt->name;

	/* ALTER ROLE ALL concerns all roles that log in. */
	if (command.role == nullptr || name == nullptr || !is_our_setting(name))
		return std::nullopt;
	const char *value = value_of(*command.setstmt);
	return value != nullptr ? limit_put_in_force(name, value) : std::nullopt;
}

} // namespace

std::optional<UnboundLimit>
find_unbound_limit(const AlterRoleSetStmt &command)
{
	std::optional<Limit> limit = limit_of(command);

	if (!limit)
		return std::nullopt;
	HeapTuple tuple = SearchSysCache1(AUTHOID, ObjectIdGetDatum(oid_of(*command.role)));
	if (!HeapTupleIsValid(tuple))
		return std::nullopt;
	auto role = reinterpret_cast<Form_pg_authid>(GETSTRUCT(tuple));
	UnboundLimit unbound{
	    .limit = *limit, .cannot_log_in = !role->rolcanlogin, .role = role->rolname};
	bool is_spared = role->rolsuper && configured_policy().exempt_superusers;
	ReleaseSysCache(tuple);
	return unbound.cannot_log_in || is_spared ? std::optional(unbound) : std::nullopt;
}

void
report_unbound_limit(const UnboundLimit &unbound)
{
	const char *limit = facts(unbound.limit).name.data();
	const char *role = NameStr(unbound.role);

	if (unbound.cannot_log_in)
		ereport(NOTICE,
		        (errmsg("role \"%s\" cannot log in, and its members are not bound by its "
		                "pg_session_guard.%s",
		                role, limit),
		         errdetail("A limit binds the sessions that have logged in as the role that it is "
		                   "set for."),
		         errhint("Set the limit for the roles that log in, or for a database.")));
	else
		ereport(NOTICE,
		        (errmsg("role \"%s\" is spared from its pg_session_guard.%s", role, limit),
		         errdetail("It is a superuser, and pg_session_guard.exempt_superusers is on.")));
}

} // namespace session_guard
