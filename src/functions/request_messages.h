/*
 * What is written about a request: to the log, to the client of its target, and to
 * the history.
 */
#pragma once

#include "shmem/client_message.h"

#include "action/events.h"

#include "functions/request.h"

namespace session_guard
{

/* Who has made the request, by which function and what for. */
Origin origin_of(const Request &request);

/*
 * Write what is done to the target, at whose request and why, and how often that was done
 * before.  The target is announced as soon as the line may be written, in case
 * the call is interrupted by then.
 */
void write_line(const Request &request, Target &target, std::int64_t times_before);

/* What the client of a target is told. */
ClientMessage client_message_for(const Request &request, const Target &target);

/* The event of a target that is to be signaled, with its query as it was when it was selected. */
Event event_of(const Request &request, const Target &target);

} // namespace session_guard
