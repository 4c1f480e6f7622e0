/*
 * What follows for one session from one limit (see decision.h).
 */
#include "core/decision.h"

#include "core/excluded_time.h"
#include "core/horizon_age.h"
#include "core/jitter.h"
#include "core/memory_sampling.h"
#include "core/peer.h"
#include "core/stillness.h"

#include <algorithm>
#include <array>

namespace session_guard
{

namespace
{

constexpr Decision nothing{
    .outlook = Outlook::Nothing, .spared = Spared::No, .at = never, .verdict = {}};

Decision
wait_until(Instant at)
{
	return {.outlook = Outlook::Wait, .spared = Spared::No, .at = at, .verdict = {}};
}

Decision
wait_for_deadline(const Verdict &verdict, const Session &session, Instant now)
{
	/* A reading shortly before the deadline shows whether the session is still. */
	Instant before = verdict.deadline - reading_before_deadline(verdict.threshold.value);
	bool is_read_before = measures_wait_for_client(verdict.limit) &&
	                      session.switches != switches_unreadable && now < before;

	return wait_until(is_read_before ? before : later(verdict.deadline, 1));
}

/* A session at work can grow: its memory is read again as soon as it may be over its limit. */
Decision
wait_for_growth(const Session &session, const TrackingState &tracking, const Policy &policy)
{
	if (tracking.memory.read_at == unknown_time || tracking.memory.bytes < 0 ||
	    !is_running(session))
		return nothing;
	return wait_until(next_memory_reading(tracking.memory, policy));
}

/* What is done first: nothing can be canceled where nothing runs. */
Action
first_action(Limit limit, const Session &session)
{
	Action action = facts(limit).first_action;

	return action == Action::Cancel && !is_running(session) ? Action::Terminate : action;
}

/*
 * How long to wait after a cancel before the session is terminated.  Memory has fallen soon
 * after the statement has ended, if it does at all.
 */
Duration
grace_for(Limit limit, bool is_same_statement, Duration cancel_grace)
{
	if (!measures_memory(limit))
		return cancel_grace;
	return is_same_statement
	           ? std::clamp(cancel_grace, memory_falls_within, longest_grace_for_memory)
	           : memory_falls_within;
}

/* Was a statement of the session canceled for what it goes on with, whatever it runs now? */
bool
is_canceled_for_this(const Verdict &verdict, const Session &session, const TrackingState &tracking,
                     Instant now)
{
	bool is_long_ago = verdict.limit == Limit::AvailableMemory &&
	                   now - tracking.escalation.at > harm_of_shortage_lasts;

	return !is_long_ago &&
	       is_escalating_for(tracking.escalation, verdict.limit, harm_of(verdict, session));
}

/* What is due for a session that exceeds a limit, after the steps already taken. */
Decision
decide_step(const Decision &due, const Session &session, const TrackingState &tracking,
            const Policy &policy, Instant now)
{
	if (policy.mode == Mode::Log)
		return tracking.logged[logged_index(due.verdict.limit, policy.is_trial)] ==
		               due.verdict.episode.stamp
		           ? nothing
		           : due;
	bool is_for_this = is_canceled_for_this(due.verdict, session, tracking, now);
	bool is_same_statement = is_escalating(tracking.escalation, running_statement(session));
	if (!is_for_this && !is_same_statement)
		return due;
	if (tracking.escalation.step == EscalationStep::Terminated)
		return nothing;

	/* One action at a time: the grace of the cancel comes first, whatever else is due. */
	bool again = is_for_this || due.verdict.action == Action::Cancel;
	if (policy.cancel_grace == 0)
		return again ? nothing : due;
	Instant end_of_grace =
	    later(tracking.escalation.at,
	          grace_for(due.verdict.limit, is_same_statement, policy.cancel_grace));
	if (now <= end_of_grace)
		return wait_until(later(end_of_grace, 1));

	Decision next = due;
	next.verdict.action = Action::Terminate;
	next.verdict.due = std::max(end_of_grace, next.verdict.deadline);
	next.verdict.since_cancel = again ? now - tracking.escalation.at : 0;
	return next;
}

/* How much it is, for a limit that does not measure time. */
std::int64_t
amount_of(Limit limit, const Session &session, const TrackingState &tracking, const Policy &policy)
{
	switch (limit)
	{
		case Limit::Memory:
			return tracking.memory.bytes;
		case Limit::AvailableMemory:
			return session.shortage.left.bytes;
		case Limit::Headroom:
			return std::max(0, session.room.free);
		default:
			return held_back(session.horizon, tracking.horizon, policy.spare_lock_waiters);
	}
}

/* From when on a session may go that is to make room: it has been idle long enough, and still. */
Instant
may_make_room_at(const Episode &episode, const Session &session, const TrackingState &tracking,
                 const Policy &policy, Instant now)
{
	Instant deadline = later(episode.start, policy.headroom_min_idle);

	if (now <= deadline)
		return later(deadline, 1);
	return still_enough_at(Limit::Headroom, policy.headroom_min_idle, deadline, session, tracking,
	                       now);
}

/*
 * How it stands with a limit that does not measure time.  There is no deadline: what is
 * over the limit was found so, and what is not is read again.
 */
Decision
decide_amount(const Verdict &verdict, const Session &session, const TrackingState &tracking,
              const Policy &policy, Instant now)
{
	/* It may have given back already what it held: the second reading of the same counts. */
	constexpr Duration pause_between_readings = second;
	Limit limit = verdict.limit;

	/* It may be over a stricter limit by which memory is sampled, as of a rule that only logs. */
	if (!exceeds(limit, verdict.measured, verdict.threshold.value))
		return limit == Limit::Memory ? wait_for_growth(session, tracking, policy) : nothing;
	Spared spared = spared_from(limit, session, tracking, policy);
	if (spared != Spared::No)
		return {.outlook = Outlook::Spared, .spared = spared, .at = now, .verdict = verdict};
	if (limit == Limit::HorizonAge && now < later(verdict.episode.start, pause_between_readings))
		return {.outlook = Outlook::Wait,
		        .spared = Spared::No,
		        .at = later(verdict.episode.start, pause_between_readings),
		        .verdict = verdict};
	if (limit == Limit::Headroom)
		if (Instant at = may_make_room_at(verdict.episode, session, tracking, policy, now);
		    at > now)
			return wait_until(at);
	return decide_step(
	    {.outlook = Outlook::Due, .spared = Spared::No, .at = verdict.deadline, .verdict = verdict},
	    session, tracking, policy, now);
}

} // namespace

Verdict
first_verdict(Limit limit, const Episode &episode, const Session &session,
              const TrackingState &tracking, const Policy &policy, Instant now)
{
	Threshold threshold = threshold_of(policy.limits, limit);
	Action action = first_action(limit, session);

	if (!measures_time(limit))
		return {.limit = limit,
		        .threshold = threshold,
		        .episode = episode,
		        .deadline = episode.start,
		        .jitter = 0,
		        .due = episode.start,
		        .measured = amount_of(limit, session, tracking, policy),
		        .action = policy.mode == Mode::Log ? Action::Log : action,
		        .since_cancel = 0,
		        .waiters = 0,
		        .not_taken = action,
		        .used = tracking.memory.bytes,
		        .bound = session.shortage.left.bound,
		        .idle = std::max<Duration>(0, now - episode.start),
		        .connections = session.room.all};
	Duration excluded = excluded_time(limit, episode.start, session, tracking, policy).total();
	Duration jitter = jitter_of(limit, session.id, policy);
	Instant deadline = later(episode.start + excluded, threshold.value + jitter);

	return {.limit = limit,
	        .threshold = threshold,
	        .episode = episode,
	        .deadline = deadline,
	        .jitter = jitter,
	        .due = deadline,
	        .measured = std::max<Duration>(0, now - episode.start - excluded),
	        .action = policy.mode == Mode::Log ? Action::Log : action,
	        .since_cancel = 0,
	        .waiters = session.blocking.waiters,
	        .not_taken = action,
	        .used = 0,
	        .bound = MemoryBound::Host,
	        .idle = 0,
	        .connections = 0};
}

Decision
decide(Limit limit, const Session &session, const TrackingState &tracking, const Policy &policy,
       Instant now)
{
	if (!is_set(policy, limit))
		return nothing;

	std::optional<Episode> episode = episode_of(limit, session, tracking);
	if (!episode)
		return limit == Limit::Memory ? wait_for_growth(session, tracking, policy) : nothing;

	/* "Longer than" is strict: at the deadline itself nothing is due yet. */
	Verdict verdict = first_verdict(limit, *episode, session, tracking, policy, now);
	if (!measures_time(limit))
		return decide_amount(verdict, session, tracking, policy, now);
	if (verdict.deadline == never)
		return nothing;
	if (now <= verdict.deadline)
		return wait_for_deadline(verdict, session, now);

	Spared spared = spared_from(limit, session, tracking, policy);
	Instant ask_at = limit == Limit::DeadClient
	                     ? next_peer_reading(tracking.peer, verdict.threshold.value, now)
	                     : now;
	if (spared != Spared::No)
		return {.outlook = Outlook::Spared, .spared = spared, .at = ask_at, .verdict = verdict};
	if (limit == Limit::DeadClient && session.peer == Peer::NotRead)
		return wait_until(ask_at);
	Instant settled =
	    still_enough_at(limit, verdict.threshold.value, verdict.deadline, session, tracking, now);
	if (settled > now)
		return {.outlook = Outlook::Wait, .spared = Spared::No, .at = settled, .verdict = verdict};
	/* A session that was woken around its deadline became due only when it was still again. */
	if (tracking.still.since > tracking.still.asked_since)
		verdict.due = std::max(verdict.due, settled);
	return decide_step(
	    {.outlook = Outlook::Due, .spared = Spared::No, .at = verdict.deadline, .verdict = verdict},
	    session, tracking, policy, now);
}

std::int64_t
harm_of(const Verdict &verdict, const Session &session)
{
	return measures_blocking(verdict.limit) ? session.transaction : verdict.episode.stamp;
}

Duration
pause_before_reading_again(Spared spared, std::int32_t times)
{
	constexpr std::array<Duration, 3> pauses{10 * millisecond, 100 * millisecond, second};
	auto count = static_cast<std::size_t>(times);

	/*
	 * A busy session is between two transactions for microseconds only, and whether a
	 * reading hits that moment is chance: there are many readings at first, then fewer.
	 */
	if (spared == Spared::InTransaction)
		return std::min(10 * millisecond + times * (millisecond / 5), second);
	return pauses[std::min(count, pauses.size() - 1)];
}

} // namespace session_guard
