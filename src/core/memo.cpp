/*
 * What a look changes in the memo of a session (see memo.h).
 */
#include "core/memo.h"

#include <algorithm>

namespace session_guard
{

namespace
{

/*
 * When a stamp was made.  The same stamp may stand in several fields, and move
 * from one to another: it is placed once.
 */
Instant
time_of_stamp(const Memo &memo, Timestamp stamp, const Clock &clock, Instant now)
{
	if (stamp == unknown_time)
		return unknown_time;
	for (const PlacedStamp *known : {&memo.backend_start, &memo.xact_start, &memo.query_start,
	                                 &memo.state_change, &memo.wait_start})
		if (known->stamp == stamp)
			return known->at;
	return time_of(clock, stamp, now);
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
 * From when a wait is taken off that a look has found and the look before it
 * had not: from its own start if it has one, otherwise from that look on, since
 * nobody knows better.
 */
Instant
start_of_wait(const Memo &memo, const Session &session, SeenWait wait, Instant now)
{
	Instant start = memo.looked_at == unknown_time ? beginning : memo.looked_at;

	if (wait == SeenWait::Lock)
		start =
		    std::max(start, session.wait_start == unknown_time ? now : session.times.wait_start);
	return start;
}

/*
 * Until when the wait that the last look saw has lasted at most.  A lock may
 * have come at any moment since; but a statement that follows, or being idle,
 * began after it.
 */
Instant
end_of_last_wait(const Memo &memo, const Session &session, Instant now)
{
	if (memo.statement != statement_stamp(session))
		return std::clamp(statement_start(session), memo.looked_at, now);
	if (session.state != State::Active && session.state != State::Fastpath)
		return std::clamp(session.times.state_change, memo.looked_at, now);
	return now;
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

/* What belongs to the same episode as at the last look. */
struct Same
{
	bool statement;
	bool transaction;
	bool maintenance;
};

/* Take off the wait that the last look saw, up to now or to when it was over at the latest. */
void
continue_wait(Memo &memo, const Same &same, Instant until)
{
	Instant from = memo.looked_at;

	if (same.statement)
		add(memo.statement_waits, memo.waited_for, memo.was_maintaining, from, until);
	if (same.transaction)
		add(memo.transaction_waits, memo.waited_for, memo.was_maintaining, from, until);
	if (same.maintenance)
		add(memo.maintenance_waits, memo.waited_for, from, until);
}

/* Take off a wait that this look has found, from when it began. */
void
begin_wait(Memo &memo, const Session &session, SeenWait wait, Instant from, Instant now)
{
	bool in_maintenance = runs_spared_maintenance(session);

	add(memo.statement_waits, wait, in_maintenance, std::max(from, statement_start(session)), now);
	add(memo.transaction_waits, wait, in_maintenance, std::max(from, session.times.xact_start),
	    now);
	add(memo.maintenance_waits, wait, std::max(from, session.maintenance.since), now);
}

/*
 * Note which statement, transaction and maintenance command this is; whatever
 * is another one begins without waits.
 *
 * The server stamps all transactions of one message with the start of the
 * message: those of VACUUM, or of "COMMIT; BEGIN" within one.  Under the same
 * stamp a new transaction shows by its id only.
 */
Same
identify(Memo &memo, const Session &session, Instant now)
{
	Same same{.statement = memo.statement == statement_stamp(session),
	          .transaction = memo.transaction == session.transaction,
	          .maintenance = memo.maintenance == session.maintenance.since};

	if (!same.statement)
		memo.statement_waits = {};
	if (!same.maintenance)
		memo.maintenance_waits = {};
	if (!same.transaction)
	{
		memo.transaction_waits = {};
		if (session.transaction != 0)
		{
			memo.transaction_restarted = memo.transaction_stamp == session.xact_start;
			memo.transaction_seen = now;
			memo.transaction_stamp = session.xact_start;
		}
	}
	memo.statement = statement_stamp(session);
	memo.transaction = session.transaction;
	memo.maintenance = session.maintenance.since;
	return same;
}

/*
 * Note since when the session has done nothing, as each message that runs
 * something stamps its state, and since when its process has not even been
 * woken, as it is by each piece of a message that arrives.
 *
 * The status may be written to by an idle session, too, when it serves an
 * interrupt of the server.  And of the switches only more are somebody's doing:
 * a signal is counted as it comes, and taken off as it is read.  A process that
 * works on a whole message, before it says so, does not sleep at all.
 */
void
observe_stillness(Memo &memo, const Session &session, Instant now)
{
	Stillness found{.since = now,
	                .unchanged_since = now,
	                .state_change = session.state_change,
	                .switches = session.switches,
	                .transaction = session.transaction};

	if (session.switches < 0)
		found.since = found.unchanged_since = unknown_time;
	else if (memo.still.since != unknown_time && memo.still.state_change == found.state_change &&
	         memo.still.transaction == found.transaction)
	{
		found.unchanged_since = memo.still.unchanged_since;
		if (!session.awake && found.switches <= memo.still.switches)
			found.since = memo.still.since;
	}
	memo.still = found;
}

} // namespace

void
place(Memo &memo, Session &session, const Clock &clock, Instant now)
{
	if (memo.session != session.id)
	{
		memo = Memo{};
		memo.session = session.id;
	}

	auto placed = [&](Timestamp stamp)
	{ return PlacedStamp{.stamp = stamp, .at = time_of_stamp(memo, stamp, clock, now)}; };
	PlacedStamp backend_start = placed(session.id.backend_start);
	PlacedStamp xact_start = placed(session.xact_start);
	PlacedStamp query_start = placed(session.query_start);
	PlacedStamp state_change = placed(session.state_change);
	PlacedStamp wait_start = placed(session.wait_start);

	memo.backend_start = backend_start;
	memo.xact_start = xact_start;
	memo.query_start = query_start;
	memo.state_change = state_change;
	memo.wait_start = wait_start;
	session.times = {.backend_start = backend_start.at,
	                 .xact_start = xact_start.at,
	                 .query_start = query_start.at,
	                 .state_change = state_change.at,
	                 .wait_start = wait_start.at};
}

void
observe(Memo &memo, const Session &session, Instant now)
{
	SeenWait wait = wait_of(session);
	bool is_first = memo.looked_at == unknown_time;
	bool had_waited = memo.waited_for != SeenWait::None;
	Instant over = had_waited ? end_of_last_wait(memo, session, now) : memo.looked_at;
	Same same = identify(memo, session, now);

	if (had_waited)
		continue_wait(memo, same, over);
	if (wait != SeenWait::None)
	{
		Instant from = start_of_wait(memo, session, wait, now);

		begin_wait(memo, session, wait, is_first ? from : std::max(from, over), now);
	}
	observe_stillness(memo, session, now);
	memo.waited_for = wait;
	memo.was_maintaining = runs_spared_maintenance(session);
	memo.looked_at = now;
}

} // namespace session_guard
