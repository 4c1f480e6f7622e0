/*
 * The role that this session has taken on by SET ROLE, or by anything else that sets "role":
 * set_config(), a function with SET, what is stored for the role that logs in.
 *
 * What the server does whenever that setting or "session_authorization" gets a value, or gets
 * an earlier one back, also publishes the role.  So nothing else can change it unseen, neither
 * the end of a transaction or savepoint nor that of a function, and no statement passes
 * through here.
 */
#pragma once

namespace session_guard
{

/* Have sessions publish it from now on.  To be called once, in the postmaster. */
void watch_taken_role();

} // namespace session_guard
