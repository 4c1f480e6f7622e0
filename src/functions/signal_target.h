/*
 * Signal the targets of a request, by the one way to act (action/act.h).
 */
#pragma once

#include "functions/filter_matcher.h"
#include "functions/request.h"

namespace session_guard
{

/*
 * Announce a target, check it once more, and signal it.  It is settled then,
 * unless its effect is to be awaited.
 */
void signal_target(const Request &request, FilterMatcher &matcher, Target &target);

/*
 * Check and signal what has not been yet, but for the caller's own session.  For room in the
 * history it waits until then at most.
 */
void signal_targets(const Request &request, FilterMatcher &matcher, const Targets &targets,
                    Instant until);

} // namespace session_guard
