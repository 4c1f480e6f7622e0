/*
 * Signal one target of a request, by the one way to act (action/act.h).
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

} // namespace session_guard
