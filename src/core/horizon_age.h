/*
 * How far a session holds vacuum back, by its own doing.
 */
#pragma once

#include "core/session.h"
#include "core/tracking_state.h"

#include <cstdint>

namespace session_guard
{

/* Does its own transaction hold back more than its snapshot, as far as that is its doing? */
bool holds_by_own_transaction(const Horizon &horizon, const TrackedHorizon &tracked);

/* What it holds vacuum back by; after observe(). */
const TrackedHold &hold_of(const Horizon &horizon, const TrackedHorizon &tracked);

/*
 * How many transactions have begun since its own did, or since its snapshot was found to be
 * kept; if lock waiters are spared, without those that have begun while it waited.
 */
std::int64_t held_back(const Horizon &horizon, const TrackedHorizon &tracked,
                       bool spares_lock_waiters);

/* Is it tracked from when its snapshot counts? */
bool is_kept_snapshot_known(const Session &session, const TrackingState &tracking);

/* Would its end free nothing, since somebody whom the guard will not end holds back as much? */
bool is_held_elsewhere(const Horizon &horizon, const TrackedHorizon &tracked);

} // namespace session_guard
