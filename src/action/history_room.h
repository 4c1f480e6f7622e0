/*
 * Orders wait for the history rather than have events lost.
 */
#pragma once

#include "server/clock.h"

namespace session_guard
{

/*
 * Before the caller's next signal, wait while those of its events that are not in the
 * history yet have used up its share of the memory, but not beyond this moment.
 * Interruptible, and not for the guard.  Where no history is written nobody waits.
 */
void await_history_room(Instant until);

} // namespace session_guard
