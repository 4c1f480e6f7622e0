/*
 * Sessions, policies and tracking states for tests, built from what matters to
 * each of them.
 *
 * No two stamps of a built session are the same, so that a decision based on the
 * wrong one fails its test.
 */
#pragma once

#include "core/policy.h"
#include "core/session.h"
#include "core/tracking_state.h"

namespace session_guard::test
{

inline constexpr Duration hour = 60 * minute;
inline constexpr Duration day = 24 * hour;

/* Any moment will do: stamps are given in relation to it. */
inline constexpr Timestamp noon = 26 * 365 * day + 12 * hour;

/* Fill in when the stamps of a session were made, as if both clocks were one. */
inline Session
placed(Session session)
{
	session.times = {.backend_start = session.id.backend_start,
	                 .xact_start = session.xact_start,
	                 .query_start = session.query_start,
	                 .state_change = session.state_change,
	                 .wait_start = session.wait_start};
	return session;
}

/*
 * An ordinary client, by default connected for three days and idle for one second.
 * By default its context switches cannot be read, so that an idle session need not
 * be read before its deadline.  Its client is gone, which counts for one limit only.
 */
class SessionBuilder
{
  public:
	SessionBuilder()
	{
		session_.id = {.pid = 4711, .backend_start = noon - 3 * day};
		session_.superuser = Superuser::No;
		session_.switches = switches_unreadable;
		session_.peer = Peer::Gone;
		idle(noon - second);
	}

	SessionBuilder &
	connected(Timestamp since)
	{
		session_.id.backend_start = since;
		return *this;
	}
	SessionBuilder &
	idle(Timestamp since)
	{
		return state(State::Idle).stamps(unknown_time, since - second, since);
	}
	/* A statement in a transaction that began a second before it. */
	SessionBuilder &
	running(Timestamp since)
	{
		return state(State::Active).stamps(since - second, since, since + millisecond);
	}
	/* A pipeline whose last message was begun at this time, and which waits for the next. */
	SessionBuilder &
	paused(Timestamp last_message)
	{
		return state(State::Active)
		    .waiting_for(Wait::ClientRead)
		    .stamps(last_message - 2 * second, last_message - second, last_message);
	}
	SessionBuilder &
	idle_in_transaction(Timestamp since)
	{
		return state(State::IdleInTransaction).stamps(since - minute, since - second, since);
	}
	/* A failed transaction, which has lost its xact_start. */
	SessionBuilder &
	aborted(Timestamp since)
	{
		return state(State::IdleInTransactionAborted).stamps(unknown_time, since - second, since);
	}
	/* A function call after an idle hour; query_start is still the last statement's. */
	SessionBuilder &
	fastpath(Timestamp since)
	{
		return state(State::Fastpath).stamps(since + millisecond, since - hour, since);
	}
	/* A session that does not track its activities, and waits for a command. */
	SessionBuilder &
	disabled()
	{
		return state(State::Disabled)
		    .waiting_for(Wait::ClientRead)
		    .stamps(unknown_time, unknown_time, unknown_time);
	}

