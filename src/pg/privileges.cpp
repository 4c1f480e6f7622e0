/*
 * What the caller may do and see (see privileges.h).
 */
#include "pg/privileges.h"

#include "pg/compat.h"

namespace session_guard
{

bool
may_signal(Oid role)
{
	if (!OidIsValid(role) || superuser_arg(role))
		return superuser();
	return has_privs_of_role(GetUserId(), role) ||
	       has_privs_of_role(GetUserId(), ROLE_PG_SIGNAL_BACKEND);
}

const char *
denial_of(const PGPROC &process)
{
	Oid role = process.roleId;
	bool is_superusers = OidIsValid(role) && superuser_arg(role);
	Oid signaler = OidIsValid(role) && !is_superusers ? InvalidOid : signaler_of(process);

	if (OidIsValid(signaler))
		return has_privs_of_role(GetUserId(), signaler)
		           ? nullptr
		           : "needs the privileges of pg_signal_autovacuum_worker";
	if (may_signal(role))
		return nullptr;
	if (!OidIsValid(role))
		return "only superusers may signal a process without a role";
	return is_superusers ? "only superusers may signal a superuser's session"
	                     : "needs the privileges of its role or of pg_signal_backend";
}

bool
may_alter_role(Oid role)
{
	if (superuser_arg(role))
		return superuser();
	return has_createrole_privilege(GetUserId()) &&
	       (!createrole_needs_admin_option || is_admin_of_role(GetUserId(), role));
}

bool
may_see(Oid role)
{
	return has_privs_of_role(GetUserId(), ROLE_PG_READ_ALL_STATS) ||
	       has_privs_of_role(GetUserId(), role);
}

bool
may_see_activity_of(Oid role)
{
	return may_see(role) || may_signal(role);
}

} // namespace session_guard
