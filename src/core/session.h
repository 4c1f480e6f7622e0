/*
 * What is known about one session at one moment: a plain copy of its backend
 * status, of its wait, and of what the catalogs say about its role.
 *
 * Values only.  Nothing in here points into the server.
 */
#pragma once

#include "core/available_memory.h"
#include "core/time.h"

#include <algorithm>
#include <array>
#include <cstddef>
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
	/* For another session's lock; not for the server's own short ones, as for extending a file. */
	Lock,
	SyncRep,
	ClientRead,
};

/*
 * What pg_authid says about the role; Unknown if it could not be read.  A role
 * that was dropped is no superuser, and its settings are gone with it.
 */
enum class Superuser : std::uint8_t
{
	Unknown,
	No,
	Yes,
	Dropped,
};

/* The commands that keep a database in shape. */
enum class MaintenanceCommand : std::uint8_t
{
	None,
	Vacuum,
	Analyze,
	CreateIndex,
	Reindex,
	Cluster,
	Repack,
	RefreshMaterializedView,
	AlterTable,
};

/* NUL-terminated, in the order of the enumerators. */
inline constexpr std::array<std::string_view, 9> maintenance_command_names{
    "maintenance command",
    "VACUUM",
    "ANALYZE",
    "CREATE INDEX",
    "REINDEX",
    "CLUSTER",
    "REPACK",
    "REFRESH MATERIALIZED VIEW",
    "ALTER TABLE"};

constexpr std::string_view
name_of(MaintenanceCommand command)
{
	return maintenance_command_names[static_cast<std::size_t>(command)];
}

/*
 * What a session itself publishes about the maintenance that it runs: VACUUM,
 * ANALYZE, CREATE INDEX and the like, also inside of functions.  A command within
 * another one counts once.
 */
struct Maintenance
{
	/* The outermost command that runs now, and when it began; unknown_time if none does. */
	MaintenanceCommand command;
	Instant since;
	/* When the outermost began that is spared: not on the session's own temporary tables. */
	Instant spared_since;
	/* How much of it has ended within the statement that has this stamp ... */
	Timestamp statement;
	Duration in_statement;
	Duration spared_in_statement;
	/* ... and within the present transaction. */
	Duration spared_in_transaction;
};

/* What has become of a wait that a session was in the way of. */
enum class KnownWait : std::uint8_t
{
	Over,
	/* It goes on, but by what was read not because of this session, or not of it alone. */
	ForAnother,
	ForThisOne,
};

/* How a session stands in the way of others, by the server's lock table at one moment. */
struct Blocking
{
	/* The lock table was read for this snapshot; otherwise nothing is known. */
	bool is_known;
	/* When that was. */
	Instant read_at;
	/* It waits for no lock itself, nor does a parallel worker of it. */
	bool is_root;
	/* What has become of the wait that is tracked (core/tracking_state.h). */
	KnownWait known;
	/* How many it keeps waiting whose waits count (core/wait_graph.h); 0 if not counted. */
	std::int32_t waiters;
	/*
	 * The wait that it has been in the way of for longest: whose, its stamp, and since when at
	 * least it has been in its way; unknown_time if it is in nobody's way, or no root.
	 */
	std::int32_t waiter;
	Timestamp stamp;
	Instant since;
};

/* From what on a session keeps vacuum from cleaning up; 0 where there is no such ID. */
struct Horizon
{
	/* Of its own transaction, and of its snapshot. */
	std::uint32_t xid;
	std::uint32_t xmin;
	/* What the next transaction gets; 0 if what others hold was not read for this snapshot. */
	std::uint32_t next;
	/*
	 * What the next transaction got, and when, at the first reading that found no transaction as
	 * old as the snapshot running any more: since then no other snapshot can become as old.  0
	 * while one runs.
	 */
	std::uint32_t kept_from;
	Instant kept_since;
	/*
	 * Somebody whom the guard will not end holds back more than its own transaction does, or as
	 * much as its snapshot does.
	 */
	bool own_is_exceeded;
	bool snapshot_is_matched;
};

/* The server has less memory left than it is to have. */
struct Shortage
{
	/* The first reading that found so. */
	Instant since;
	/* At the last reading. */
	AvailableMemory left;
	/* Of all sessions that are not spared, this one uses the most. */
	bool is_greatest;
};

/* The other end of a session's connection, as the kernel tells of it. */
enum class Peer : std::uint8_t
{
	NotRead,
	There,
	Gone,
	/* The kernel does not tell, or cannot be relied on to do so. */
	Unreadable,
};

/* How it stands with the connections of the server. */
struct Room
{
	/* How many are free, and how many there are, without those that are reserved. */
	std::int32_t free;
	std::int32_t all;
	/* Too few are free, and the session is one of those that are to make room. */
	bool is_to_go;
};

/* Session::memory where there is no number. */
inline constexpr std::int64_t memory_not_read = -1;
inline constexpr std::int64_t memory_unreadable = -2;

