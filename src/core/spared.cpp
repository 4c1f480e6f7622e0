/*
 * Who is spared (see spared.h).
 */
#include "core/spared.h"

#include "core/episode.h"
#include "core/excluded_time.h"
#include "core/horizon_age.h"

namespace session_guard
{

namespace
{

/* The reasons that do not depend on the limit or the condition. */
Spared
spared_from_all(const Session &session, const Policy &policy)
{
	if (session.state == State::Unknown || session.state == State::Starting)
		return Spared::Unreadable;
	if (session.wait == Wait::SyncRep)
		return Spared::SyncRep;
	if (session.superuser == Superuser::Unknown)
		return Spared::RoleUnknown;
	if (policy.exempt.value)
		return Spared::Exempt;
	if (policy.exempt_superusers && session.superuser == Superuser::Yes)
		return Spared::Superuser;
	return Spared::No;
}

bool
is_spared_for_good(const Session &session, const Policy &policy)
{
	Spared spared = spared_from_all(session, policy);

	return spared != Spared::No && !may_pass_soon(spared);
}

/* Does the present state of the session say nothing about how long it has lasted? */
bool
is_unmeasurable(Limit limit, const Session &session)
{
	return session.state == State::Disabled && limit != Limit::Session && limit != Limit::Memory &&
	       limit != Limit::AvailableMemory;
}

/* Has the session either paused its pipeline or not sent all of a message, and which is unknown? */
bool
may_be_in_message(const Session &session)
{
	return seems_to_pause(session) && session.switches == switches_unreadable;
}

Spared
spared_as_lock_waiter(const Session &session, const Policy &policy)
{
	return policy.spare_lock_waiters && waits_for_lock(session) ? Spared::LockWait : Spared::No;
}

/* Whoever waits for maintenance would wait for it another time, too. */
Spared
spared_in_maintenance(const Session &session, const Policy &policy)
{
	return policy.spare_maintenance && runs_spared_maintenance(session) ? Spared::Maintenance
	                                                                    : Spared::No;
}

Spared
spared_in_transaction(const Session &session)
{
	return is_outside_transaction(session) ? Spared::No : Spared::InTransaction;
}

Spared
spared_by_peer(Peer peer)
{
	switch (peer)
	{
		case Peer::There:
			return Spared::PeerThere;
		case Peer::Unreadable:
			return Spared::PeerUnreadable;
		case Peer::NotRead:
		case Peer::Gone:
			break;
	}
	return Spared::No;
}

/* The reasons of this limit, which may last for a moment only. */
Spared
spared_by_state(Limit limit, const Session &session, const TrackingState &tracking,
                const Policy &policy)
{
	switch (limit)
	{
		case Limit::Statement:
		case Limit::Transaction:
			if (policy.spare_maintenance && runs_spared_maintenance(session) &&
			    !has_used_up_maintenance(limit, session, tracking, policy))
				return Spared::Maintenance;
			[[fallthrough]];
		case Limit::Maintenance:
			return spared_as_lock_waiter(session, policy);
		case Limit::IdleSession:
		case Limit::Headroom:
			if (may_be_in_message(session))
				return Spared::SwitchesUnreadable;
			if (policy.spare_listeners && session.listening)
				return Spared::Listener;
			return spared_in_transaction(session);
		case Limit::IdleInTransactionSession:
			if (may_be_in_message(session))
				return Spared::SwitchesUnreadable;
			/* While it Describes a statement its status stays, and it may wait for a lock. */
			return spared_as_lock_waiter(session, policy);
		case Limit::Session:
			return spared_in_transaction(session);
		case Limit::IdleBlocker:
			return may_be_in_message(session) ? Spared::SwitchesUnreadable : Spared::No;
		case Limit::Blocker:
			return spared_in_maintenance(session, policy);
		case Limit::HorizonAge:
			if (is_held_elsewhere(session.horizon, tracking.horizon))
				return Spared::HorizonHeldElsewhere;
			if (Spared spared = spared_in_maintenance(session, policy); spared != Spared::No)
				return spared;
			return spared_as_lock_waiter(session, policy);
		case Limit::Memory:
		case Limit::AvailableMemory:
			return tracking.memory.bytes == memory_unreadable ? Spared::MemoryUnreadable
			                                                  : Spared::No;
		case Limit::DeadClient:
			/* People start a VACUUM and close the terminal. */
			if (Spared spared = spared_in_maintenance(session, policy); spared != Spared::No)
				return spared;
			return spared_by_peer(session.peer);
	}
	return Spared::No;
}

/* Has the statement that runs, if one does, run for longer than this without excluded time? */
bool
has_run_longer_than(Duration longer_than, const Session &session, const TrackingState &tracking,
                    const Policy &policy, Instant now)
{
	std::optional<Episode> episode = episode_of(Limit::Statement, session, tracking);

	if (!episode || longer_than == 0)
		return true;
	ExcludedTime excluded =
	    excluded_time(Limit::Statement, episode->start, session, tracking, policy);
	return now - episode->start - excluded.total() > longer_than;
}

} // namespace

Spared
spared_from(Limit limit, const Session &session, const TrackingState &tracking,
            const Policy &policy)
{
	if (Spared spared = spared_from_all(session, policy); spared != Spared::No)
		return spared;
	if (session.is_worker && !binds_workers(limit))
		return Spared::Worker;
	if (is_unmeasurable(limit, session))
		return Spared::NotMeasurable;
	return spared_by_state(limit, session, tracking, policy);
}

Spared
spared_from_condition(Condition condition, Duration longer_than, const Session &session,
                      const TrackingState &tracking, const Policy &policy, Instant now)
{
	Spared spared = Spared::No;

	switch (condition)
	{
		case Condition::Idle:
			return spared_from(Limit::IdleSession, session, tracking, policy);
		case Condition::IdleInTransaction:
			return spared_from(Limit::IdleInTransactionSession, session, tracking, policy);
		case Condition::LongStatement:
			spared = spared_from(Limit::Statement, session, tracking, policy);
			if (spared == Spared::No &&
			    !has_run_longer_than(longer_than, session, tracking, policy, now))
				return Spared::NotSoLong;
			return spared;
		case Condition::Blocking:
			spared = spared_from_all(session, policy);
			return spared == Spared::No ? spared_in_maintenance(session, policy) : spared;
	}
	return spared;
}

bool
is_bound_for_blocking(const Session &session, const Policy &policy)
{
	return is_set(policy, Limit::Blocker) ||
	       (is_set(policy, Limit::IdleBlocker) && !session.is_worker);
}

bool
may_end_for_blocking(const Session &session, const Policy &policy)
{
	return is_bound_for_blocking(session, policy) && !is_unmeasurable(Limit::Blocker, session) &&
	       !is_spared_for_good(session, policy);
}

bool
may_end_for_horizon(const Session &session, const Policy &policy)
{
	return is_set(policy, Limit::HorizonAge) && !is_unmeasurable(Limit::HorizonAge, session) &&
	       !is_spared_for_good(session, policy);
}

bool
may_pass_soon(Spared spared)
{
	switch (spared)
	{
		case Spared::Unreadable:
		case Spared::SyncRep:
		case Spared::Maintenance:
		case Spared::LockWait:
		case Spared::PeerThere:
		case Spared::InTransaction:
			return true;
		default:
			return false;
	}
}

} // namespace session_guard
