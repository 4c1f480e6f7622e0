/*
 * The tracking state of a session: what the guard keeps of it from one reading to
 * the next because backend status does not show it.  That is when its stamps were
 * made, which waits it has had, what was done about it and what was logged.
 *
 * There is one per backend slot, in shared memory, so that it outlives the worker.
 * It is valid only for the session whose identity it carries.  The waits in it do
 * not depend on any policy: excluded_time() decides which of them do not count.
 */
#pragma once

#include "core/escalation.h"
#include "core/limits.h"
#include "core/session.h"
#include "core/wall_clock.h"

#include <array>
#include <type_traits>

namespace session_guard
{

/* A stamp, and when it was made. */
struct PlacedStamp
{
	Timestamp stamp;
	Instant at;
};

/* A wait that is not caused by the session itself, or not by its statement. */
enum class SeenWait : std::uint8_t
{
	None,
	Lock,
	/* A synchronous standby. */
	Standby,
	/* The next message of its client. */
	Client,
};
inline constexpr std::size_t seen_wait_count = 4;

/* How long an episode has waited for what; indexed by SeenWait. */
using Waits = std::array<Duration, seen_wait_count>;

/* The waits of an episode, and those of them that fell into spared maintenance. */
struct WaitAccount
{
	Waits all;
	Waits in_maintenance;
	/* From when they are known: the first reading, or the start of the wait that it found. */
	Instant known_from;
	/* The spared maintenance of the episode before that. */
	Duration maintained_before;
};

/* Since when a session has waited for its client, and what would show that its client is active. */
struct Stillness
{
	/*
	 * The first reading that found it waiting, without a message or another
	 * transaction since; unknown_time if it does not wait.
	 */
	Instant unchanged_since;
	Timestamp state_change;
	std::uint32_t transaction;
	/* The first reading since then of its context switches, and the first after its last waking. */
	Instant asked_since;
	Instant since;
	std::int64_t switches;
	/* The last reading of its process found it awake, and so showed nothing. */
	bool is_awake;
};

/* The wait that a session has been found in the way of for longest, and since when it has been. */
struct TrackedBlocking
{
	std::int32_t waiter;
	/* unknown_time if there is none. */
	Timestamp stamp;
	Instant since;
	/*
	 * For how long since then another one was in the way of that wait instead, or the session
	 * waited itself, as far as readings of the lock table do not show that it did not.
	 */
	Duration apart;
	/* The last reading of the lock table, and whether it found the session in the way. */
	Instant read_at;
	bool was_in_the_way;
};

/* What a session holds vacuum back by, its own transaction or its snapshot, and since when. */
struct TrackedHold
{
	/* The transaction ID, or that of the snapshot; 0 if there is none. */
	std::uint32_t id;
	/* The first reading that found it; of a snapshot, that found it to be its keepers' own doing.
	 */
	Instant since;
	/* How many transactions have begun while the session had it and waited for a lock. */
	std::int64_t waited;
};

struct TrackedHorizon
{
	/* The virtual transaction (Session::transaction). */
	std::uint32_t transaction;
	TrackedHold own;
	TrackedHold snapshot;
	/* From which transaction on the snapshot counts; 0 if it does not yet. */
	std::uint32_t kept_from;
	/* What the next transaction would have got at the last reading; 0 before the first. */
	std::uint32_t next;
};

/* The memory of a session when that was read last. */
struct TrackedMemory
{
	std::int64_t bytes;
	/* unknown_time before the first time. */
	Instant read_at;
	/* Its state then; while it stays idle its memory does, too. */
	Timestamp state_change;
	/* Since when all readings have found it over its limit; unknown_time if the last did not. */
	Instant over_since;
	/* The limit of then, in bytes; 0 if there was none. */
	std::int64_t limit;
	/* What it was when the balance of a shortage was begun (core/memory_shortage.h), and when. */
	std::int64_t at_balance;
	Instant balance_since;
};

/* What the kernel has told of the other end of the connection. */
struct TrackedPeer
{
	/* unknown_time before the first time that it was asked. */
	Instant read_at;
	/* It has found the connection, so it tells of it; and where it finds none there is none. */
	bool was_found;
};

struct TrackingState
{
	SessionId session;
	/* When it was last read; unknown_time before the first time. */
	Instant read_at;
	PlacedStamp backend_start;
	PlacedStamp xact_start;
	PlacedStamp query_start;
	PlacedStamp state_change;
	PlacedStamp wait_start;
	/* What it was waiting for at the last reading, and whether it ran spared maintenance. */
	SeenWait waited_for;
	bool was_maintaining;
	/* The statement at the last reading (statement_stamp), its spared maintenance and its waits. */
	Timestamp statement;
	Duration maintained;
	WaitAccount statement_waits;
	/*
	 * The transaction at the last reading, the server's stamp of its start, and its
	 * waits.  "Restarted" means that the stamp is that of an earlier transaction.
	 */
	std::uint32_t transaction;
	bool transaction_restarted;
	Timestamp transaction_stamp;
	Instant transaction_seen;
	WaitAccount transaction_waits;
	/*
	 * The maintenance command at the last reading, by its start, and the waits of all
	 * such commands within the statement.
	 */
	Instant maintenance;
	Waits maintenance_waits;
	Stillness still;
	/*
	 * The first reading that found its last wait for a lock over: it may have got the lock
	 * only now that others wait for.  unknown_time if it was not seen to wait.
	 */
	Instant lock_wait_over;
	TrackedBlocking blocking;
	/* When the log has named it as a blocker that is spared: its transaction, or idle phase. */
	std::int64_t named_blocking;
	TrackedHorizon horizon;
	TrackedMemory memory;
	TrackedPeer peer;
	/* How many readings in a row have found it spared from a limit that it exceeds, by
	 * logged_index(). */
	std::array<std::int32_t, 2 * limit_count> times_spared;
	Escalation escalation;
	/* The episode that was announced in the log and has not been ended yet, by limit. */
	std::array<Timestamp, limit_count> announced;
	/* The episode in which it was found over a limit when that had just come into force, by limit.
	 * Of limits that do not measure time. */
	std::array<Timestamp, limit_count> over_when_new;
	/* With mode = log: the episode that was last logged, by logged_index(). */
	std::array<Timestamp, 2 * limit_count> logged;
	/* The event about that episode while it lasts, and what was measured last; 0 if none. */
	std::array<std::uint64_t, 2 * limit_count> logged_event;
	std::array<Duration, 2 * limit_count> logged_for;
};
static_assert(std::is_trivially_copyable_v<TrackingState>);
static_assert(std::is_trivially_destructible_v<TrackingState>);

/* Where it is noted what was logged of a limit, or of what a rule would put in its place. */
constexpr std::size_t
logged_index(Limit limit, bool is_trial)
{
	return index_of(limit) + (is_trial ? limit_count : 0);
}

/*
 * Place the stamps of a session that was read now (see time_of()), and keep them
 * in its tracking state: a later step of the clock does not move them any more.
 */
void place(TrackingState &tracking, Session &session, const Clock &clock, Instant now);

/* Bring a tracking state up to date with a reading of its session; after place(). */
void observe(TrackingState &tracking, const Session &session, Instant now);

/* The same with a reading of its memory, by the limit on that, if it was read. */
void observe_memory(TrackingState &tracking, const Session &session, std::int64_t limit,
                    Instant now);

} // namespace session_guard
