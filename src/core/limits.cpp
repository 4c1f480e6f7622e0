/*
 * Where the episode of each limit starts (see limits.h).
 */
#include "core/limits.h"

#include "core/memo.h"

#include <algorithm>

namespace session_guard
{

namespace
{

/* Make an episode of a stamp, unless the server has none or its clock begins later. */
std::optional<Episode>
since(Timestamp stamp, Timestamp not_before = unknown_time)
{
	if (stamp == unknown_time)
		return std::nullopt;
	return Episode{.start = std::max(stamp, not_before), .stamp = stamp};
}

std::optional<Episode>
idle_in_transaction(const Session &session, const Memo &memo)
{
	switch (session.state)
	{
		case State::IdleInTransaction:
		case State::IdleInTransactionAborted:
			return since(session.state_change);
		case State::Active:
			/* state_change is when the last message began to run, not when the pause began. */
			if (is_paused_pipeline(session) && memo.paused_since != unknown_time)
				return since(session.state_change, memo.paused_since);
			return std::nullopt;
		default:
			return std::nullopt;
	}
}

/*
 * From when a transaction is measured, if its start is known.
 *
 * While the message that began it still runs, transactions of the same message
 * may have gone before it: only the first look that saw this one is certain.
 */
std::optional<Episode>
since_xact_start(const Session &session, const Memo &memo)
{
	/* It is over already, and only its stamp has not been taken away yet. */
	if (session.transaction == 0)
		return std::nullopt;

	Timestamp not_before = memo.transaction_restart;

	if (is_running(session) && session.xact_start == statement_stamp(session))
		not_before = std::max(not_before, memo.transaction_seen);
	return since(session.xact_start, not_before);
}

std::optional<Episode>
transaction(const Session &session, const Memo &memo)
{
	switch (session.state)
	{
		case State::Active:
		case State::Fastpath:
		case State::IdleInTransaction:
			return since_xact_start(session, memo);
		case State::IdleInTransactionAborted:
			/*
			 * A failed transaction has given up its xact_start with its locks
			 * and its snapshot.  What was seen last may belong to a
			 * transaction before it, so only the failure itself is certain.
			 */
			if (session.xact_start == unknown_time)
				return since(session.state_change);
			return since_xact_start(session, memo);
		default:
			/* An idle session that serves an interrupt shows its last statement's start. */
			return std::nullopt;
	}
}

} // namespace

std::optional<Episode>
episode_of(Limit limit, const Session &session, const Memo &memo)
{
	switch (limit)
	{
		case Limit::IdleSession:
			if (session.state == State::Idle)
				return since(session.state_change);
			return std::nullopt;
		case Limit::IdleInTransactionSession:
			return idle_in_transaction(session, memo);
		case Limit::Statement:
			if (is_running(session))
				return since(statement_stamp(session), memo.statement_restart);
			return std::nullopt;
		case Limit::Transaction:
			return transaction(session, memo);
		case Limit::Session:
			return since(session.id.backend_start);
	}
	return std::nullopt;
}

} // namespace session_guard
