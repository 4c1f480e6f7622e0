/*
 * What is known about one session at one moment: a plain copy of its backend
 * status, of its wait, and of what the catalogs say about its role.
 *
 * Values only.  Nothing in here points into the server.
 */
#pragma once

#include "core/time.h"

#include <array>
#include <string_view>
#include <type_traits>
#include <utility>

namespace session_guard
{

/* A pid alone is reused by the operating system; with the start it is not. */
struct SessionId
{
	std::int32_t pid;
	Timestamp backend_start;

	friend bool operator==(const SessionId &, const SessionId &) = default;
};

/* BackendState of the server (utils/backend_status.h); Unknown is anything else. */
enum class State : std::uint8_t
{
	Unknown,
	Starting,
	Idle,
	Active,
	IdleInTransaction,
	IdleInTransactionAborted,
	Fastpath,
	Disabled,
};

/* As pg_stat_activity calls them; NUL-terminated. */
inline constexpr std::array<std::pair<std::string_view, State>, 7> state_names{{
    {"active", State::Active},
    {"idle", State::Idle},
    {"idle in transaction", State::IdleInTransaction},
    {"idle in transaction (aborted)", State::IdleInTransactionAborted},
    {"fastpath function call", State::Fastpath},
    {"disabled", State::Disabled},
    {"starting", State::Starting},
}};

/* The waits that change a decision. */
enum class Wait : std::uint8_t
{
	Other,
	Lock,
	SyncRep,
	ClientRead,
};

/*
 * pg_authid's word on the role; Unknown if it could not be read.  A role that
 * was dropped is nobody's superuser, and its settings are gone with it.
 */
enum class Superuser : std::uint8_t
{
	Unknown,
	No,
	Yes,
	Dropped,
};

struct Session
{
	SessionId id;
	State state;
	Wait wait;
	/* One of its parallel workers waits for a lock. */
	bool worker_waits_for_lock;
	/* It runs COPY, whose reading from the client is work and not a pause. */
	bool copying;
	/* It runs VACUUM, ANALYZE, CREATE INDEX, REINDEX, CLUSTER or REPACK, by progress or text. */
	bool maintaining;
	/* It listens on a channel: its client is idle on purpose. */
	bool listening;
	Superuser superuser;
	/* The local part of its virtual transaction id; 0 if it is in no transaction. */
	std::uint32_t transaction;
	/* How often its status entry has been written to (st_changecount). */
	std::int32_t changes;
	Timestamp xact_start;
	Timestamp query_start;
	Timestamp state_change;
};
static_assert(std::is_trivially_copyable_v<Session>);
static_assert(std::is_trivially_destructible_v<Session>);

/* Does the session, or a parallel worker of it, wait for somebody else's lock? */
constexpr bool
waits_for_lock(const Session &session)
{
	return session.wait == Wait::Lock || session.worker_waits_for_lock;
}

/*
 * Has a pipeline been paused by its client?
 *
 * Between two messages of the extended protocol the server goes on saying
 * "active".  A wait for the client then means that nothing runs, unless COPY
 * reads its data.
 */
constexpr bool
is_paused_pipeline(const Session &session)
{
	return session.state == State::Active && session.wait == Wait::ClientRead && !session.copying;
}

/* Does a statement or a function call run? */
constexpr bool
is_running(const Session &session)
{
	return (session.state == State::Active && !is_paused_pipeline(session)) ||
	       session.state == State::Fastpath;
}

/*
 * Is the session known to be between two transactions?
 *
 * With its activities not tracked, the transaction id and the wait for the
 * next command have to tell.  An idle session that has a transaction serves an
 * interrupt of the server at this moment.
 */
constexpr bool
is_outside_transaction(const Session &session)
{
	bool awaits_command = session.state == State::Idle ||
	                      (session.state == State::Disabled && session.wait == Wait::ClientRead);

	return awaits_command && session.xact_start == unknown_time && session.transaction == 0;
}

/* The stamp that tells one statement of a session from the next. */
constexpr Timestamp
statement_stamp(const Session &session)
{
	/* A fastpath call leaves query_start where the last statement put it. */
	return session.state == State::Fastpath ? session.state_change : session.query_start;
}

/* The same of the statement that runs now; unknown_time if none does. */
constexpr Timestamp
running_statement(const Session &session)
{
	return is_running(session) ? statement_stamp(session) : unknown_time;
}

} // namespace session_guard
