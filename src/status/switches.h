/*
 * How often a process has slept until something came from its client: it sleeps
 * again each time it has taken in what was sent, so the number tells a client
 * that pauses from one whose message is still arriving.
 */
#pragma once

#include <cstdint>

namespace session_guard
{

/*
 * The number for a process, which counts from anywhere: voluntary_ctxt_switches
 * of /proc/PID/status, less syscr of /proc/PID/io (Linux).
 *
 * A process that the server's own signals wake sleeps again, too, and everybody
 * can have them sent to all: creating temporary tables does, when the others are
 * told of it.  But what such a signal leaves in the latch is read as from a file,
 * and counted there, while what a client sends is received.  (Tried: the same
 * number to the last for cancels, notifications and changes of catalogs.)
 *
 * switches_unreadable where /proc is not there or hidden; where only the reads
 * are, as in a kernel that does not count them, nothing is taken off.
 */
std::int64_t read_switches(int pid);

} // namespace session_guard
