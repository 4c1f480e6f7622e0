/*
 * What a worker does between two pieces of its work: sleep, and read the
 * configuration again.
 */
#pragma once

#include "core/time.h"

namespace session_guard
{

/* Get the timer.  Once, before the first nap. */
void prepare_naps();

/*
 * Sleep outside of a transaction until an instant or until the latch is set;
 * "never": until it is set.
 *
 * By the server's timer (timeout.h), whose grain is the microsecond, since
 * WaitLatch sleeps whole milliseconds.  A timer that was set for a nap which the
 * latch has ended may end a later one too early.
 */
void nap_until(Instant wake);

/* Read the configuration again if a reload was asked for; true if it was. */
bool take_reload();

} // namespace session_guard
