/*
 * Who is bound by what, and what follows for one session now.
 *
 * decide() is the one place where the guard makes up its mind: after a scan to
 * know when to look, and at each look to know what to do.
 */
#pragma once

#include "core/clock.h"
#include "core/limits.h"
#include "core/memo.h"
#include "core/session.h"

#include <string_view>
#include <type_traits>

namespace session_guard
{

enum class Mode : std::uint8_t
{
	Off,
	Log,
	Enforce,
};

/* The settings that bind everybody.  Rules and settings per role will be resolved to the same. */
struct Policy
{
	Mode mode;
	bool exempt_superusers;
	bool spare_lock_waiters;
	/* How long a cancelled statement may go on; 0 means that it is never terminated. */
	Duration cancel_grace;
	Thresholds limits;
};
static_assert(std::is_trivially_destructible_v<Policy>);

/* Why a session is spared, in the order in which the reasons are asked; protection wins. */
enum class Spared : std::uint8_t
{
	No,
	/* Its status cannot be made sense of, or it is still starting up. */
	Unreadable,
	SyncRep,
	RoleUnknown,
	Superuser,
	NotMeasurable,
	LockWait,
	/* session_timeout waits for the end of the transaction. */
	InTransaction,
};

/* What should happen to a session at its deadline. */
struct Verdict
{
	Limit limit;
	Threshold threshold;
	Episode episode;
	Timestamp deadline;
	/* How long the episode has lasted, steps of the clock taken off. */
	Duration measured;
	Action action;
	/* Its statement was cancelled this long ago and still runs; 0 if it was not cancelled. */
	Duration since_cancel;
};
static_assert(std::is_trivially_destructible_v<Verdict>);

enum class Outlook : std::uint8_t
{
	/* The limit is off, or the session is in no episode of it, or all is done that can be. */
	Nothing,
	/* Look at it at "at". */
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
	Timestamp at;
	Verdict verdict;
};
static_assert(std::is_trivially_destructible_v<Decision>);

/* Is the session spared from this limit at this moment, and why? */
Spared spared_from(Limit limit, const Session &session, const Policy &policy);

/* Does this reason end by itself, so that the session is worth another look before the next scan?
 */
bool may_pass_soon(Spared spared);

/* How long to wait before the next look at a session that was spared for this so often in a row. */
Duration pause_before_look(Spared spared, std::int32_t looks);

/* Decide about one limit of one session.  Writes nothing; observe() came before. */
Decision decide(Limit limit, const Session &session, const Memo &memo, const Policy &policy,
                const Clock &clock, Timestamp now);

/* The shortest pause after which an episode that nobody has seen yet could be due; 0: no limit. */
Duration shortest_pause(const Policy &policy);

/*
 * Has this limit come into force anew: does it concern sessions now that it did
 * not concern yet, or does another mode treat them otherwise?
 */
bool comes_into_force(const Policy &now, const Policy &before, Limit limit);

} // namespace session_guard
