/*
 * Settings that bind or spare no session (see unbound_limit.h).
 */
#include "backend/unbound_limit.h"

#include "settings/settings.h"
#include "settings/stored_setting.h"

namespace session_guard
{

namespace
{

constexpr const char *hint_of_rules =
    "Rules in session_guard.rule select sessions by the roles that they are members of.";

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

/* What is stored; none if it neither puts a limit in force nor exempts. */
struct Stored
{
	/* None: it is the exemption. */
	std::optional<Limit> limit;
};

std::optional<Stored>
stored_by(const AlterRoleSetStmt &command)
{
	const char *name = command.setstmt->name;

	/* ALTER ROLE ALL concerns all roles that log in. */
	if (command.role == nullptr || name == nullptr || !is_our_setting(name))
		return std::nullopt;
	const char *value = value_of(*command.setstmt);
	if (value == nullptr)
		return std::nullopt;
	if (std::optional<Limit> limit = limit_put_in_force(name, value))
		return Stored{.limit = limit};
	return exempts(name, value) ? std::optional(Stored{.limit = std::nullopt}) : std::nullopt;
}

/* It cannot log in: a limit binds whoever takes it on, but an exemption cannot be taken on. */
void
report_cannot_log_in(const UnboundLimit &unbound)
{
	const char *role = NameStr(unbound.role);

	if (unbound.limit)
		ereport(NOTICE, (errmsg("role \"%s\" cannot log in, and its pg_session_guard.%s binds only "
		                        "sessions that take it on by SET ROLE",
		                        role, facts(*unbound.limit).name.data()),
		                 errhint("%s", hint_of_rules)));
	else
		ereport(NOTICE, (errmsg("role \"%s\" cannot log in, and its pg_session_guard.exempt "
		                        "spares no session",
		                        role),
		                 errhint("%s", hint_of_rules)));
}

} // namespace

std::optional<UnboundLimit>
find_unbound_limit(const AlterRoleSetStmt &command)
{
	std::optional<Stored> stored = stored_by(command);

	if (!stored)
		return std::nullopt;
	HeapTuple tuple = SearchSysCache1(AUTHOID, ObjectIdGetDatum(oid_of(*command.role)));
	if (!HeapTupleIsValid(tuple))
		return std::nullopt;
	auto role = reinterpret_cast<Form_pg_authid>(GETSTRUCT(tuple));
	UnboundLimit unbound{
	    .limit = stored->limit, .cannot_log_in = !role->rolcanlogin, .role = role->rolname};
	bool is_spared = stored->limit && role->rolsuper && configured_policy().exempt_superusers;
	ReleaseSysCache(tuple);
	return unbound.cannot_log_in || is_spared ? std::optional(unbound) : std::nullopt;
}

void
report_unbound_limit(const UnboundLimit &unbound)
{
	if (unbound.cannot_log_in)
		report_cannot_log_in(unbound);
	else
		ereport(NOTICE,
		        (errmsg("role \"%s\" is spared from its pg_session_guard.%s", NameStr(unbound.role),
		                facts(*unbound.limit).name.data()),
		         errdetail("It is a superuser, and pg_session_guard.exempt_superusers is on.")));
}

} // namespace session_guard
