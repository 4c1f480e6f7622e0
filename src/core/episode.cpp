/*
 * Where the episode of each limit starts (see episode.h).
 */
#include "core/episode.h"

#include "core/horizon_age.h"

#include <algorithm>

namespace session_guard
{

namespace
{

/* An episode that began when a stamp was made; none if the server has no stamp. */
std::optional<Episode>
since(Instant at, Timestamp stamp)
{
	if (stamp == unknown_time)
		return std::nullopt;
	return Episode{.start = at, .stamp = stamp};
}

std::optional<Episode>
since_state_change(const Session &session)
{
	return since(session.times.state_change, session.state_change);
}

/*
 * The episode began when the session was first read in what seems to be a pause.
 * Whether a message has been arriving all the time is determined at the deadline
 * (core/stillness.h): if the pause counted from the last time that the process
 * was woken, the server's own signals could prolong it without end.
 */
std::optional<Episode>
since_pause(const Session &session, const TrackingState &tracking)
{
	if (tracking.still.unchanged_since == unknown_time)
		return std::nullopt;
	return Episode{.start = tracking.still.unchanged_since, .stamp = session.state_change};
}

std::optional<Episode>
idle_in_transaction(const Session &session, const TrackingState &tracking)
{
	switch (session.state)
	{
		case State::IdleInTransaction:
		case State::IdleInTransactionAborted:
			return since_state_change(session);
		case State::Active:
			/* state_change is when the last message began to run, not when the pause began. */
			if (awaits_message(session) && session.transaction != 0)
				return since_pause(session, tracking);
			return std::nullopt;
		case State::Idle:
			if (is_idle_with_transaction(session))
				return since_pause(session, tracking);
			return std::nullopt;
		default:
			return std::nullopt;
	}
}

/*
 * The episode of a transaction, if its start is known.
 *
 * While the message that began it still runs, it may follow other transactions
 * of the same message, which have the same stamp: only the moment when this one
 * was first read is certain.
 */
std::optional<Episode>
since_xact_start(const Session &session, const TrackingState &tracking)
{
	/* The transaction is over; only its stamp has not been cleared yet. */
	if (session.transaction == 0)
		return std::nullopt;

	bool is_first_message = is_running(session) && session.xact_start == statement_stamp(session);
	std::optional<Episode> episode = since(session.times.xact_start, session.xact_start);

	if (episode && (is_first_message || tracking.transaction_restarted))
		episode->start = std::max(episode->start, tracking.transaction_seen);
	return episode;
}

std::optional<Episode>
transaction(const Session &session, const TrackingState &tracking)
{
	switch (session.state)
	{
		case State::Active:
		case State::Fastpath:
		case State::IdleInTransaction:
			return since_xact_start(session, tracking);
		case State::IdleInTransactionAborted:
			if (session.xact_start != unknown_time)
				return since_xact_start(session, tracking);
			/*
			 * A failed transaction has given up its xact_start with its locks
			 * and its snapshot.  It counts from its failure, as state_change is
			 * changed by each statement that fails in it afterwards.
			 */
			if (session.failed_at != unknown_time)
				return Episode{.start = session.failed_at, .stamp = session.failed_at};
			return since_state_change(session);
		case State::Idle:
			/* The stamp in its status is that of an earlier transaction. */
			if (is_idle_with_transaction(session))
				return since(tracking.transaction_seen, session.transaction);
			return std::nullopt;
		default:
			return std::nullopt;
	}
}

/* Does the session keep others waiting, without waiting itself? */
bool
is_blocking(const Session &session)
{
	return session.blocking.is_known && session.blocking.is_root && !waits_for_lock(session) &&
	       session.blocking.stamp != unknown_time;
}

/* The wait that the session has been seen in the way of for longest. */
std::optional<Episode>
in_the_way(const Session &session, const TrackingState &tracking)
{
	const TrackedBlocking &known = tracking.blocking;

	if (!is_blocking(session) || !known.was_in_the_way)
		return std::nullopt;
	return Episode{.start = known.since + known.apart, .stamp = known.stamp};
}

/*
 * Idle in a transaction, or by a lock of the session also outside of one.  Whatever it
 * holds, it has held since it went idle.
 */
std::optional<Episode>
idle_while_blocking(const Session &session, const TrackingState &tracking)
{
	if (!is_blocking(session))
		return std::nullopt;
	std::optional<Episode> episode = idle_in_transaction(session, tracking);
	if (!episode)
		episode = idle_episode(session, tracking);
	if (!episode)
		return std::nullopt;
	Episode in_its_way{.start = session.blocking.since, .stamp = session.blocking.stamp};
	if (auto known = in_the_way(session, tracking); known && known->start < in_its_way.start)
		in_its_way = *known;
	return in_its_way.start > episode->start ? in_its_way : episode;
}

/*
 * Whatever it is at.  Its transaction bounds the time, since that has the lock, and outside
 * of one its being idle.
 */
std::optional<Episode>
blocking(const Session &session, const TrackingState &tracking)
{
	std::optional<Episode> known = in_the_way(session, tracking);
	std::optional<Episode> busy = transaction(session, tracking);
	if (!busy)
		busy = idle_episode(session, tracking);
	if (!busy || !known)
		return std::nullopt;
	return Episode{.start = std::max(busy->start, known->start), .stamp = known->stamp};
}

/* As long as it holds back the same: by its own transaction or its snapshot, whichever is more. */
std::optional<Episode>
holding_back(const Session &session, const TrackingState &tracking)
{
	const TrackedHold &hold = hold_of(session.horizon, tracking.horizon);

	if (session.horizon.next == 0 || hold.id == 0)
		return std::nullopt;
	return Episode{.start = hold.since, .stamp = hold.id};
}

/* As long as it was found over its limit. */
std::optional<Episode>
over_memory(const TrackingState &tracking)
{
	return since(tracking.memory.over_since, tracking.memory.over_since);
}

/* As long as it is to make room for new connections; the same idle phase counts once. */
std::optional<Episode>
in_the_way_of_newcomers(const Session &session, const TrackingState &tracking)
{
	return session.room.is_to_go ? idle_episode(session, tracking) : std::nullopt;
}

/* As long as too little is left for all, and no other session uses more. */
std::optional<Episode>
greatest_in_shortage(const Session &session)
{
	if (!session.shortage.is_greatest)
		return std::nullopt;
	return since(session.shortage.since, session.shortage.since);
}

} // namespace

std::optional<Episode>
idle_episode(const Session &session, const TrackingState &tracking)
{
	if (session.state == State::Idle)
		return since_state_change(session);
	if (awaits_message(session) && is_outside_transaction(session))
		return since_pause(session, tracking);
	return std::nullopt;
}

std::optional<Episode>
episode_of(Limit limit, const Session &session, const TrackingState &tracking)
{
	switch (limit)
	{
		case Limit::IdleSession:
			return idle_episode(session, tracking);
		case Limit::IdleInTransactionSession:
			return idle_in_transaction(session, tracking);
		case Limit::Statement:
		case Limit::DeadClient:
			if (is_running(session))
				return since(statement_start(session), statement_stamp(session));
			return std::nullopt;
		case Limit::Transaction:
			return transaction(session, tracking);
		case Limit::Maintenance:
			/* All maintenance of one statement counts together: the statement may be a loop. */
			if (is_running(session) && session.maintenance.since != unknown_time)
				return since(session.maintenance.since, statement_stamp(session));
			return std::nullopt;
		case Limit::Session:
			return since(session.times.backend_start, session.id.backend_start);
		case Limit::IdleBlocker:
			return idle_while_blocking(session, tracking);
		case Limit::Blocker:
			return blocking(session, tracking);
		case Limit::HorizonAge:
			return holding_back(session, tracking);
		case Limit::Memory:
			return over_memory(tracking);
		case Limit::AvailableMemory:
			return greatest_in_shortage(session);
		case Limit::Headroom:
			return in_the_way_of_newcomers(session, tracking);
	}
	return std::nullopt;
}

} // namespace session_guard
