/*
 * Who is bound by what (see policy.h).
 */
#include "core/policy.h"

#include <algorithm>

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

/* What the session does now tells nothing of how long it has done so. */
bool
is_unmeasurable(Limit limit, const Session &session)
{
	return session.state == State::Disabled && limit != Limit::Session;
}

/* How long before its deadline to look at an idle session: early enough to be sure at the deadline.
 */
constexpr Duration
look_before(Duration threshold)
{
	return stillness_for(threshold) + stillness_for(threshold) / 4;
}

/* Is it the process's wait for its client that is measured, which could be that for a message? */
bool
depends_on_stillness(Limit limit)
{
	return limit == Limit::IdleSession || limit == Limit::IdleInTransactionSession;
}

/* Has it paused its pipeline, or is it in the middle of a message, and nobody can tell? */
bool
cannot_be_told(const Session &session)
{
	return seems_to_pause(session) && session.switches == switches_unreadable;
}

/* What does not count of an episode, and from when its waits are known. */
struct TimeOff
{
	Duration waits;
	Duration maintenance;
	/* Waits that fell into maintenance. */
	Duration both;
	/* How much maintenance is spared, and whether that is used up. */
	Duration spared;
	bool is_used_up;
	Instant known_from;
	/* The maintenance before that. */
	Duration maintained_before;
};

/* The waits that do not count for a limit; those for the client are a statement's only. */
Duration
waits_off(Limit limit, const Waits &waits, const Policy &policy)
{
	Duration time = waits[static_cast<std::size_t>(SeenWait::Standby)];

	if (policy.spare_lock_waiters)
		time += waits[static_cast<std::size_t>(SeenWait::Lock)];
	if (limit == Limit::Statement)
		time += waits[static_cast<std::size_t>(SeenWait::Client)];
	return time;
}

TimeOff
time_off(Limit limit, const WaitAccount &account, Duration maintenance, const Policy &policy)
{
	TimeOff off{.waits = waits_off(limit, account.all, policy),
	            .maintenance = 0,
	            .both = 0,
	            .spared = 0,
	            .is_used_up = false,
	            .known_from = account.known_from,
	            .maintained_before = 0};

	if (policy.spare_maintenance)
	{
		off.maintenance = maintenance;
		off.both = waits_off(limit, account.in_maintenance, policy);
		off.spared = std::max<Duration>(0, maintenance - off.both);
		off.maintained_before = account.maintained_before;
	}
	return off;
}

/*
 * Spare no more of a transaction's maintenance than its limit allows, in however
 * many commands.  That of the present statement is not counted: it has the
 * limit to itself.
 */
TimeOff
bounded(TimeOff off, Duration before_statement, const Policy &policy)
{
	Duration bound = threshold_of(policy.limits, Limit::Maintenance).value;

	off.is_used_up = policy.spare_maintenance && bound != 0 && before_statement > bound;
	if (off.is_used_up)
		off.spared = std::min(off.spared, bound);
	return off;
}

TimeOff
time_off(Limit limit, const Session &session, const TrackingState &tracking, const Policy &policy)
{
	const Maintenance &maintenance = session.maintenance;
	bool is_of_statement = maintenance.statement == statement_stamp(session);
	Duration in_statement = is_of_statement ? maintenance.spared_in_statement : 0;
	Duration running = runs_spared_maintenance(session)
	                       ? std::max<Duration>(0, tracking.looked_at - maintenance.spared_since)
	                       : 0;

	switch (limit)
	{
		case Limit::Statement:
			return time_off(limit, tracking.statement_waits, running + in_statement, policy);
		case Limit::Transaction:
			/* A failed one has neither. */
			if (session.transaction == 0)
				return {};
			return bounded(time_off(limit, tracking.transaction_waits,
			                        running + maintenance.spared_in_transaction, policy),
			               maintenance.spared_in_transaction - in_statement, policy);
		case Limit::Maintenance:
			/* What is over of it counts before the command's own start. */
			return {.waits = waits_off(limit, tracking.maintenance_waits, policy) -
			                 (is_of_statement ? maintenance.in_statement : 0),
			        .maintenance = 0,
			        .both = 0,
			        .spared = 0,
			        .is_used_up = false,
			        .known_from = beginning,
			        .maintained_before = 0};
		default:
			return {};
	}
}

