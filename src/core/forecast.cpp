/*
 * What will happen to a session (see forecast.h).
 */
#include "core/forecast.h"

namespace session_guard
{

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

/* The tracking of a session that is still from now on. */
TrackingState
of_still_session(TrackingState tracking, Instant now)
{
	if (tracking.still.since == unknown_time)
		tracking.still.since = tracking.still.asked_since = now;
	return tracking;
}

/* Follow the decisions until there is nothing to wait for, and note when the next step is due. */
Decision
follow(Forecast &forecast, Limit limit, const Session &session, const TrackingState &tracking,
       const Policy &policy, Instant now)
{
	/* A grace can follow a deadline, a deadline a grace, and a reading precedes a deadline. */
	constexpr int most_waits = 4;
	Decision decision = decide(limit, session, tracking, policy, now);

	for (int waits = 0; decision.outlook == Outlook::Wait && waits < most_waits; waits++)
	{
		/* A session that exceeds the limit already only has to be read again. */
		if (decision.verdict.deadline == 0)
			forecast.due_at = decision.at - 1;
		decision = decide(limit, session, tracking, policy, decision.at);
	}
	return decision;
}

} // namespace

Forecast
forecast(Limit limit, const Session &session, const TrackingState &tracking, const Policy &policy,
         Instant now)
{
	Policy on = policy;
	if (policy.mode == Mode::Off)
		on.mode = Mode::Enforce;

	Forecast forecast{.verdict = std::nullopt,
	                  .due_at = never,
	                  .spared = spared_from(limit, session, tracking, on),
	                  .is_done = false};
	std::optional<Episode> episode = episode_of(limit, session, tracking);
	if (!episode || !is_set(on, limit))
		return forecast;
	forecast.verdict = first_verdict(limit, *episode, session, tracking, on, now);
	/* When it will be over a limit that does not measure time, nobody can say. */
	if (!measures_time(limit) &&
	    !exceeds(limit, forecast.verdict->measured, forecast.verdict->threshold.value))
		return forecast;
	forecast.due_at = forecast.verdict->deadline;

	Decision decision = follow(forecast, limit, session, of_still_session(tracking, now), on, now);
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
