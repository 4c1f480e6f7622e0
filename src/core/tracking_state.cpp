/*
 * What a reading changes in the tracking state of a session (see tracking_state.h).
 */
#include "core/tracking_state.h"

#include "core/xid_age.h"

#include <algorithm>

namespace session_guard
{

namespace
{

/*
 * When a stamp was made.  The same stamp may be in several fields, and move from
 * one to another: it is placed once.
 *
 * A stamp that was not there at the last reading was made after it, or not long
 * before, since it becomes visible a little later than it is made.  That is so
 * even if the wall clock was set twice between two readings of the clocks, which
 * show both steps as one.
 */
Instant
time_of_stamp(const TrackingState &tracking, Timestamp stamp, const Clock &clock, Instant now)
{
	if (stamp == unknown_time)
		return unknown_time;
	for (const PlacedStamp *known :
	     {&tracking.backend_start, &tracking.xact_start, &tracking.query_start,
	      &tracking.state_change, &tracking.wait_start})
		if (known->stamp == stamp)
			return known->at;

	Instant made = time_of(clock, stamp, now);
	return tracking.read_at == unknown_time ? made
	                                        : std::max(made, tracking.read_at - smallest_step);
}

SeenWait
wait_of(const Session &session)
{
	if (session.wait == Wait::SyncRep)
		return SeenWait::Standby;
	if (waits_for_lock(session))
		return SeenWait::Lock;
	return awaits_message(session) ? SeenWait::Client : SeenWait::None;
}

/*
 * From when a wait does not count that this reading has found and the one before
 * had not: from its own start if the server has stamped it, otherwise from the
 * reading before.
 */
Instant
start_of_wait(const TrackingState &tracking, const Session &session, SeenWait wait, Instant now)
{
	Instant start = tracking.read_at == unknown_time ? beginning : tracking.read_at;

	if (wait == SeenWait::Lock)
		start =
		    std::max(start, session.wait_start == unknown_time ? now : session.times.wait_start);
	return start;
}

/*
 * Until when the wait of the last reading has lasted at most.  A lock may have been
 * granted at any moment since; but another statement, or being idle, began after
 * that.
 */
Instant
end_of_last_wait(const TrackingState &tracking, const Session &session, Instant now)
{
	Instant end = now;

	if (tracking.statement != statement_stamp(session))
		end = statement_start(session);
	else if (session.state != State::Active && session.state != State::Fastpath)
		end = session.times.state_change;
	/* A caller with a copy of the tracking state may have read the clock before its last reading.
	 */
	return std::min(std::max(end, tracking.read_at), now);
}

void
add(Waits &waits, SeenWait wait, Instant from, Instant until)
{
	waits[static_cast<std::size_t>(wait)] += std::max<Duration>(0, until - from);
}

void
add(WaitAccount &account, SeenWait wait, bool in_maintenance, Instant from, Instant until)
{
	add(account.all, wait, from, until);
	if (in_maintenance)
		add(account.in_maintenance, wait, from, until);
}

/* What belongs to the same episode as at the last reading. */
struct Same
{
	bool statement;
	bool transaction;
	/* Maintenance of the same statement ran then. */
	bool maintenance;
	/* How much of the time since then went into spared maintenance of the same statement ... */
	Duration maintained;
	/* ... and is that all of it? */
	bool is_maintained_known;
};

/* Add the wait of the last reading, up to now or to the latest moment of its end. */
void
continue_wait(TrackingState &tracking, const Session &session, const Same &same, Instant until)
{
	Instant from = tracking.read_at;
	/* A wait outside of maintenance did not last while that ran, which is excluded already. */
	Instant end = tracking.was_maintaining ? until : until - same.maintained;

	if (same.statement)
		add(tracking.statement_waits, tracking.waited_for, tracking.was_maintaining, from, end);
	if (same.transaction)
		add(tracking.transaction_waits, tracking.waited_for, tracking.was_maintaining, from, end);
	if (same.maintenance)
	{
		/* The wait was over when the next command began. */
		if (session.maintenance.since != unknown_time && session.maintenance.since > from)
			until = std::min(until, session.maintenance.since);
		add(tracking.maintenance_waits, tracking.waited_for, from, until);
	}
}

/* Add a wait that this reading has found, from when it began. */
void
begin_wait(TrackingState &tracking, const Session &session, SeenWait wait, Instant from,
           Instant now)
{
	bool in_maintenance = runs_spared_maintenance(session);

	add(tracking.statement_waits, wait, in_maintenance, std::max(from, statement_start(session)),
	    now);
	add(tracking.transaction_waits, wait, in_maintenance, std::max(from, session.times.xact_start),
	    now);
	if (session.maintenance.since != unknown_time)
		add(tracking.maintenance_waits, wait, std::max(from, session.maintenance.since), now);
}

/*
 * Note which statement, transaction and maintenance command this is.  Another
 * statement or transaction begins without waits.
 *
 * The server stamps all transactions of one message with the start of the message:
 * those of VACUUM, or of "COMMIT; BEGIN" within one.  Only the ID shows that a
 * transaction with the same stamp is another one.
 */
Same
identify(TrackingState &tracking, const Session &session, Instant now)
{
	Duration maintained = spared_maintenance(session, now);
	Same same{.statement = tracking.statement == statement_stamp(session),
	          .transaction = tracking.transaction == session.transaction,
	          .maintenance = false,
	          .maintained = 0,
	          .is_maintained_known = false};

	if (same.statement)
	{
		same.maintenance = tracking.maintenance != unknown_time;
		same.maintained = std::max<Duration>(0, maintained - tracking.maintained);
		same.is_maintained_known = session.maintenance.statement == statement_stamp(session);
	}
	else
	{
		tracking.statement_waits = {};
		tracking.maintenance_waits = {};
	}
	if (!same.transaction)
	{
		tracking.transaction_waits = {};
		if (session.transaction != 0)
		{
			tracking.transaction_restarted = tracking.transaction_stamp == session.xact_start;
			tracking.transaction_seen = now;
			tracking.transaction_stamp = session.xact_start;
		}
	}
	tracking.statement = statement_stamp(session);
	tracking.maintained = maintained;
	tracking.transaction = session.transaction;
	tracking.maintenance = session.maintenance.since;
	return same;
}

/* Note from when the waits of a new statement or transaction are known, and the maintenance before.
 */
void
note_beginnings(TrackingState &tracking, const Session &session, const Same &same,
                Instant known_from)
{
	if (!same.statement)
	{
		Instant from = std::max(known_from, statement_start(session));

		tracking.statement_waits.known_from = from;
		tracking.statement_waits.maintained_before = spared_maintenance(session, from);
	}
	if (!same.transaction)
	{
		Instant from = std::max(known_from, session.times.xact_start);

		tracking.transaction_waits.known_from = from;
		tracking.transaction_waits.maintained_before =
		    session.maintenance.spared_in_transaction + running_spared_maintenance(session, from);
	}
}

/* Does the session wait for its client: for a command, or for the next message? */
bool
waits_for_client(const Session &session)
{
	return session.state == State::Idle || session.state == State::IdleInTransaction ||
	       session.state == State::IdleInTransactionAborted || awaits_message(session);
}

/* So many interrupts or signals neither look like a message nor hide one. */
constexpr std::int64_t few = 2;

/*
 * How much more often than its signals explain a process may have slept without
 * having received a message.
 *
 * Serving an interrupt may include a wait, and a session that causes interrupts
 * in others must not postpone their ends.  So a few sleeps do not count as a
 * message where the server itself says that the session is idle.
 */
std::int64_t
wakings_allowed(const Session &session)
{
	return seems_to_pause(session) ? 0 : few;
}

/*
 * Note since when the session has waited for its client.  Each message that runs
 * something stamps the state.  But the server does not write the status when it
 * Describes a statement: only a wait for a lock shows that the session has
 * received a message then.
 */
void
observe_wait_for_client(TrackingState &tracking, const Session &session, Instant now)
{
	Stillness &still = tracking.still;
	bool got_lock = tracking.waited_for == SeenWait::Lock && !waits_for_lock(session);
	bool is_same = still.unchanged_since != unknown_time &&
	               still.state_change == session.state_change &&
	               still.transaction == session.transaction && !got_lock;

	if (!is_same)
		still = {};
	if (!is_same && waits_for_client(session))
	{
		still.unchanged_since = now;
		still.state_change = session.state_change;
		still.transaction = session.transaction;
	}
}

/*
 * Note since when the process of a session that waits for its client has not been
 * woken, as it is by each piece of a message that arrives.
 *
 * Of the switches only an increase counts, as a signal adds to them when it arrives
 * and is subtracted when it is handled.  About a process that is awake nothing is
 * known: it may serve an interrupt, or work on a complete message that its status
 * does not show yet.
 */
void
observe_stillness(TrackingState &tracking, const Session &session, Instant now)
{
	Stillness &still = tracking.still;

	/* Without new switches nothing more is known than before. */
	if (session.switches == switches_not_read || still.unchanged_since == unknown_time)
		return;
	if (session.switches == switches_unreadable)
	{
		still.since = still.asked_since = unknown_time;
		return;
	}

	if (still.asked_since == unknown_time)
		still.asked_since = now;
	still.is_awake = session.awake;
	if (session.awake)
		return;
	/*
	 * A little less: the process is about to sleep again after a signal.  Much less: a
	 * burst of signals was handled without a sleep in between, and may hide a message.
	 */
	bool is_more = session.switches > still.switches + wakings_allowed(session);
	bool is_much_less = session.switches < still.switches - few;
	if (still.since == unknown_time || is_more || (is_much_less && seems_to_pause(session)))
		still.since = now;
	if (still.since == now || is_much_less)
		still.switches = session.switches;
}

/*
 * Until when the session has been in the way of the wait that it was in the way of at the
 * last reading of the lock table, without having waited itself.
 */
Instant
end_in_the_way(const TrackingState &tracking, const Session &session, bool waits, bool is_now,
               Instant now)
{
	const TrackedBlocking &known = tracking.blocking;
	bool has_waited = tracking.lock_wait_over > known.read_at;

	if (!known.was_in_the_way || has_waited)
		return known.read_at;
	if (waits)
		return std::clamp(session.times.wait_start, known.read_at, now);
	return is_now ? now : known.read_at;
}

/*
 * Until when the session may have waited for what others wait for now: it was seen to, or
 * nobody has looked at its transaction before.  While it has been idle it has not waited.
 */
Instant
may_have_waited_until(const TrackingState &tracking, const Session &session)
{
	Instant latest = tracking.lock_wait_over;
	bool is_idle = session.state == State::IdleInTransaction ||
	               session.state == State::IdleInTransactionAborted;

	if (session.transaction != 0)
		latest = std::max(latest, tracking.transaction_seen);
	return is_idle ? std::min(latest, session.times.state_change) : latest;
}

/*
 * Note since when the session has been in the way of others.
 *
 * Whoever has waited itself may have got the lock only then, from one that was ahead of it,
 * and counts from then on.  If it was seen in the way of the same wait before, what lies
 * between is taken off: sessions that are in the way of one wait in turns are each measured
 * by their own part.
 */
void
observe_blocking(TrackingState &tracking, const Session &session, SeenWait wait, Instant now)
{
	const Blocking &seen = session.blocking;
	TrackedBlocking &known = tracking.blocking;
	bool waits = wait == SeenWait::Lock;
	bool is_root = seen.is_root && !waits;
	bool is_in_the_way = is_root && seen.known == KnownWait::ForThisOne;
	/* One reading of the lock table can serve several of the session. */
	Instant read_at = std::min(seen.read_at, now);
	bool is_news = seen.is_known && read_at > known.read_at;

	if (is_news)
	{
		if (seen.known == KnownWait::Over)
			known = {};
		else
			known.apart +=
			    read_at - end_in_the_way(tracking, session, waits, is_in_the_way, read_at);
	}
	if (tracking.waited_for == SeenWait::Lock || waits)
		tracking.lock_wait_over = now;
	if (!is_news)
		return;
	bool is_other = known.waiter != seen.waiter || known.stamp != seen.stamp;
	Instant since = std::max(seen.since, may_have_waited_until(tracking, session));
	if (is_root && seen.stamp != unknown_time && is_other &&
	    (known.stamp == unknown_time || since < known.since + known.apart))
	{
		known = {};
		known.waiter = seen.waiter;
		known.stamp = seen.stamp;
		known.since = since;
		is_in_the_way = true;
	}
	known.read_at = read_at;
	known.was_in_the_way = is_in_the_way;
}

/* Note a hold, and how many transactions have begun while the session waited for a lock. */
void
observe_hold(TrackedHold &known, std::uint32_t id, bool is_same, std::int64_t waited_before,
             std::int64_t waited, Instant since)
{
	if (is_same && known.id == id)
		known.waited += waited;
	else
		known = {.id = id, .since = since, .waited = waited_before};
}

/*
 * Note what the session holds vacuum back by.  Its own transaction is its own doing.  A
 * snapshot is as old as the oldest transaction that ran when it was taken, which may be
 * another session's: it counts from when that was found to have ended, whoever has kept
 * it until then.
 *
 * What was before the first reading is taken for a wait if that found the session waiting.
 */
void
observe_horizon(TrackedHorizon &known, const Session &session, bool had_waited, Instant now)
{
	const Horizon &seen = session.horizon;
	bool is_same = known.transaction == session.transaction;
	bool waits = waits_for_lock(session);

	if (seen.next == 0)
		return;
	std::int64_t passed =
	    had_waited && known.next != 0 ? xid_age(known.next, seen.next).value_or(0) : 0;
	observe_hold(known.own, seen.xid, is_same, waits ? xid_age(seen.xid, seen.next).value_or(0) : 0,
	             passed, now);
	bool goes_on = is_same && seen.kept_from != 0 && known.kept_from == seen.kept_from;
	observe_hold(known.snapshot, seen.xmin, goes_on,
	             waits ? xid_age(seen.kept_from, seen.next).value_or(0) : 0, passed,
	             seen.kept_from != 0 ? seen.kept_since : now);
	known.kept_from = seen.kept_from;
	known.transaction = session.transaction;
	known.next = seen.next;
}

} // namespace

void
place(TrackingState &tracking, Session &session, const Clock &clock, Instant now)
{
	if (tracking.session != session.id)
	{
		tracking = TrackingState{};
		tracking.session = session.id;
	}

	auto placed = [&](Timestamp stamp)
	{ return PlacedStamp{.stamp = stamp, .at = time_of_stamp(tracking, stamp, clock, now)}; };
	PlacedStamp backend_start = placed(session.id.backend_start);
	PlacedStamp xact_start = placed(session.xact_start);
	PlacedStamp query_start = placed(session.query_start);
	PlacedStamp state_change = placed(session.state_change);
	PlacedStamp wait_start = placed(session.wait_start);

	tracking.backend_start = backend_start;
	tracking.xact_start = xact_start;
	tracking.query_start = query_start;
	tracking.state_change = state_change;
	tracking.wait_start = wait_start;
	session.times = {.backend_start = backend_start.at,
	                 .xact_start = xact_start.at,
	                 .query_start = query_start.at,
	                 .state_change = state_change.at,
	                 .wait_start = wait_start.at};
}

void
observe(TrackingState &tracking, const Session &session, Instant now)
{
	SeenWait wait = wait_of(session);
	bool is_first = tracking.read_at == unknown_time;
	bool had_waited = tracking.waited_for != SeenWait::None;
	Instant over = had_waited ? end_of_last_wait(tracking, session, now) : tracking.read_at;
	Same same = identify(tracking, session, now);

	/* A wait during maintenance ended with it. */
	if (tracking.was_maintaining && same.is_maintained_known)
		over = std::min(over, tracking.read_at + same.maintained);
	Instant known_from = now;
	if (had_waited)
		continue_wait(tracking, session, same, over);
	if (wait != SeenWait::None)
	{
		Instant from = start_of_wait(tracking, session, wait, now);

		/* A wait without a stamp began after the maintenance before it. */
		if (wait != SeenWait::Lock && !runs_spared_maintenance(session))
			from += same.maintained;
		known_from = is_first ? from : std::max(from, over);
		begin_wait(tracking, session, wait, known_from, now);
	}
	note_beginnings(tracking, session, same, known_from);
	observe_wait_for_client(tracking, session, now);
	observe_stillness(tracking, session, now);
	observe_blocking(tracking, session, wait, now);
	observe_horizon(tracking.horizon, session, tracking.waited_for == SeenWait::Lock, now);
	tracking.waited_for = wait;
	tracking.was_maintaining = runs_spared_maintenance(session);
	tracking.read_at = now;
}

void
observe_memory(TrackingState &tracking, const Session &session, std::int64_t limit, Instant now)
{
	TrackedMemory &known = tracking.memory;
	bool is_over = limit != 0 && session.memory > limit;

	if (session.memory == memory_not_read)
		return;
	known.bytes = session.memory;
	known.read_at = now;
	known.state_change = session.state_change;
	known.limit = limit;
	if (!is_over)
		known.over_since = unknown_time;
	else if (known.over_since == unknown_time)
		known.over_since = now;
}

} // namespace session_guard
