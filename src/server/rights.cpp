/*
 * What the caller may do and see (see rights.h).
 */
#include "server/rights.h"

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

bool
may_see(Oid role)
{
	return has_privs_of_role(GetUserId(), ROLE_PG_READ_ALL_STATS) ||
	       has_privs_of_role(GetUserId(), role);
}

bool
may_judge(Oid role)
{
	return may_see(role) || may_signal(role);
}

} // namespace session_guard
