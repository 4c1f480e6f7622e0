/*
 * The deadline pass: evaluate the sessions whose deadlines are due, and act on
 * those that are over their limit.
 */
#pragma once

#include "core/time.h"

namespace session_guard
{

/* Handle the deadlines that are due now, in a transaction, until a reload or a stricter policy
 * comes in between. */
void handle_due(Instant now);

} // namespace session_guard
