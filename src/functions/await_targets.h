/*
 * What becomes of the targets that were signaled: awaited together, confirmed, or
 * given up.
 */
#pragma once

#include "functions/request.h"

namespace session_guard
{

/* Note which signals have had their effect; true if others are awaited yet. */
bool confirm_all(const Targets &targets);

/*
 * Settle those that are still awaited after so much time for all: they have survived;
 * or, if they were signaled in its second half, only were signaled, and the guard
 * follows them.
 */
void give_up_all(Duration timeout, const Targets &targets);

/* For error_context_stack, with the targets: add to an error how far the request had got. */
void tell_progress(void *targets);

} // namespace session_guard
