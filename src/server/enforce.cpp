/*
 * From a verdict to a signal (see enforce.h).
 */
#include "server/enforce.h"

#include "core/reason.h"

#include "server/catalogs.h"
#include "server/clock.h"
#include "server/events.h"
#include "server/follow.h"
#include "server/policies.h"
#include "server/reasons.h"
#include "server/shared.h"
#include "server/show.h"
#include "server/signals.h"

#include "guard/logged.h"

#include <algorithm>

namespace session_guard
{

namespace
{

CatalogWork signaling{.what = "signal by the server's own function", .has_failed = false};

Names
names_of(const Sighting &sighting, Shown *shown)
{
	return {.role = shown(role_name(sighting.role)),
	        .database = shown(database_name(sighting.database))};
}

LimitCounters &
counters_of(const Verdict &verdict)
{
	return shared()->counters.limits[index_of(verdict.limit)];
}

/* Write what is about to be done, to whom and why. */
void
announce(const Looked &looked)
{
	const Verdict &verdict = looked.decision.verdict;
	Names names = names_of(looked.sighting, on_one_line);
	std::array<char, 2048> buffer;
	Text text(buffer);

	text.append(announcement_of(verdict)).append(" ");
	append_session(text, looked.sighting, names);
	append_reason(text.append(": "), verdict, looked.policy, names);
	ereport(LOG, (errmsg_internal("%s", text.c_str())));
}

/* What the client is told of a verdict. */
Reason
reason_for(const Looked &looked)
{
	const Verdict &verdict = looked.decision.verdict;
	Reason reason{};
	Text detail(reason.detail);
	Text hint(reason.hint);

	reason.session = looked.sighting.session.id;
	reason.action = verdict.action;
	reason.statement = statement_stamp(looked.sighting.session);
	append_detail(detail, verdict, looked.policy, names_of(looked.sighting, as_ascii));
	detail.mark_cut();
	hint.append(facts(verdict.limit).hint);
	return reason;
}

/* The event of what is done, or was not done, about a verdict. */
Event
event_of(const Looked &looked, Outcome outcome)
{
	const Verdict &verdict = looked.decision.verdict;
	const Sighting &sighting = looked.sighting;
	Event event{};

	event.at = looked.wall;
	event.actor.is_guard = true;
	event.subject = subject_of(sighting, role_name(sighting.role), database_name(sighting.database),
	                           looked.query);
	event.limit = verdict.limit;
	event.threshold = verdict.threshold;
	event.measured = verdict.measured;
	event.action = verdict.action;
	event.outcome = outcome;
	event.is_open = outcome == Outcome::Signaled;
	return event;
}

/*
 * The last look, after the line was written and right before the signal.
 *
 * Writing the line takes its time, and more if this process loses the
 * processor.  Whoever has moved on meanwhile is not ended: no statement that
 * began before the line dies by it.
 */
bool
is_still_due(const Verdict &verdict, const Looked &again)
{
	return again.sight == Sight::Seen && !policies_are_in_doubt() &&
	       again.decision.outlook == Outlook::Due &&
	       again.decision.verdict.action == verdict.action &&
	       again.decision.verdict.episode.stamp == verdict.episode.stamp;
}

/* What became of a verdict that is not due any more. */
Outcome
outcome_without_signal(const Looked &again)
{
	return again.sight == Sight::Gone ? Outcome::Gone : Outcome::Raced;
}

/* The place in the memo that tells whether this episode's end was announced already. */
Timestamp &
announced(const Looked &looked)
{
	return memo_of(looked.sighting.slot).announced[index_of(looked.decision.verdict.limit)];
}

/* Note the step that was taken this moment, before anything can end the guard. */
void
note_step(const Looked &looked)
{
	const Verdict &verdict = looked.decision.verdict;
	Ladder &ladder = memo_of(looked.sighting.slot).ladder;
	Instant now = monotonic_now();

	announced(looked) = unknown_time;
	if (verdict.action == Action::Cancel)
		note_cancel(ladder, verdict.episode.stamp, now);
	else
		note_terminate(ladder, now);
	spend(shared()->budget, now);
}

void
count_lateness(LimitCounters &counters, Duration late)
{
	count(counters.lateness[range_of(late)]);
	/* Nobody else writes to it, but for a reset. */
	if (static_cast<uint64>(late) > pg_atomic_read_u64(&counters.greatest_lateness))
		pg_atomic_write_u64(&counters.greatest_lateness, static_cast<uint64>(late));
}

/* Note all that follows from a signal that was sent this moment. */
void
note_signal(const Looked &looked, bool is_punctual, Event &event)
{
	const Verdict &verdict = looked.decision.verdict;
	LimitCounters &counters = counters_of(verdict);
	bool cancels = verdict.action == Action::Cancel;

	note_step(looked);
	keep_reason();
	event.signaled_at = monotonic_now();
	if (is_punctual)
	{
		event.late = std::max<Duration>(0, lateness_of(verdict, looked.policy));
		count_lateness(counters, *event.late);
	}
	count(cancels ? counters.cancels_sent : counters.terminates_sent);
	(void)record_event(event);
	follow_new_events();
}

/*
 * Note that who was announced has moved on, or has ended.  A busy session may
 * move on many times; once is enough to be said.
 */
Outcome
leave_alone(const Looked &looked, Outcome outcome, bool is_first_try)
{
	LimitCounters &counters = counters_of(looked.decision.verdict);
	bool is_gone = outcome == Outcome::Gone;

	if (!is_gone && !is_first_try)
		return outcome;
	count(is_gone ? counters.gone : counters.raced);
	report_left_alone(looked.sighting.session.id.pid, is_gone ? "it has ended" : "it has moved on");
	(void)record_event(event_of(looked, outcome));
	return outcome;
}

Outcome
log_only(const Looked &looked)
{
	const Verdict &verdict = looked.decision.verdict;

	Memo &memo = memo_of(looked.sighting.slot);

	memo.logged[index_of(verdict.limit)] = verdict.episode.stamp;
	count(counters_of(verdict).logged);
	follow_logged(memo, verdict.limit, record_event(event_of(looked, Outcome::DryRun)),
	              verdict.measured);
	return Outcome::DryRun;
}

} // namespace

Outcome
carry_out(const Looked &looked, bool is_punctual)
{
	const Verdict &verdict = looked.decision.verdict;
	SessionId id = looked.sighting.session.id;
	int slot = looked.sighting.slot;
	bool is_signaled = false;

	/* A busy session may have to be tried many times; one line is enough. */
	bool is_first_try = announced(looked) != verdict.episode.stamp;
	if (is_first_try)
	{
		count(counters_of(verdict).deadlines_met);
		announce(looked);
	}
	if (verdict.action == Action::Log)
		return log_only(looked);
	announced(looked) = verdict.episode.stamp;

	Reason reason = reason_for(looked);
	Looked again = look_and_decide(verdict.limit, slot, id);
	if (!is_still_due(verdict, again))
		return leave_alone(looked, outcome_without_signal(again), is_first_try);

	Event event = event_of(again, Outcome::Signaled);
	auto send_by = [&](auto send)
	{
		publish_reason(slot, reason);
		is_signaled = send(id.pid, verdict.action);
		if (is_signaled)
			note_signal(again, is_punctual, event);
		else
			withdraw_reason();
	};
	if (!catalogs_are_free() || !with_catalogs(signaling, [&] { send_by(signal_by_server); }))
	{
		/* Whatever has failed after it, a signal is not sent twice. */
		if (is_signaled)
			return Outcome::Signaled;
		/* The lock that was in the way has taken its time, too. */
		again = look_and_decide(verdict.limit, slot, id);
		if (!is_still_due(verdict, again))
			return leave_alone(looked, outcome_without_signal(again), is_first_try);
		event = event_of(again, Outcome::Signaled);
		send_by(signal_process);
	}
	return is_signaled ? Outcome::Signaled : leave_alone(again, Outcome::Gone, true);
}

} // namespace session_guard
