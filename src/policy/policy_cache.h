/*
 * The policy of each session, for the guard: the server's configuration, with
 * what is stored for the session's role and database.
 *
 * What is stored is read again when the server says that something has changed,
 * so cheaply that it can precede each look: mercy that was committed before is
 * honored.
 */
#pragma once

#include "core/policy.h"
#include "core/session.h"

#include "pg/pg.h"

namespace session_guard
{

/* Take the server's configuration over anew. */
void adopt_configuration();

/* The policy where nothing is stored. */
const Policy &base_policy();

/*
 * Bring everything up to date, in a transaction: the catalogs of roles and
 * databases, and what is stored for them.
 */
void refresh_policies();

/* Is it known that something is stored that has not been read, or has nothing been read yet? */
bool policies_are_stale();

/* How long to wait before they are read only because they are stale, and nobody is due. */
Duration pause_before_reading();

/*
 * Was something stored that could not be read, and has that not lasted long?
 * It may be an exemption; but a lock on the catalog must not keep the guard from
 * its work.  What is stored after the last reading began does not count, or
 * whoever stores something in a loop would keep all sessions alive.
 */
bool policies_are_in_doubt();

/* Has anything changed since take_changed_limits() was last called? */
bool policies_have_changed();

/* Does the change bind somebody more strictly, who may have been over the limit for long? */
bool policies_are_stricter();

/* The limits that have come into force anew for somebody since it was called last; a bit for each.
 */
std::uint32_t take_changed_limits();

/* Has cancel_grace become shorter for somebody since this was last asked? */
bool take_shorter_grace();

/* What binds the sessions of a role in a database; of a role that was dropped nothing is stored. */
Policy policy_of(Superuser superuser, Oid role, Oid database);

/* Is the limit set anywhere? */
bool is_in_force(Limit limit);
/* Is it stored for roles or databases? */
bool is_stored(Limit limit);

/* The shortest pause after which an episode of anybody could be due; 0: no limit is set. */
Duration shortest_pause_of_all();

/* The shortest threshold of a limit that waits are taken off; 0: no such limit is set. */
Duration shortest_with_waits_of_all();

} // namespace session_guard
