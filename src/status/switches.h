/*
 * How often a process has slept until something came from its client: it sleeps
 * again each time it has taken in what was sent, so the number tells a client
 * that pauses from one whose message is still arriving.
 */
#pragma once

#include "core/session.h"

namespace session_guard
{

/*
 * Fill in the number for the process of a session, and whether it is awake.  The
 * number counts from anywhere: voluntary_ctxt_switches of /proc/PID/status, less
 * syscr of /proc/PID/io (Linux).
 *
 * A process that the server's own signals wake sleeps again, too, and any session
 * can have them sent to all: creating temporary tables does, when the others are
 * told of it.  But what such a signal leaves in the latch is read as from a file,
 * and counted there, while what a client sends is received.  (Tried: exactly the
 * same number for cancels, notifications and changes of catalogs.)
 *
 * switches_unreadable where /proc is not there or hidden; where only the reads
 * are, as in a kernel that does not count them, nothing is taken off.
 */
void read_switches(Session &session);

} // namespace session_guard
