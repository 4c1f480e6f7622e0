/*
 * When the next scan is due: after naptime, in time for the shortest limit, and
 * more often while sessions wait that are not to be held responsible for it.
 */
#pragma once

#include "core/policy.h"
#include "core/scan_pauses.h"
#include "core/session.h"
#include "core/tracking_state.h"

namespace session_guard
{

/* Scan as soon as may be, if any limit is in force. */
void ask_for_scan();
bool scan_is_asked_for();

/* Scan at this moment, if no scan comes before. */
void ask_for_scan_at(Instant at);

/* Somebody waits for a lock, and since when others can be in the way is told by samples. */
void note_lock_wait();

/* Count the pause to the next scan from now on. */
void postpone_scan(Instant now);

/* When the next scan is due; never, if no limit is in force. */
Instant next_scan();

/* Is it time for a scan that asks the server who is there (status/scan.h)? */
bool full_scan_is_due(Instant now);

/* A scan begins: the pace of the next ones follows from the sessions that it finds. */
void begin_pace();
void note_pace(const Session &session, const TrackingState &tracking, const Policy &policy);

/* A scan that began at this moment has ended. */
void note_scan(Instant start, bool is_full);

} // namespace session_guard
