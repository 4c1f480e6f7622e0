/*
 * The guard's schedule of confirmations: what was signaled, by whomever, is read
 * again until the effect is seen (action/confirmation.h).
 *
 * That is 10 ms and 100 ms after the signal and then each second
 * (core/follow_up.h).  What is still there after 5 s has survived; a line in the
 * log says what it waits for.  After a minute it is read as often as there are
 * scans.
 */
#pragma once

#include "core/session.h"

namespace session_guard
{

/* Allocate the memory.  Once; what is open in the ring of events will be followed. */
void prepare_following();

/* Take in the open events that are new in the ring. */
void follow_new_events();

/* When the next reading is due; never, if everything has had its effect. */
Instant next_follow_up();

/* Read whatever is due, in a transaction. */
void follow_up();

} // namespace session_guard
