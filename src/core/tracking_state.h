/*
 * What the guard keeps in mind of one session between two looks, because
 * backend status does not tell it: when its stamps were made, what time does
 * not count, what was done about it, what was said about it.
 *
 * One per backend slot, in shared memory, so that it outlives the worker.  It
 * counts only for the session whose identity it carries.  What it says of
 * time not counted depends on no policy: which of it is taken off, excluded()
 * decides.
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

/* What a session was found waiting for that is not its fault, or not its statement's. */
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
	/* From when they are known: the first look at it, or the start of the wait that it found. */
	Instant known_from;
	/* The spared maintenance of the episode before that. */
	Duration maintained_before;
};

/* Since when a session has waited for its client, and what would tell that its client stirs. */
struct Stillness
{
	/*
	 * The first look that found it waiting so, with no message taken in and in the
	 * same transaction ever since; unknown_time if it does not wait.
	 */
	Instant unchanged_since;
	Timestamp state_change;
	std::uint32_t transaction;
	/* The first look since then that asked its process, and the first after it was last woken. */
	Instant asked_since;
	Instant since;
	std::int64_t switches;
	/* The last look that asked found it awake, and so learned nothing. */
	bool is_awake;
};

struct TrackingState
{
	SessionId session;
	/* The last look; unknown_time before the first. */
	Instant looked_at;
	PlacedStamp backend_start;
	PlacedStamp xact_start;
	PlacedStamp query_start;
	PlacedStamp state_change;
	PlacedStamp wait_start;
	/* What the last look found it waiting for, and whether it ran spared maintenance then. */
	SeenWait waited_for;
	bool was_maintaining;
	/* The statement that was last found (statement_stamp), its spared maintenance, and its waits.
	 */
	Timestamp statement;
	Duration maintained;
	WaitAccount statement_waits;
	/*
	 * The transaction that was last found, what the server said was its start,
	 * and its waits.  "Restarted" says that the stamp is an earlier one's.
	 */
	std::uint32_t transaction;
	bool transaction_restarted;
	Timestamp transaction_stamp;
	Instant transaction_seen;
	WaitAccount transaction_waits;
	/*
	 * The maintenance command that was last found, by its start, and the waits of
	 * all such commands within the statement.
	 */
	Instant maintenance;
	Waits maintenance_waits;
	Stillness still;
	/* How many looks in a row have found it over a limit and spared it, by limit. */
	std::array<std::int32_t, limit_count> times_spared;
	Escalation escalation;
	/* The episode whose end was announced in the log and has not been brought about, by limit. */
	std::array<Timestamp, limit_count> announced;
	/* With mode = log: the episode that was last written about, by limit. */
	std::array<Timestamp, limit_count> logged;
	/* The event about that episode while it goes on, and what the last look measured; 0 if none. */
	std::array<std::uint64_t, limit_count> logged_event;
	std::array<Duration, limit_count> logged_for;
};
static_assert(std::is_trivially_copyable_v<TrackingState>);
static_assert(std::is_trivially_destructible_v<TrackingState>);

/*
 * Place the stamps of a session that was seen now (see time_of()), and keep
 * them in its tracking: what was placed once is not moved by a later step.
 */
void place(TrackingState &tracking, Session &session, const Clock &clock, Instant now);

/* Bring a tracking up to date with what a look or a scan has found.  After place(). */
void observe(TrackingState &tracking, const Session &session, Instant now);

} // namespace session_guard
