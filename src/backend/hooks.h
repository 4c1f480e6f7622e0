/*
 * What every session does for the guard: it publishes whether it listens, which
 * maintenance it runs and which role it has taken on, wakes the guard when it has stored settings
 * for a role or database, and tells its client why it is ended.
 */
#pragma once

namespace session_guard
{

/* Install the hooks.  To be called once, in the postmaster. */
void install_hooks();

} // namespace session_guard
