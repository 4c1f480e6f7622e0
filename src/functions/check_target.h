/*
 * Whether a process may be signaled for a request, and still is what the request
 * is about: all that is decided about a target.
 */
#pragma once

#include "functions/filter_matcher.h"
#include "functions/request.h"

namespace session_guard
{

/*
 * Why the caller may not do to a process what the request asks for; nullptr if it
 * may.  What is denied is not read any further: whatever an answer tells beyond
 * that might be what pg_stat_activity hides.
 */
const char *denial_of(const Request &request, const PGPROC &process);

/* Settle what is clear without a signal: a target that is denied, gone, raced or spared, and a dry
 * run. */
void precheck(const Request &request, FilterMatcher &matcher, Target &target);

/* Read a target again, and settle it if it is no longer what the request is about. */
void recheck(const Request &request, FilterMatcher &matcher, Target &target);

} // namespace session_guard
