/*
 * Other extensions that take part in statements: they count them, log their
 * plans, check or audit them.
 *
 * The statements of a worker are nobody's workload, and would be at the top of
 * every such list.  Each worker leaves the observers out in the way that is right
 * for its statements.  Once, when connected.
 */
#pragma once

namespace session_guard
{

/*
 * For a worker that only reads backend status: no other extension takes part in
 * its statements at all, so none can fail or wait there either.
 *
 * The hooks are dropped together, for this process, since an extension may set up
 * in one of them what it relies on in the next.
 */
void drop_statement_hooks();

/*
 * For a worker that writes to a table: what another extension audits, checks or
 * stores of that stays in force.  Those that are known to keep lists of
 * statements are told by their settings to leave its statements out.
 */
void turn_off_lists_of_statements();

} // namespace session_guard
