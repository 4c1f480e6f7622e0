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
wait_until(Timestamp at)
{
	return {.outlook = Outlook::Wait, .spared = Spared::No, .at = at, .verdict = {}};
}

/* What the session does now tells nothing of how long it has done so. */
bool
is_unmeasurable(Limit limit, const Session &session)
{
	return session.state == State::Disabled && limit != Limit::Session;
}

/* Spared because of this very limit, and perhaps only for a moment. */
Spared
spared_by_state(Limit limit, const Session &session, const Policy &policy)
{
	switch (limit)
	{
		case Limit::Statement:
			if (policy.spare_maintenance && session.maintaining)
				return Spared::Maintenance;
			return policy.spare_lock_waiters && waits_for_lock(session) ? Spared::LockWait
			                                                            : Spared::No;
		case Limit::Transaction:
			return policy.spare_maintenance && session.maintaining ? Spared::Maintenance
			                                                       : Spared::No;
		case Limit::IdleSession:
			if (policy.spare_listeners && session.listening)
				return Spared::Listener;
			return is_outside_transaction(session) ? Spared::No : Spared::InTransaction;
		case Limit::Session:
			return is_outside_transaction(session) ? Spared::No : Spared::InTransaction;
		default:
			return Spared::No;
	}
}

/* What a limit asks for in an episode, before the steps already taken are thought of. */
Verdict
first_verdict(Limit limit, const Episode &episode, const Policy &policy, const Clock &clock,
              Timestamp now)
{
	Threshold threshold = threshold_of(policy.limits, limit);

	return {.limit = limit,
	        .threshold = threshold,
	        .episode = episode,
	        .deadline = deadline_of(clock, episode.start, threshold.value),
	        .measured = elapsed(clock, episode.start, now),
	        .action = policy.mode == Mode::Log ? Action::Log : facts(limit).first_action,
	        .since_cancel = 0};
}

/* What is due for a session whose limit is exceeded, after the steps already taken. */
Decision
decide_step(const Decision &due, const Session &session, const Memo &memo, const Policy &policy,
            const Clock &clock, Timestamp now)
{
	if (policy.mode == Mode::Log)
		return memo.logged[index_of(due.verdict.limit)] == due.verdict.episode.stamp ? nothing
		                                                                             : due;
	if (!is_climbing(memo.ladder, running_statement(session)))
		return due;
	if (memo.ladder.rung == Rung::Terminated)
		return nothing;

	/* One action at a time: the cancel first has its grace, whatever else is due. */
	bool again = due.verdict.action == Action::Cancel;
	if (policy.cancel_grace == 0)
		return again ? nothing : due;
	Timestamp end_of_grace = deadline_of(clock, memo.ladder.at, policy.cancel_grace);
	if (now <= end_of_grace)
		return wait_until(later(end_of_grace, 1));

	Decision next = due;
	next.verdict.action = Action::Terminate;
	next.verdict.since_cancel = again ? elapsed(clock, memo.ladder.at, now) : 0;
	return next;
}

} // namespace

Spared
spared_from(Limit limit, const Session &session, const Policy &policy)
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
	if (is_unmeasurable(limit, session))
		return Spared::NotMeasurable;
	return spared_by_state(limit, session, policy);
}

Decision
decide(Limit limit, const Session &session, const Memo &memo, const Policy &policy,
       const Clock &clock, Timestamp now)
{
	if (policy.mode == Mode::Off || threshold_of(policy.limits, limit).value == 0)
		return nothing;

	std::optional<Episode> episode = episode_of(limit, session, memo);
	if (!episode)
		return nothing;

	/* "Longer than" is strict: at the deadline itself nothing is due yet. */
	Verdict verdict = first_verdict(limit, *episode, policy, clock, now);
	if (verdict.deadline == never)
		return nothing;
	if (now <= verdict.deadline)
		return wait_until(later(verdict.deadline, 1));

	Spared spared = spared_from(limit, session, policy);
	if (spared != Spared::No)
		return {.outlook = Outlook::Spared, .spared = spared, .at = now, .verdict = verdict};
	return decide_step(
	    {.outlook = Outlook::Due, .spared = Spared::No, .at = verdict.deadline, .verdict = verdict},
	    session, memo, policy, clock, now);
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

Duration
pause_before_look(Spared spared, std::int32_t looks)
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

/* How soon an episode that nobody has seen yet could be due for a threshold; 0: it is off. */
Duration
pause_for(Limit limit, Duration threshold)
{
	/*
	 * A wait that nobody has seen counts as running, so look twice in the
	 * time of a statement: no wait of half its threshold goes unseen.
	 */
	return limit == Limit::Statement ? threshold / 2 : threshold;
}

} // namespace

Duration
shortest_pause(const Policy &policy)
{
	Duration shortest = 0;

	if (policy.mode == Mode::Off)
		return 0;
	for (Limit limit : all_limits)
		shortest =
		    shorter_pause(shortest, pause_for(limit, threshold_of(policy.limits, limit).value));
	return shortest;
}

Duration
shortest_pause(const Stored &stored)
{
	Duration shortest = 0;

	for (Limit limit : all_limits)
		shortest =
		    shorter_pause(shortest, pause_for(limit, stored.limits[index_of(limit)].value_or(0)));
	return shortest;
}

void
apply(const Stored &stored, Source source, Policy &policy)
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
	    (limit == Limit::Statement && before.spare_lock_waiters && !now.spare_lock_waiters) ||
	    (limit == Limit::IdleSession && before.spare_listeners && !now.spare_listeners) ||
	    ((limit == Limit::Statement || limit == Limit::Transaction) && before.spare_maintenance &&
	     !now.spare_maintenance))
		return true;
	return value != 0 && (old_value == 0 || value < old_value);
}

bool
comes_into_force(const Stored &now, const Stored &before, Limit limit)
{
	std::optional<Duration> value = now.limits[index_of(limit)];
	std::optional<Duration> old_value = before.limits[index_of(limit)];

	if (before.exempt.value_or(false) && !now.exempt.value_or(false))
		return true;
	if (now.exempt.has_value() && !*now.exempt && !before.exempt.has_value())
		return true;
	if (!value)
		return old_value.has_value();
	return *value != 0 && (!old_value || *old_value == 0 || *value < *old_value);
}

Forecast
forecast(Limit limit, const Session &session, const Memo &memo, const Policy &policy,
         const Clock &clock, Timestamp now)
{
	/* A grace can follow a deadline, and a deadline a grace. */
	constexpr int most_waits = 3;
	Policy on = policy;
	if (policy.mode == Mode::Off)
		on.mode = Mode::Enforce;

	Forecast forecast{.verdict = std::nullopt,
	                  .due_at = never,
	                  .spared = spared_from(limit, session, on),
	                  .is_done = false};
	std::optional<Episode> episode = episode_of(limit, session, memo);
	if (!episode || threshold_of(on.limits, limit).value == 0)
		return forecast;
	forecast.verdict = first_verdict(limit, *episode, on, clock, now);

	Decision decision = decide(limit, session, memo, on, clock, now);
	forecast.due_at = forecast.verdict->deadline;
	for (int waits = 0; decision.outlook == Outlook::Wait && waits < most_waits; waits++)
	{
		forecast.due_at = decision.at - 1;
		decision = decide(limit, session, memo, on, clock, decision.at);
	}
	if (decision.outlook == Outlook::Nothing)
	{
		forecast.is_done = forecast.verdict->deadline != never;
		forecast.due_at = never;
	}
	else
		forecast.verdict->action = decision.verdict.action;
	return forecast;
}

} // namespace session_guard
