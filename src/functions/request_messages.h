/*
 * What is said of a request: to the log, to the client of its target, and to the
 * history.
 */
#pragma once

#include "shmem/client_message.h"

#include "action/events.h"

#include "functions/filter_matcher.h"
#include "functions/request.h"

namespace session_guard
{

/* Who gave a request, by which function and what for. */
Origin origin_of(const Request &request);

/*
 * Write who ends whom, by which function and why, and how often that was done
 * before.  The target is announced as soon as the line may be written, for
 * whoever is interrupted by then.
 */
void announce(const Request &request, Target &target, std::int64_t times_before);

/* What the client of a target is told. */
ClientMessage client_message_for(const Request &request, const Target &target);

/* The event of what is done, or was not done, to a target that was announced. */
Event event_of(const Request &request, const FilterMatcher &matcher, const Target &target);

} // namespace session_guard
