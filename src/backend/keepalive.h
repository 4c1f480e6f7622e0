/*
 * TCP keepalive on the session's own socket, by keepalive_idle, whatever the session has set
 * itself: so that it ends when its client is cut off, at whatever it is.
 *
 * What the session or the server has set stricter stays.  Unix-domain sockets have none.
 */
#pragma once

namespace session_guard
{

/* When the client has connected, and its startup options are in force. */
void set_own_keepalive();

/* After a utility command, which may have been a SET. */
void reset_changed_keepalive();

/*
 * At the end of a transaction, when it has not undone its settings yet: also where
 * keepalive_idle has changed.
 */
void reset_keepalive_after_transaction();

} // namespace session_guard