	SessionBuilder &
	state(State state)
	{
		session_.state = state;
		return *this;
	}
	/* Where there is a start there is an id, too, unless it is taken away again. */
	SessionBuilder &
	transaction_since(Timestamp xact_start)
	{
		session_.xact_start = xact_start;
		session_.transaction = xact_start == unknown_time ? 0 : 17;
		return *this;
	}
	SessionBuilder &
	waiting_for(Wait wait)
	{
		session_.wait = wait;
		return *this;
	}
	SessionBuilder &
	worker_waiting_for_lock()
	{
		session_.worker_waits_for_lock = true;
		return *this;
	}
	SessionBuilder &
	copying()
	{
		session_.copying = true;
		return *this;
	}
	/* A wait for a lock that began at this time, or that the server has not stamped yet. */
	SessionBuilder &
	waiting_for_lock(Timestamp wait_start = unknown_time)
	{
		session_.wait = Wait::Lock;
		session_.wait_start = wait_start;
		return *this;
	}
	/* A maintenance command that is spared by default, and has run since then. */
	SessionBuilder &
	maintaining(Instant since = noon)
	{
		session_.maintenance.since = since;
		session_.maintenance.spared_since = since;
		return *this;
	}
	/* The same on temporary tables of its own. */
	SessionBuilder &
	maintaining_own_tables(Instant since)
	{
		session_.maintenance.since = since;
		return *this;
	}
	/* Maintenance that is over, within the statement that has a stamp and the transaction. */
	SessionBuilder &
	maintained(Timestamp statement, Duration in_statement, Duration spared_in_statement,
	           Duration spared_in_transaction)
	{
		session_.maintenance.statement = statement;
		session_.maintenance.in_statement = in_statement;
		session_.maintenance.spared_in_statement = spared_in_statement;
		session_.maintenance.spared_in_transaction = spared_in_transaction;
		return *this;
	}
	SessionBuilder &
	worker()
	{
		session_.is_worker = true;
		return *this;
	}
	SessionBuilder &
	listening()
	{
		session_.listening = true;
		return *this;
	}
	SessionBuilder &
	superuser(Superuser superuser)
	{
		session_.superuser = superuser;
		return *this;
	}
	SessionBuilder &
	with_transaction_id(std::uint32_t id = 17)
	{
		session_.transaction = id;
		return *this;
	}
	/* How often its process has gone to sleep. */
	SessionBuilder &
	switches(std::int64_t count)
	{
		session_.switches = count;
		return *this;
	}
	SessionBuilder &
	failed_at(Instant when)
	{
		session_.failed_at = when;
		return *this;
	}
	/* It keeps so many waiting, the first of them since then; by the lock table, which was read. */
	SessionBuilder &
	blocking(Timestamp since, std::int32_t waiters = 1)
	{
		session_.blocking = {.is_known = true,
		                     .read_at = never,
		                     .is_root = true,
		                     .known = KnownWait::Over,
		                     .waiters = waiters,
		                     .waiter = 815,
		                     .stamp = since,
		                     .since = since};
		return *this;
	}
	/* What has become of the wait that is tracked. */
	SessionBuilder &
	known_wait(KnownWait known)
	{
		session_.blocking.known = known;
		return *this;
	}
	/* The same, but it waits for another one itself. */
	SessionBuilder &
	in_the_middle(Timestamp since)
	{
		blocking(since);
		session_.blocking.is_root = false;
		return *this;
	}
	/* It holds vacuum back from its own transaction, and from that of its snapshot, on. */
	SessionBuilder &
	holding_back(std::uint32_t xid, std::uint32_t xmin, std::uint32_t next)
	{
		session_.horizon = {.xid = xid,
		                    .xmin = xmin,
		                    .next = next,
		                    .kept_from = 0,
		                    .kept_since = unknown_time,
		                    .own_is_exceeded = false,
		                    .snapshot_is_matched = false};
		return *this;
	}
	SessionBuilder &
	memory(std::int64_t bytes)
	{
		session_.memory = bytes;
		return *this;
	}
	/* It uses the most, while so many bytes are left. */
	SessionBuilder &
	greatest_since(Instant since, std::int64_t left)
	{
		session_.shortage = {.since = since,
		                     .left = {.bytes = left, .bound = MemoryBound::Host},
		                     .is_greatest = true};
		return *this;
	}
	/* It is to make room, while so many of ten connections are free. */
	SessionBuilder &
	to_make_room(std::int32_t free)
	{
		session_.room = {.free = free, .all = 10, .is_to_go = true};
		return *this;
	}
	SessionBuilder &
	peer(Peer peer)
	{
		session_.peer = peer;
		return *this;
	}
	SessionBuilder &
	query_start(Timestamp since)
	{
		session_.query_start = since;
		return *this;
	}
	SessionBuilder &
	stamps(Timestamp xact_start, Timestamp query_start, Timestamp state_change)
	{
		transaction_since(xact_start);
		session_.query_start = query_start;
		session_.state_change = state_change;
		return *this;
	}

	operator Session() const
	{
		return placed(session_);
	}

