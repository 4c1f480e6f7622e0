/*
 * Who is bound by what, and what follows for one session now.
 *
 * decide() is the one place where the guard makes up its mind: after a scan to
 * know when to look, and at each look to know what to do.
 */
#pragma once

#include "core/limits.h"
#include "core/session.h"
#include "core/tracking_state.h"

#include <algorithm>
#include <array>
#include <optional>
#include <type_traits>

namespace session_guard
{

enum class Mode : std::uint8_t
{
	Off,
	Log,
	Enforce,
};

/* Is a session spared from everything, and by what? */
struct Exemption
{
	bool value;
	Source source;

	friend bool operator==(const Exemption &, const Exemption &) = default;
};

/* What binds one session: the settings of the server, and those of its role and database. */
struct Policy
{
	Mode mode;
	bool exempt_superusers;
	bool spare_lock_waiters;
	bool spare_listeners;
	bool spare_maintenance;
	Exemption exempt;
	/* How long a canceled statement may go on; 0 means that it is never terminated. */
	Duration cancel_grace;
	Thresholds limits;
};
static_assert(std::is_trivially_copyable_v<Policy>);
static_assert(std::is_trivially_destructible_v<Policy>);

/* What ALTER ROLE or ALTER DATABASE SET says for one role, database or both: absent is silent. */
struct RoleDatabaseSettings
{
	std::optional<bool> exempt;
	std::optional<Duration> cancel_grace;
	std::array<std::optional<Duration>, limit_count> limits;

