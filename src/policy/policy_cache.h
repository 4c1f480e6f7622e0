/*
 * The policy of each session, for the guard: the server's configuration, with
 * the settings of the session's role and database, those of the role that it has taken on, and what
 * the rules make of all that.
 *
 * Settings and rules are read again when the server says that something has changed,
 * so cheaply that it can precede each evaluation: an exemption that was committed
 * before is honored.
 */
#pragma once

#include "core/policy.h"
#include "core/session.h"

#include "pg/pg.h"

#include "status/bound.h"

namespace session_guard
{

/* Take the server's configuration over anew. */
void adopt_configuration();

/* The policy where neither role nor database sets anything, and no rule speaks. */
const Policy &base_policy();

/*
 * Bring everything up to date, in a transaction: the catalogs of roles and
 * databases, their settings, and the rules.
 */
void refresh_policies();

/* Is a change known that has not been read, or has nothing been read yet? */
bool policies_are_stale();

/* How long to wait before they are read only because they are stale, and no deadline is due. */
Duration pause_before_reading();

/*
 * Is there a change that could not be read, and has that not lasted long?  The
 * change could be an exemption; but a lock on a catalog must not keep the guard
 * from its work.
 */
bool policies_are_in_doubt();

/*
 * What binds a session, in a transaction; a role that was dropped has no settings.  The text of its
 * query is read, if that matters and the caller has none.
 */
Policy policy_of(Superuser superuser, const Bound &bound, const char *query = nullptr);

/* What may bind a session, whatever its query is: to know when to look at it again. */
struct PlannedPolicy
{
	/* The strictest that it can be. */
	Policy policy;
	bool depends_on_query;
};
PlannedPolicy planned_policy_of(Superuser superuser, const Bound &bound);

/* Is the limit set anywhere? */
bool is_in_force(Limit limit);
bool is_set_for_roles_or_databases(Limit limit);
bool is_set_by_rules(Limit limit);

/* Is it set by a rule that is enforced, or by one that only logs? */
bool is_enforced_by_rules(Limit limit);
bool is_tried_by_rules(Limit limit);

/* The shortest pause after which an episode of anybody could be due; 0: no limit is set. */
Duration shortest_pause_of_all();

/* The shortest threshold of a limit for which waits are sampled; 0: no such limit is set. */
Duration shortest_with_waits_of_all();

/* The shortest threshold of a limit on blocking; 0: no such limit is set. */
Duration shortest_blocking_of_all();

} // namespace session_guard
