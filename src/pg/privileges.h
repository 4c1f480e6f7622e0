/*
 * What the caller of a function may do to a session, and see of it: the
 * server's own rules.
 */
#pragma once

#include "pg/pg.h"

namespace session_guard
{

/*
 * May the caller signal a session of this role?  The rule of
 * pg_terminate_backend() and pg_cancel_backend() (signalfuncs.c): a superuser's
 * session, or a process without a role, by superusers only, any other by a role that
 * has the privileges of its role or of pg_signal_backend.
 */
bool may_signal(Oid role);

/*
 * Why the caller may not signal a process, by the rule of the server's function, so
 * that the answer is known before anything is written; nullptr if the caller may.  The text is
 * static.
 */
const char *denial_of(const PGPROC &process);

/*
 * May the caller change a role?  The rule of ALTER ROLE (user.c): a superuser by superusers
 * only, any other by a role with CREATEROLE, which needs the option ADMIN on it from 16 on.
 */
bool may_alter_role(Oid role);

/* Does pg_stat_activity show the caller all of a session of this role? */
bool may_see(Oid role);

/*
 * May the caller's request depend on what a session of this role is doing?  A role
 * that may signal others may ask for "the idle ones" without seeing their state;
 * to any other role the answer would tell what pg_stat_activity hides.
 */
bool may_see_activity_of(Oid role);

} // namespace session_guard