	friend bool operator==(const RoleDatabaseSettings &, const RoleDatabaseSettings &) = default;
};
static_assert(std::is_trivially_destructible_v<RoleDatabaseSettings>);

/* Let what is stored at a source take the place of what more general sources say. */
void apply(const RoleDatabaseSettings &stored, Source source, Policy &policy);

/* Why a session is spared, in the order in which the reasons are asked; protection wins. */
enum class Spared : std::uint8_t
{
	No,
	/* Its status cannot be made sense of, or it is still starting up. */
	Unreadable,
	SyncRep,
	RoleUnknown,
	/* By ALTER ROLE or ALTER DATABASE SET pg_session_guard.exempt. */
	Exempt,
	Superuser,
	NotMeasurable,
	/* A pause cannot be told from a message that arrives: the process's switches cannot be read. */
	NotTold,
	Listener,
	Maintenance,
	LockWait,
	/* session_timeout waits for the end of the transaction. */
	InTransaction,
	/* For functions: it has not run for so long without what does not count. */
	NotSoLong,
};
inline constexpr std::size_t spared_count = 12;
static_assert(static_cast<std::size_t>(Spared::InTransaction) + 1 == spared_count);

/* What should happen to a session at its deadline. */
struct Verdict
{
	Limit limit;
	Threshold threshold;
	Episode episode;
	/* When the episode reached the threshold, and when the step that is due now came to be due. */
	Instant deadline;
	Instant due;
	/* How long the episode has lasted, without what does not count. */
	Duration measured;
	Action action;
	/* Its statement was canceled this long ago and still runs; 0 if it was not canceled. */
	Duration since_cancel;
};
static_assert(std::is_trivially_destructible_v<Verdict>);

enum class Outlook : std::uint8_t
{
	/* The limit is off, or the session is in no episode of it, or all is done that can be. */
	Nothing,
	/* Look at it at "at"; there is a verdict only if it is over the limit already. */
	Wait,
	/* Over the limit, but spared for now or for good; "spared" says why. */
	Spared,
	/* Over the limit and nothing speaks for it: act. */
	Due,
};

struct Decision
{
	Outlook outlook;
	Spared spared;
	Instant at;
	Verdict verdict;
};
static_assert(std::is_trivially_destructible_v<Decision>);

/* Is a session over its limit, and to be acted on for that? */
constexpr bool
is_over(const Decision &decision)
{
	return decision.outlook == Outlook::Due ||
	       (decision.outlook == Outlook::Wait && decision.verdict.deadline != 0);
}

/*
 * What is taken off the time of an episode: waits for somebody else's lock and
 * spared maintenance if the policy says so, waits for a synchronous standby,
 * and, for a statement, pauses of its client.  As of the last look.
 */
Duration excluded(Limit limit, const Session &session, const TrackingState &tracking,
                  const Policy &policy);

/*
 * What is taken off besides of an episode that had begun before the first look
 * at it: it is presumed to have waited then for as large a part of the time as
 * it has since.
 */
Duration presumed(Limit limit, Instant start, const Session &session, const TrackingState &tracking,
                  const Policy &policy);

/*
 * Can only the process itself tell whether the session is what its status says?
 *
 * A message that arrives in pieces wakes the process with each of them, while
 * its status says all the time that it waits for one.  The answer costs the
 * guard two reads of /proc, so it is asked for only of those who have been idle,
 * or have seemed to pause, for nearly as long as they may.  A scan asks that
 * until it has learned something: it is a look that ends them.  After place().
 */
enum class Asker : std::uint8_t
{
	Scan,
	Evaluation,
};
bool wants_switches(const Session &session, const TrackingState &tracking, const Policy &policy,
                    Instant now, Asker asker);

/* For how long an idle session must not have stirred before it is ended. */
constexpr Duration
stillness_for(Duration threshold)
{
	return std::min(second, threshold / 2);
}

/* Is the session spared from this limit at this moment, and why? */
Spared spared_from(Limit limit, const Session &session, const TrackingState &tracking,
                   const Policy &policy);

/* A condition that a function asks for by its name. */
enum class Condition : std::uint8_t
{
	Idle,
	IdleInTransaction,
	LongStatement,
	Blocking,
};

/*
 * Is a session that has met a condition for longer than this spared as the limit
 * of that condition spares, at whatever value?  A blocker is spared while it
 * runs maintenance.
 */
Spared spared_from_condition(Condition condition, Duration longer_than, const Session &session,
                             const TrackingState &tracking, const Policy &policy, Instant now);

/* Does this reason end by itself, so that the session is worth another look before the next scan?
 */
bool may_pass_soon(Spared spared);

/* How long to wait before the next look at a session that was spared for this so often in a row. */
Duration pause_before_reading_again(Spared spared, std::int32_t looks);

/* Decide about one limit of one session.  Writes nothing; observe() came before. */
Decision decide(Limit limit, const Session &session, const TrackingState &tracking,
                const Policy &policy, Instant now);

/* How the sessions stand that a limit is set for. */
struct Census
{
	/* Over it, and to be acted on. */
	std::int64_t over;
	/* Spared from it, by each reason. */
	std::array<std::int64_t, spared_count> spared;
};
static_assert(std::is_trivially_destructible_v<Census>);

/*
 * Count a session by what was decided about it.  Spared is whoever is over the
 * limit and spared, and whoever would be, for good: it is not guarded by this limit.
 */
void count_session(Census &census, Limit limit, const Decision &decision, const Session &session,
                   const TrackingState &tracking, const Policy &policy);

/* The shortest pause after which an episode that nobody has seen yet needs a look; 0: no limit. */
Duration shortest_pause(const Policy &policy);
Duration shortest_pause(const RoleDatabaseSettings &stored);

/* May waits be taken off this limit? */
constexpr bool
takes_waits_off(Limit limit)
{
	return limit == Limit::Statement || limit == Limit::Transaction || limit == Limit::Maintenance;
}

/* The shortest threshold of a limit that some waits are taken off; 0: no such limit. */
Duration shortest_with_waits(const Policy &policy);
Duration shortest_with_waits(const RoleDatabaseSettings &stored);

/*
 * How soon to look at all sessions again for a limit that waits are taken off.
 * A wait that nobody sees counts as running.  So while anything runs that could
 * wait no wait of an eighth of the threshold goes unseen, and while anybody does
 * wait many samples tell how much of the time that was.
 */
enum class Pace : std::uint8_t
{
	Quiet,
	Running,
	Waiting,
};
Duration sampling_pause(Duration threshold, Pace pace);

/* The shorter of two pauses, of which 0 is none. */
constexpr Duration
shorter_pause(Duration a, Duration b)
{
	return a == 0 || b == 0 ? std::max(a, b) : std::min(a, b);
}

/*
 * Has this limit come into force anew: does it concern sessions now that it did
 * not concern yet, or does another mode treat them otherwise?  Where it is off
 * for the server it may still be stored for roles and databases.
 */
bool comes_into_force(const Policy &now, const Policy &before, Limit limit, bool is_stored = false);

/*
 * The same for what is stored.  What is no longer stored gives way to what is
 * more general, which may be stricter.
 */
bool comes_into_force(const RoleDatabaseSettings &now, const RoleDatabaseSettings &before,
                      Limit limit);

/* Does a statement that was canceled end sooner by this grace?  0 is none: it is never terminated.
 */
constexpr bool
is_shorter_grace(Duration now, Duration before)
{
	return now != 0 && (before == 0 || now < before);
}

/*
 * What will happen to a session for a limit if it goes on as it is: the verdict
 * at its deadline, and who it is spared by at this moment.
 */
struct Forecast
{
	/* None if it is in no episode of the limit. */
	std::optional<Verdict> verdict;
	/*
	 * When the next step is due; never, if none is.  For who is spared only for
	 * now that is the earliest that it can be, if it is spared no more by then;
	 * once it is past, no other moment is known.  With mode = off everybody is
	 * spared for now.
	 */
	Instant due_at;
	Spared spared;
	/* All that can be done was done: logged with mode = log, canceled, or terminated. */
	bool is_done;
};

/* What decide() will say at the deadline; with mode = off, what it would say were it on. */
Forecast forecast(Limit limit, const Session &session, const TrackingState &tracking,
                  const Policy &policy, Instant now);

} // namespace session_guard
