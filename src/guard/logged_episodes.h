/*
 * With mode = log, of the server or of a rule: how long the episodes lasted in the end that events
 * tell of.
 *
 * The duration is measured whenever the session is read, and written to the event
 * when the episode is found to be over: it is what the last reading before the end
 * has measured, short of the truth by the time between two scans at most.
 */
#pragma once

#include "core/limits.h"
#include "core/policy.h"
#include "core/session.h"
#include "core/tracking_state.h"

namespace session_guard
{

/* Follow the episode that an event tells of. */
void follow_logged(TrackingState &tracking, Limit limit, bool is_trial, std::uint64_t event,
                   Duration measured);

/* Measure, or complete, what a tracking follows, when it is up to date with its session. */
void measure_logged(TrackingState &tracking, const Session &session, const Policy &policy,
                    Instant now);

/* After a change of the policy: leave the events as they are that are about a limit of which this
 * does not hold any more. */
void leave_logged(bool (*is_logged)(Limit limit, bool is_trial));

/* Complete the events of a session that has ended, before its tracking is another one's. */
void complete_logged(TrackingState &tracking);

/* The same for all sessions that have ended since. */
void complete_logged_of_ended();

} // namespace session_guard