/* Spared because of this very limit, and perhaps only for a moment. */
Spared
spared_by_state(Limit limit, const Session &session, const TrackingState &tracking,
                const Policy &policy)
{
	switch (limit)
	{
		case Limit::Statement:
		case Limit::Transaction:
			if (policy.spare_maintenance && runs_spared_maintenance(session) &&
			    !time_off(limit, session, tracking, policy).is_used_up)
				return Spared::Maintenance;
			[[fallthrough]];
		case Limit::Maintenance:
			return policy.spare_lock_waiters && waits_for_lock(session) ? Spared::LockWait
			                                                            : Spared::No;
		case Limit::IdleSession:
			if (cannot_be_told(session))
				return Spared::NotTold;
			if (policy.spare_listeners && session.listening)
				return Spared::Listener;
			return is_outside_transaction(session) ? Spared::No : Spared::InTransaction;
		case Limit::IdleInTransactionSession:
			if (cannot_be_told(session))
				return Spared::NotTold;
			/* The server is shown as before while it Describes a statement, and may wait there. */
			return policy.spare_lock_waiters && waits_for_lock(session) ? Spared::LockWait
			                                                            : Spared::No;
		case Limit::Session:
			return is_outside_transaction(session) ? Spared::No : Spared::InTransaction;
	}
	return Spared::No;
}

/* The share of a time that has the ratio of a part to its whole; none of nothing. */
Duration
share_of(Duration time, Duration part, Duration whole)
{
	if (time <= 0 || part <= 0 || whole <= 0)
		return 0;
	return static_cast<Duration>(
	    static_cast<double>(time) *
	    std::min(1.0, static_cast<double>(part) / static_cast<double>(whole)));
}

/* What a limit asks for in an episode, before the steps already taken are thought of. */
Verdict
first_verdict(Limit limit, const Episode &episode, const Session &session,
              const TrackingState &tracking, const Policy &policy, Instant now)
{
	Threshold threshold = threshold_of(policy.limits, limit);
	Duration off = excluded(limit, session, tracking, policy) +
	               presumed(limit, episode.start, session, tracking, policy);
	Instant deadline = later(episode.start + off, threshold.value);

	return {.limit = limit,
	        .threshold = threshold,
	        .episode = episode,
	        .deadline = deadline,
	        .due = deadline,
	        .measured = std::max<Duration>(0, now - episode.start - off),
	        .action = policy.mode == Mode::Log ? Action::Log : facts(limit).first_action,
	        .since_cancel = 0};
}

/*
 * When a session has been still for long enough to be ended, if it goes on like
 * that; long ago if nobody asks, or nobody can tell.
 *
 * A message may take its time.  But whoever is idle by its status and sends one
 * byte a second must not keep its locks by that: from its deadline, or the
 * first look after it, it has as much time again.  The server says itself that
 * it is idle; of one that is active nobody can tell better.
 */
Instant
settled_at(const Verdict &verdict, const Session &session, const TrackingState &tracking,
           Instant now)
{
	Duration threshold = verdict.threshold.value;

	if (!depends_on_stillness(verdict.limit) || session.switches == switches_unreadable)
		return beginning;
	Instant settled = later(tracking.still.since, stillness_for(threshold));
	/* What it does takes but a moment, unless it works on a message. */
	if (tracking.still.is_awake)
		settled = later(tracking.looked_at, 10 * millisecond);
	/* What was not asked for before is asked for at that look. */
	else if (tracking.still.since == unknown_time)
		return now + 1;
	if (session.state == State::Active)
		return settled;
	return std::min(settled, later(std::max(verdict.deadline, tracking.still.asked_since),
	                               std::max(threshold, minute)));
}

/* What is due for a session whose limit is exceeded, after the steps already taken. */
Decision
decide_step(const Decision &due, const Session &session, const TrackingState &tracking,
            const Policy &policy, Instant now)
{
	if (policy.mode == Mode::Log)
		return tracking.logged[index_of(due.verdict.limit)] == due.verdict.episode.stamp ? nothing
		                                                                                 : due;
	if (!is_escalating(tracking.escalation, running_statement(session)))
		return due;
	if (tracking.escalation.step == EscalationStep::Terminated)
		return nothing;

	/* One action at a time: the cancel first has its grace, whatever else is due. */
	bool again = due.verdict.action == Action::Cancel;
	if (policy.cancel_grace == 0)
		return again ? nothing : due;
	Instant end_of_grace = later(tracking.escalation.at, policy.cancel_grace);
	if (now <= end_of_grace)
		return wait_until(later(end_of_grace, 1));

	Decision next = due;
	next.verdict.action = Action::Terminate;
	next.verdict.due = std::max(end_of_grace, next.verdict.deadline);
	next.verdict.since_cancel = again ? now - tracking.escalation.at : 0;
	return next;
}

} // namespace

