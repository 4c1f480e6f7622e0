/*
 * Room for new connections (connection_headroom): when it is looked whether enough are free, and
 * which sessions are to go if they are not.
 *
 * A newcomer that finds too few free asks for it; otherwise it is looked at by each scan.  How
 * many are free is counted once more right before each signal: those that were signaled and are
 * still there count as gone, so that nobody goes in their place.
 */
#pragma once

#include "core/headroom.h"
#include "core/policy.h"
#include "core/session.h"
#include "core/tracking_state.h"

#include "status/scan.h"

#include <span>

namespace session_guard
{

/* Ask for a scan if a newcomer has asked for room, and too few connections are free. */
void watch_newcomers(Instant now);

/* When that is to be done again: at once if one has asked meanwhile, otherwise never. */
Instant next_newcomer();

/* How many connections are free now, as far as those count that are still wanted. */
Room present_room();

/* A scan begins: are sessions to be chosen that make room? */
void begin_to_choose();

/* Does this scan choose who makes room? */
bool chooses_who_goes();
/* See whether one of them that was read may go. */
void consider_to_go(const Scanned &found, const TrackingState &tracking, const Policy &policy,
                    Instant now);
/* The scan has read all: those that are to go, to be evaluated now.  Valid until the next scan. */
std::span<const IdleSession> sessions_to_make_room(Instant now);

/* Fill in whether the session is one of those that are to go. */
void note_room(Session &session);
/* The same with how many connections are free now. */
void read_room(Session &session);

/* Note that one that was chosen has not gone: another one may have to. */
void note_not_gone(Instant now);

/* Warn of a headroom that is too large for the server. */
void report_headroom_out_of_reach();

} // namespace session_guard
