/*
 * How often a process has gone to sleep by itself: it does so each time it has
 * taken in what its client sent, so the number tells a client that pauses from
 * one whose message is still arriving.
 */
#pragma once

#include <cstdint>

namespace session_guard
{

/*
 * voluntary_ctxt_switches of a process, from /proc/PID/status (Linux);
 * switches_unreadable where that is not there or hidden.
 */
std::int64_t read_switches(int pid);

} // namespace session_guard