bool
wants_switches(const Session &session, const TrackingState &tracking, const Policy &policy,
               Instant now, Asker asker)
{
	/* Of whoever was found awake nothing was learned. */
	bool is_known = tracking.still.since != unknown_time && !tracking.still.is_awake &&
	                tracking.still.state_change == session.state_change;
	auto asks_for = [&](Limit limit)
	{
		Duration threshold = threshold_of(policy.limits, limit).value;

		if (!depends_on_stillness(limit) || threshold == 0 || (asker == Asker::Scan && is_known))
			return false;
		std::optional<Episode> episode = episode_of(limit, session, tracking);
		return episode && now >= later(episode->start, threshold - look_before(threshold)) &&
		       spared_from(limit, session, tracking, policy) == Spared::No;
	};

	return policy.mode != Mode::Off && std::ranges::any_of(all_limits, asks_for);
}

Duration
excluded(Limit limit, const Session &session, const TrackingState &tracking, const Policy &policy)
{
	TimeOff off = time_off(limit, session, tracking, policy);

	return off.waits + off.spared;
}

Duration
presumed(Limit limit, Instant start, const Session &session, const TrackingState &tracking,
         const Policy &policy)
{
	TimeOff off = time_off(limit, session, tracking, policy);

	/* Of maintenance all is known, and it tells nothing of the time outside of it. */
	Duration unknown = off.known_from - start - off.maintained_before;
	Duration known =
	    tracking.looked_at - off.known_from - (off.maintenance - off.maintained_before);

	return share_of(unknown, off.waits - off.both, known);
}

namespace
{

/* Whatever limit or condition it is about. */
Spared
spared_from_all(const Session &session, const Policy &policy)
{
	if (session.state == State::Unknown || session.state == State::Starting)
		return Spared::Unreadable;
	if (session.wait == Wait::SyncRep)
		return Spared::SyncRep;
	if (session.superuser == Superuser::Unknown)
		return Spared::RoleUnknown;
	if (policy.exempt.value)
		return Spared::Exempt;
	if (policy.exempt_superusers && session.superuser == Superuser::Yes)
		return Spared::Superuser;
	return Spared::No;
}

} // namespace

Spared
spared_from(Limit limit, const Session &session, const TrackingState &tracking,
            const Policy &policy)
{
	if (Spared spared = spared_from_all(session, policy); spared != Spared::No)
		return spared;
	if (is_unmeasurable(limit, session))
		return Spared::NotMeasurable;
	return spared_by_state(limit, session, tracking, policy);
}

namespace
{

/* The time that counts of a statement, if one runs. */
std::optional<Duration>
running_for(const Session &session, const TrackingState &tracking, const Policy &policy,
            Instant now)
{
	std::optional<Episode> episode = episode_of(Limit::Statement, session, tracking);

	if (!episode)
		return std::nullopt;
	return now - episode->start - excluded(Limit::Statement, session, tracking, policy) -
	       presumed(Limit::Statement, episode->start, session, tracking, policy);
}

} // namespace

Spared
spared_from_condition(Condition condition, Duration longer_than, const Session &session,
                      const TrackingState &tracking, const Policy &policy, Instant now)
{
	switch (condition)
	{
		case Condition::Idle:
			return spared_from(Limit::IdleSession, session, tracking, policy);
		case Condition::IdleInTransaction:
			return spared_from(Limit::IdleInTransactionSession, session, tracking, policy);
		case Condition::LongStatement:
		{
			Spared spared = spared_from(Limit::Statement, session, tracking, policy);
			std::optional<Duration> time = running_for(session, tracking, policy, now);

			if (spared != Spared::No || longer_than == 0 || !time || *time > longer_than)
				return spared;
			return Spared::NotSoLong;
		}
		case Condition::Blocking:
		{
			Spared spared = spared_from_all(session, policy);

			if (spared != Spared::No || !policy.spare_maintenance ||
			    !runs_spared_maintenance(session))
				return spared;
			return Spared::Maintenance;
		}
	}
	return Spared::No;
}