/* When the stamps of a session were made, by the monotonic clock. */
struct Times
{
	Instant backend_start;
	Instant xact_start;
	Instant query_start;
	Instant state_change;
	Instant wait_start;
};

/* Session::switches where there is no number. */
inline constexpr std::int64_t switches_not_read = -1;
inline constexpr std::int64_t switches_unreadable = -2;

struct Session
{
	SessionId id;
	State state;
	Wait wait;
	/* One of its parallel workers waits for a lock, and no process of the query does anything. */
	bool worker_waits_for_lock;
	/* It runs COPY from or to its client, for which reading from the client is work, not a pause.
	 */
	bool copying;
	/* It is a background worker, which has no client. */
	bool is_worker = false;
	/* It listens on a channel: its client is idle on purpose. */
	bool listening;
	Superuser superuser;
	Maintenance maintenance;
	/* The local part of its virtual transaction id; 0 if it is in no transaction. */
	std::uint32_t transaction;
	/* When its last transaction failed; unknown_time if none has. */
	Instant failed_at;
	/* How often its process has slept until something came from its client (core/stillness.h). */
	std::int64_t switches = switches_not_read;
	/* The process was found running then, or waiting for a processor or a disk. */
	bool awake = false;
	Timestamp xact_start;
	Timestamp query_start;
	Timestamp state_change;
	/* When its wait for a lock, or its worker's, began; unknown_time until the server notes it. */
	Timestamp wait_start;
	/* The same stamps by the monotonic clock; filled in by place(). */
	Times times;
	/* Filled in by those who have read the lock table. */
	Blocking blocking;
	Horizon horizon;
	/* The bytes that it and its parallel workers have for themselves. */
	std::int64_t memory = memory_not_read;
	/* Filled in by who has compared all sessions. */
	Shortage shortage;
	Peer peer = Peer::NotRead;
	Room room;
};
static_assert(std::is_trivially_copyable_v<Session>);
static_assert(std::is_trivially_destructible_v<Session>);

/* Does the session, or a parallel worker of it, wait for another session's lock? */
constexpr bool
waits_for_lock(const Session &session)
{
	return session.wait == Wait::Lock || session.worker_waits_for_lock;
}

/*
 * Does the server wait for the next message of an extended-protocol exchange?
 *
 * Between two messages the server goes on saying "active".  A wait for the
 * client then means that nothing runs, unless COPY reads its data: the client
 * has paused its pipeline, or the message is still arriving.
 */
constexpr bool
awaits_message(const Session &session)
{
	return session.state == State::Active && session.wait == Wait::ClientRead && !session.copying;
}

/* Does a statement or a function call run? */
constexpr bool
is_running(const Session &session)
{
	return (session.state == State::Active && !awaits_message(session)) ||
	       session.state == State::Fastpath;
}

/* Is the session shown as idle though it has a transaction open, which may hold locks? */
constexpr bool
is_idle_with_transaction(const Session &session)
{
	return session.state == State::Idle && session.transaction != 0;
}

/* Does the session only seem to wait for its client, while its status does not say so? */
constexpr bool
seems_to_pause(const Session &session)
{
	return awaits_message(session) || is_idle_with_transaction(session);
}

/*
 * Is the session known to be between two transactions?
 *
 * If its activities are not tracked, only the transaction ID and the wait for the
 * next command show it.  A paused pipeline may have ended its transaction, or have
 * failed, without a Sync.
 */
constexpr bool
is_outside_transaction(const Session &session)
{
	bool awaits_command = session.state == State::Idle || awaits_message(session) ||
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

/* When that stamp was made. */
constexpr Instant
statement_start(const Session &session)
{
	return session.state == State::Fastpath ? session.times.state_change
	                                        : session.times.query_start;
}

/* Does a maintenance command run that is spared by default? */
constexpr bool
runs_spared_maintenance(const Session &session)
{
	return session.maintenance.spared_since != unknown_time;
}

/* Does what the session says about ended maintenance belong to its present statement? */
constexpr bool
is_maintenance_of_statement(const Session &session)
{
	return session.maintenance.statement == statement_stamp(session);
}

/* How long the spared maintenance that has ended within the present statement took. */
constexpr Duration
ended_spared_maintenance(const Session &session)
{
	return is_maintenance_of_statement(session) ? session.maintenance.spared_in_statement : 0;
}

/* How long the spared maintenance has run that runs now. */
constexpr Duration
running_spared_maintenance(const Session &session, Instant now)
{
	return runs_spared_maintenance(session)
	           ? std::max<Duration>(0, now - session.maintenance.spared_since)
	           : 0;
}

/* How much spared maintenance the present statement has run. */
constexpr Duration
spared_maintenance(const Session &session, Instant now)
{
	return ended_spared_maintenance(session) + running_spared_maintenance(session, now);
}

/* The stamp of the statement that runs now; unknown_time if none does. */
constexpr Timestamp
running_statement(const Session &session)
{
	return is_running(session) ? statement_stamp(session) : unknown_time;
}

} // namespace session_guard
