/*
 * What every session does for the guard: say on which channels it listens, wake
 * the guard when it has changed what is stored for a role or database, and tell
 * its client why it is ended.
 */
#pragma once

namespace session_guard
{

/* Install the hooks.  Once, in the postmaster. */
void install_hooks();

} // namespace session_guard
