/*
 * The role that this session has taken on (see taken_role.h).
 */
#include "backend/taken_role.h"

#include "pg/compat.h"
#include "pg/monotonic_clock.h"

#include "shmem/taken_role.h"

namespace session_guard
{

namespace
{

GucStringAssignHook assign_role = nullptr;
GucStringAssignHook assign_session_authorization = nullptr;

/* Publish what holds once a value is in force.  Cannot fail: a transaction may be ending. */
void
publish_current_role()
{
	Oid role = GetCurrentRoleId();

	publish_taken_role({.role = role, .since = role != InvalidOid ? monotonic_now() : 0});
}

void
assign_role_and_publish(const char *value, void *extra)
{
	assign_role(value, extra);
	publish_current_role();
}

/* It gives up the role that was taken on; older minor releases do so without a word to "role". */
void
assign_session_authorization_and_publish(const char *value, void *extra)
{
	assign_session_authorization(value, extra);
	publish_current_role();
}

/* Put a function in the place of the one that puts a setting in force, which it is to call. */
void
replace(const char *setting, GucStringAssignHook replacement, GucStringAssignHook &replaced)
{
	GucStringAssignHook *hook = assign_hook_of(setting);

	if (hook == nullptr || *hook == nullptr)
		elog(ERROR, "setting \"%s\" cannot be watched", setting);
	replaced = *hook;
	*hook = replacement;
}

} // namespace

void
watch_taken_role()
{
	replace("role", assign_role_and_publish, assign_role);
	replace("session_authorization", assign_session_authorization_and_publish,
	        assign_session_authorization);
}

} // namespace session_guard
