/*
 * What a worker does between two pieces of its work: sleep, and read the
 * configuration again.
 */
#pragma once

namespace session_guard
{

/* Sleep outside of a transaction until the time is over or the latch is set; -1: until it is set.
 */
void nap(long milliseconds);

/* Read the configuration again if a reload was asked for; true if it was. */
bool take_reload();

} // namespace session_guard
