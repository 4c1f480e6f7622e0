/*
 * How far a session holds vacuum back (see horizon_age.h).
 */
#include "core/horizon_age.h"

#include "core/xid_age.h"

namespace session_guard
{

namespace
{

std::int64_t
age_by_own_transaction(const Horizon &horizon)
{
	return xid_age(horizon.xid, horizon.next).value_or(0);
}

std::int64_t
age_by_snapshot(const Horizon &horizon)
{
	return horizon.xmin == 0 ? 0 : xid_age(horizon.kept_from, horizon.next).value_or(0);
}

} // namespace

bool
holds_by_own_transaction(const Horizon &horizon, const TrackedHorizon &tracked)
{
	std::int64_t by_own = age_by_own_transaction(horizon) - tracked.own.waited;
	std::int64_t by_snapshot = age_by_snapshot(horizon) - tracked.snapshot.waited;

	if (horizon.xid == 0 || by_snapshot <= 0)
		return horizon.xid != 0;
	/* What somebody else holds back as well is no matter, if it is only one of the two. */
	if (horizon.own_is_exceeded != horizon.snapshot_is_matched)
		return horizon.snapshot_is_matched;
	return by_own >= by_snapshot;
}

const TrackedHold &
hold_of(const Horizon &horizon, const TrackedHorizon &tracked)
{
	return holds_by_own_transaction(horizon, tracked) ? tracked.own : tracked.snapshot;
}

std::int64_t
held_back(const Horizon &horizon, const TrackedHorizon &tracked, bool spares_lock_waiters)
{
	std::int64_t age = holds_by_own_transaction(horizon, tracked) ? age_by_own_transaction(horizon)
	                                                              : age_by_snapshot(horizon);

	return age - (spares_lock_waiters ? hold_of(horizon, tracked).waited : 0);
}

bool
is_kept_snapshot_known(const Session &session, const TrackingState &tracking)
{
	const TrackedHorizon &known = tracking.horizon;

	return tracking.session == session.id && known.transaction == session.transaction &&
	       known.snapshot.id == session.horizon.xmin && known.kept_from != 0;
}

bool
is_held_elsewhere(const Horizon &horizon, const TrackedHorizon &tracked)
{
	return holds_by_own_transaction(horizon, tracked) ? horizon.own_is_exceeded
	                                                  : horizon.snapshot_is_matched;
}

} // namespace session_guard
