/*
 * Following through: what was signalled is looked at again until its effect is
 * seen, whoever has sent the signal.
 *
 * The looks come 10 ms, 100 ms, 1 s and 5 s after the signal.  Whoever is still
 * there then has survived; a line in the log says what he waits for, and he is
 * looked at again as often as there are scans.
 */
#pragma once

#include "core/session.h"

namespace session_guard
{

/* Allocate the memory.  Once; what is open in the ring of events will be followed. */
void prepare_following();

/* Take in the open events that are new in the ring. */
void follow_new_events();

/* When the next look is due; never, if everything has had its effect. */
Instant next_follow_up();

/* Look at whoever is due, in a transaction. */
void follow_up();

} // namespace session_guard
