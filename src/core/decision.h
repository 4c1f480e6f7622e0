/*
 * What follows for one session from one limit now.
 *
 * decide() is the one place where the guard decides: after a scan, to know when
 * to read the session again, and each time that it is read, to know what to do.
 */
#pragma once

#include "core/action.h"
#include "core/episode.h"
#include "core/limits.h"
#include "core/policy.h"
#include "core/session.h"
#include "core/spared.h"
#include "core/tracking_state.h"

#include <type_traits>

namespace session_guard
{

/* What is to happen to a session at its deadline. */
struct Verdict
{
	Limit limit;
	Threshold threshold;
	Episode episode;
	/* When the episode reached the threshold. */
	Instant deadline;
	/* How much of that is not the threshold's (core/jitter.h). */
	Duration jitter;
	/* When the step that is due now became due. */
	Instant due;
	/* How long the episode has lasted, without excluded time; or how much it is, as the limit
	 * measures. */
	std::int64_t measured;
	Action action;
	/* How long ago its statement was canceled, without effect; 0 if it was not. */
	Duration since_cancel;
	/* How many it keeps waiting, for a limit that measures blocking. */
	std::int32_t waiters;
	/* With mode = log: what would be done. */
	Action not_taken;
	/* How many bytes it uses itself, for a limit on what is left for all, and what bounds that. */
	std::int64_t used;
	MemoryBound bound;
	/* How long it has been idle, and how many connections there are, for one that makes room. */
	Duration idle;
	std::int32_t connections;
};
static_assert(std::is_trivially_destructible_v<Verdict>);

enum class Outlook : std::uint8_t
{
	/* The limit is off, or the session is in no episode of it, or all has been done. */
	Nothing,
	/* Read it again at "at"; there is a verdict only if it exceeds the limit already. */
	Wait,
	/* It exceeds the limit, but is spared for now or for good; "spared" says why. */
	Spared,
	/* It exceeds the limit and is not spared: act. */
	Due,
};

struct Decision
{
	Outlook outlook;
	Spared spared;
	/* If it is spared because its client is there: when to ask for that again. */
	Instant at;
	Verdict verdict;
};
static_assert(std::is_trivially_destructible_v<Decision>);

/* Does a session exceed its limit without being spared? */
constexpr bool
is_over(const Decision &decision)
{
	return decision.outlook == Outlook::Due ||
	       (decision.outlook == Outlook::Wait && decision.verdict.deadline != 0);
}

/* What a limit asks for in an episode, before the steps already taken are considered. */
Verdict first_verdict(Limit limit, const Episode &episode, const Session &session,
                      const TrackingState &tracking, const Policy &policy, Instant now);

/* Decide about one limit of one session; after observe(). */
Decision decide(Limit limit, const Session &session, const TrackingState &tracking,
                const Policy &policy, Instant now);

/*
 * What tells the harm that a session does from what it does next, for the escalation: its
 * transaction, for a limit that measures blocking, since one transaction can keep one after the
 * other waiting; otherwise the episode.
 */
std::int64_t harm_of(const Verdict &verdict, const Session &session);

/*
 * How long to wait before a session is read again that was spared for this reason
 * and has been read so many times in a row since.
 */
Duration pause_before_reading_again(Spared spared, std::int32_t times);

} // namespace session_guard