Decision
decide(Limit limit, const Session &session, const TrackingState &tracking, const Policy &policy,
       Instant now)
{
	if (policy.mode == Mode::Off || threshold_of(policy.limits, limit).value == 0)
		return nothing;

	std::optional<Episode> episode = episode_of(limit, session, tracking);
	if (!episode)
		return nothing;

	/* "Longer than" is strict: at the deadline itself nothing is due yet. */
	Verdict verdict = first_verdict(limit, *episode, session, tracking, policy, now);
	if (verdict.deadline == never)
		return nothing;
	if (now <= verdict.deadline)
	{
		/* A look shortly before it tells whether the session stirs. */
		Instant before = verdict.deadline - look_before(verdict.threshold.value);

		return wait_until(depends_on_stillness(limit) && session.switches != switches_unreadable &&
		                          now < before
		                      ? before
		                      : later(verdict.deadline, 1));
	}

	Spared spared = spared_from(limit, session, tracking, policy);
	if (spared != Spared::No)
		return {.outlook = Outlook::Spared, .spared = spared, .at = now, .verdict = verdict};
	Instant settled = settled_at(verdict, session, tracking, now);
	if (settled > now)
		return {.outlook = Outlook::Wait, .spared = Spared::No, .at = settled, .verdict = verdict};
	/* Whoever stirred at its deadline came to be due only when it was still again. */
	if (tracking.still.since > tracking.still.asked_since)
		verdict.due = std::max(verdict.due, settled);
	return decide_step(
	    {.outlook = Outlook::Due, .spared = Spared::No, .at = verdict.deadline, .verdict = verdict},
	    session, tracking, policy, now);
}

bool
may_pass_soon(Spared spared)
{
	switch (spared)
	{
		case Spared::Unreadable:
		case Spared::SyncRep:
		case Spared::Maintenance:
		case Spared::LockWait:
		case Spared::InTransaction:
			return true;
		default:
			return false;
	}
}

void
count_session(Census &census, Limit limit, const Decision &decision, const Session &session,
              const TrackingState &tracking, const Policy &policy)
{
	if (policy.mode == Mode::Off || threshold_of(policy.limits, limit).value == 0)
		return;
	if (is_over(decision))
	{
		census.over++;
		return;
	}
	Spared spared = spared_from(limit, session, tracking, policy);
	if (spared != Spared::No && (decision.outlook == Outlook::Spared || !may_pass_soon(spared)))
		census.spared[static_cast<std::size_t>(spared)]++;
}

Duration
pause_before_reading_again(Spared spared, std::int32_t looks)
{
	constexpr std::array<Duration, 3> pauses{10 * millisecond, 100 * millisecond, second};
	auto count = static_cast<std::size_t>(looks);

	/*
	 * Between two transactions a busy session may show itself for microseconds
	 * only, and each look is a throw of the dice: many at first, then fewer.
	 */
	if (spared == Spared::InTransaction)
		return std::min(10 * millisecond + looks * (millisecond / 5), second);
	return pauses[std::min(count, pauses.size() - 1)];
}

namespace
{

/* May a session be spared from this limit because it waits for a lock? */
bool
spares_lock_waiters(Limit limit)
{
	return takes_waits_off(limit) || limit == Limit::IdleInTransactionSession;
}

/* How soon an episode that nobody has seen yet needs a look for a threshold; 0: it is off. */
Duration
pause_for(Limit limit, Duration threshold)
{
	if (takes_waits_off(limit))
		return sampling_pause(threshold, Pace::Quiet);
	/* In time to tell at the deadline whether it has been still. */
	return depends_on_stillness(limit) ? threshold - look_before(threshold) : threshold;
}

/* The shortest of what is made of each limit's threshold; 0 if all are off. */
template <typename ThresholdOf, typename Make>
Duration
shortest_of(ThresholdOf threshold_of_limit, Make make)
{
	Duration shortest = 0;

	for (Limit limit : all_limits)
		shortest = shorter_pause(shortest, make(limit, threshold_of_limit(limit)));
	return shortest;
}

Duration
only_with_waits(Limit limit, Duration threshold)
{
	return takes_waits_off(limit) ? threshold : 0;
}

} // namespace

Duration
sampling_pause(Duration threshold, Pace pace)
{
	switch (pace)
	{
		case Pace::Quiet:
			break;
		case Pace::Running:
			return threshold / 8;
		case Pace::Waiting:
			return std::min(threshold / 20, second);
	}
	return threshold / 2;
}

Duration
shortest_pause(const Policy &policy)
{
	if (policy.mode == Mode::Off)
		return 0;
	return shortest_of([&](Limit limit) { return threshold_of(policy.limits, limit).value; },
	                   pause_for);
}

Duration
shortest_pause(const RoleDatabaseSettings &stored)
{
	return shortest_of([&](Limit limit) { return stored.limits[index_of(limit)].value_or(0); },
	                   pause_for);
}

Duration
shortest_with_waits(const Policy &policy)
{
	if (policy.mode == Mode::Off)
		return 0;
	return shortest_of([&](Limit limit) { return threshold_of(policy.limits, limit).value; },
	                   only_with_waits);
}

