/*
 * How far sessions hold vacuum back, for the limit on that, and who else does.
 *
 * All holders are read once for a scan, at most once a second, and again for each session
 * that is over the limit.
 */
#pragma once

#include "core/decision.h"
#include "core/policy.h"
#include "core/session.h"

#include "pg/pg.h"

namespace session_guard
{

/* Prepare the memory.  Once. */
void prepare_horizon();

/* Read the holders for a scan, if there is a limit, and they were not read a moment ago. */
void look_at_horizon(Instant now);

/* Read the holders for one session. */
void reread_horizon(Instant now);

/* Note how far a session holds vacuum back, if there is a limit on that, and who else does. */
void note_horizon(Session &session, int slot, Oid database, const Policy &policy);

/*
 * If a session is spared because somebody else holds back as much who will not be ended, name
 * that one: once, until it has not been in the way of the limit for an hour.
 */
void name_horizon_holder(const Decision &decision, const Session &session, Oid database,
                         const TrackingState &tracking, Instant now);

} // namespace session_guard
