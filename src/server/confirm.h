/*
 * What becomes of those who were signalled: awaited together, confirmed, or
 * given up.
 */
#pragma once

#include "server/orders.h"

namespace session_guard
{

/* Has a target been signalled, and is the effect not known yet? */
bool is_awaited(const Target &target);

/* Wait until every signal has had its effect, but no longer than this; interruptible. */
void await(const Targets &targets, Duration timeout);

/* Say of those who are still awaited after the timeout that they have survived. */
void give_up(const Targets &targets, Duration timeout);

} // namespace session_guard