Duration
shortest_with_waits(const RoleDatabaseSettings &stored)
{
	return shortest_of([&](Limit limit) { return stored.limits[index_of(limit)].value_or(0); },
	                   only_with_waits);
}

void
apply(const RoleDatabaseSettings &stored, Source source, Policy &policy)
{
	if (stored.exempt)
		policy.exempt = {.value = *stored.exempt, .source = source};
	policy.cancel_grace = stored.cancel_grace.value_or(policy.cancel_grace);
	for (Limit limit : all_limits)
		if (std::optional<Duration> value = stored.limits[index_of(limit)])
			policy.limits[index_of(limit)] = {.value = *value, .source = source};
}

bool
comes_into_force(const Policy &now, const Policy &before, Limit limit, bool is_stored)
{
	Duration value = threshold_of(now.limits, limit).value;
	Duration old_value = threshold_of(before.limits, limit).value;

	if (now.mode == Mode::Off || (value == 0 && !is_stored))
		return false;
	/* What was spared before, roles and databases with limits of their own included. */
	if (before.mode != now.mode || (before.exempt_superusers && !now.exempt_superusers) ||
	    (before.exempt.value && !now.exempt.value) ||
	    (spares_lock_waiters(limit) && before.spare_lock_waiters && !now.spare_lock_waiters) ||
	    (limit == Limit::IdleSession && before.spare_listeners && !now.spare_listeners) ||
	    ((limit == Limit::Statement || limit == Limit::Transaction) && before.spare_maintenance &&
	     !now.spare_maintenance))
		return true;
	/* It bounds what is taken off a transaction, too. */
	if (limit == Limit::Transaction && comes_into_force(now, before, Limit::Maintenance))
		return true;
	return value != 0 && (old_value == 0 || value < old_value);
}

bool
comes_into_force(const RoleDatabaseSettings &now, const RoleDatabaseSettings &before, Limit limit)
{
	std::optional<Duration> value = now.limits[index_of(limit)];
	std::optional<Duration> old_value = before.limits[index_of(limit)];

	if (before.exempt.value_or(false) && !now.exempt.value_or(false))
		return true;
	if (now.exempt.has_value() && !*now.exempt && !before.exempt.has_value())
		return true;
	if (limit == Limit::Transaction && comes_into_force(now, before, Limit::Maintenance))
		return true;
	if (!value)
		return old_value.has_value();
	return *value != 0 && (!old_value || *old_value == 0 || *value < *old_value);
}

namespace
{

/* Will a session that is spared now not be acted on when that would be due? */
bool
is_out_of_reach(const Forecast &forecast, const Policy &policy, Instant now)
{
	if (forecast.spared == Spared::No && policy.mode != Mode::Off)
		return false;
	return forecast.due_at <= now ||
	       (forecast.spared != Spared::No && !may_pass_soon(forecast.spared));
}

} // namespace

Forecast
forecast(Limit limit, const Session &session, const TrackingState &tracking, const Policy &policy,
         Instant now)
{
	/* A grace can follow a deadline, a deadline a grace, and a look comes before a deadline. */
	constexpr int most_waits = 4;
	Policy on = policy;
	if (policy.mode == Mode::Off)
		on.mode = Mode::Enforce;

	Forecast forecast{.verdict = std::nullopt,
	                  .due_at = never,
	                  .spared = spared_from(limit, session, tracking, on),
	                  .is_done = false};
	std::optional<Episode> episode = episode_of(limit, session, tracking);
	if (!episode || threshold_of(on.limits, limit).value == 0)
		return forecast;
	forecast.verdict = first_verdict(limit, *episode, session, tracking, on, now);

	/* It goes on as it is, so it does not stir. */
	TrackingState future = tracking;
	if (future.still.since == unknown_time)
		future.still.since = future.still.asked_since = now;
	Decision decision = decide(limit, session, future, on, now);
	forecast.due_at = forecast.verdict->deadline;
	for (int waits = 0; decision.outlook == Outlook::Wait && waits < most_waits; waits++)
	{
		/* Who is over the limit already only has to be evaluation at again. */
		if (decision.verdict.deadline == 0)
			forecast.due_at = decision.at - 1;
		decision = decide(limit, session, future, on, decision.at);
	}
	if (decision.outlook == Outlook::Nothing)
	{
		forecast.is_done = forecast.verdict->deadline != never;
		forecast.due_at = never;
	}
	else
		forecast.verdict->action = decision.verdict.action;
	if (is_out_of_reach(forecast, policy, now))
		forecast.due_at = never;
	return forecast;
}

} // namespace session_guard