  private:
	Session session_{};
};

/* So many bytes or transactions nobody has. */
inline constexpr std::int64_t out_of_reach = std::int64_t{1} << 52;

/* A time for those limits that measure time. */
constexpr std::int64_t
value_at(Limit limit, Duration value)
{
	return measures_time(limit) ? value : out_of_reach;
}

/* The defaults of the settings: by default no limit is set. */
class PolicyBuilder
{
  public:
	PolicyBuilder &
	limit(Limit limit, Duration value)
	{
		policy_.limits[static_cast<std::size_t>(limit)].value = value;
		return *this;
	}
	/* Those that do not measure time are out of the way. */
	PolicyBuilder &
	all_limits_at(Duration value)
	{
		for (Limit each : all_limits)
			limit(each, value_at(each, value));
		return *this;
	}
	PolicyBuilder &
	session_timeout_jitter(std::int32_t percent)
	{
		policy_.session_timeout_jitter = percent;
		return *this;
	}
	PolicyBuilder &
	mode(Mode mode)
	{
		policy_.mode = mode;
		return *this;
	}
	PolicyBuilder &
	exempt_superusers(bool on)
	{
		policy_.exempt_superusers = on;
		return *this;
	}
	PolicyBuilder &
	spare_lock_waiters(bool on)
	{
		policy_.spare_lock_waiters = on;
		return *this;
	}
	PolicyBuilder &
	spare_listeners(bool on)
	{
		policy_.spare_listeners = on;
		return *this;
	}
	PolicyBuilder &
	spare_maintenance(bool on)
	{
		policy_.spare_maintenance = on;
		return *this;
	}
	PolicyBuilder &
	background_workers(std::uint32_t list)
	{
		policy_.background_workers = list;
		return *this;
	}
	PolicyBuilder &
	count_advisory_locks(bool on)
	{
		policy_.count_advisory_locks = on;
		return *this;
	}
	PolicyBuilder &
	exempt(bool on, Source source = Source::Role)
	{
		policy_.exempt = {.value = on, .source = source};
		return *this;
	}
	PolicyBuilder &
	headroom_min_idle(Duration idle)
	{
		policy_.headroom_min_idle = idle;
		return *this;
	}
	PolicyBuilder &
	cancel_grace(Duration grace)
	{
		policy_.cancel_grace = grace;
		return *this;
	}

	operator Policy() const
	{
		return policy_;
	}

  private:
	Policy policy_{.mode = Mode::Enforce,
	               .exempt_superusers = true,
	               .spare_lock_waiters = true,
	               .spare_listeners = true,
	               .spare_maintenance = true,
	               .count_advisory_locks = false,
	               .exempt = {},
	               .cancel_grace = 10 * second,
	               .session_timeout_jitter = 0,
	               .background_workers = 0,
	               .headroom_min_idle = 30 * second,
	               .limits = {},
	               .trials = {},
	               .is_trial = false};
};

/* The tracking state of a session of which only that is known that it is in the way of others. */
inline TrackingState
tracking_of(const Session &session)
{
	const Blocking &blocking = session.blocking;
	TrackingState tracking{};

	tracking.session = session.id;
	tracking.blocking = {.waiter = blocking.waiter,
	                     .stamp = blocking.stamp,
	                     .since = blocking.since,
	                     .apart = 0,
	                     .read_at = 0,
	                     .was_in_the_way = blocking.is_root && blocking.stamp != unknown_time};
	return tracking;
}

/* The tracking state of a session that was read once. */
inline TrackingState
tracking_after_reading(const Session &session, Instant at)
{
	TrackingState tracking = tracking_of(session);

	observe(tracking, session, at);
	return tracking;
}

/* So many seconds after noon. */
constexpr Instant
at(Duration seconds)
{
	return noon + seconds * second;
}

/* A session whose statement began at noon, and its transaction a second earlier. */
inline SessionBuilder
running()
{
	return SessionBuilder().running(noon);
}

/* The same while it waits for a lock since so many seconds after noon. */
inline SessionBuilder
waiting(Duration since)
{
	return running().waiting_for_lock(at(since));
}

} // namespace session_guard::test
