/*
 * Which processes a request is about.
 */
#pragma once

#include "functions/filter_matcher.h"
#include "functions/request.h"

namespace session_guard
{

/* Select the targets of a request, and tell the caller which it had to leave out. */
Targets select_targets(const Request &request, FilterMatcher &matcher);

/* Is a request to end also the sessions that are about to connect to its databases? */
bool awaits_connecting(const Request &request);

/*
 * Add sessions that were not to be seen yet when the first were selected
 * though they had begun to connect before; true if there are any.
 */
bool add_late_targets(const Request &request, FilterMatcher &matcher, Timestamp started,
                      Targets &targets);

/*
 * Add the sessions that are not among the targets yet, but for those that have not come to their
 * first command: they may yet be refused, unless they are among these.
 */
void add_new_targets(const Request &request, FilterMatcher &matcher,
                     std::span<const BackendRef> let_in, Targets &targets);

/* In the order in which they are shown. */
void sort_by_age(Targets &targets);

} // namespace session_guard
