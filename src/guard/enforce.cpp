/*
 * From a verdict to a signal (see enforce.h).
 */
#include "guard/enforce.h"

#include "core/decision.h"
#include "core/messages.h"

#include "pg/monotonic_clock.h"

#include "shmem/action_budget.h"
#include "shmem/client_message.h"
#include "shmem/counters.h"
#include "shmem/tracking.h"

#include "status/catalogs.h"
#include "status/sql_values.h"

#include "policy/policy_cache.h"

#include "action/events.h"
#include "action/signals.h"

#include "guard/follow.h"
#include "guard/logged_episodes.h"

#include <algorithm>

namespace session_guard
{

namespace
{

CatalogWork signaling{.what = "signal by the server's own function", .has_failed = false};

Names
names_of(const BackendSnapshot &snapshot, Converter *shown)
{
	return {.role = shown(role_name(snapshot.role)),
	        .database = shown(database_name(snapshot.database))};
}

LimitCounters &
counters_of(const Verdict &verdict)
{
	return shared_counters().limits[index_of(verdict.limit)];
}

/* Write what is about to be done, to whom and why. */
void
announce(const Evaluation &evaluation)
{
	const Verdict &verdict = evaluation.decision.verdict;
	Names names = names_of(evaluation.snapshot, on_one_line);
	std::array<char, 2048> buffer;
	Text text(buffer);

	text.append(announcement_of(verdict)).append(" ");
	append_session(text, evaluation.snapshot, names);
	append_reason(text.append(": "), verdict, evaluation.policy, names);
	ereport(LOG, (errmsg_internal("%s", text.c_str())));
}

/* What the client is told of a verdict. */
ClientMessage
client_message_for(const Evaluation &evaluation)
{
	const Verdict &verdict = evaluation.decision.verdict;
	ClientMessage reason{};
	Text detail(reason.detail);
	Text hint(reason.hint);

	reason.session = evaluation.snapshot.session.id;
	reason.action = verdict.action;
	reason.statement = statement_stamp(evaluation.snapshot.session);
	append_detail(detail, verdict, evaluation.policy, names_of(evaluation.snapshot, as_ascii));
	detail.mark_cut();
	hint.append(facts(verdict.limit).hint);
	return reason;
}

/* The event of what is done, or was not done, about a verdict. */
Event
event_of(const Evaluation &evaluation, Outcome outcome)
{
	const Verdict &verdict = evaluation.decision.verdict;
	const BackendSnapshot &snapshot = evaluation.snapshot;
	Event event{};

	event.at = evaluation.wall;
	event.actor.is_guard = true;
	event.subject = subject_of(snapshot, role_name(snapshot.role), database_name(snapshot.database),
	                           evaluation.query);
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
is_still_due(const Verdict &verdict, const Evaluation &again)
{
	return again.result == ReadResult::Read && !policies_are_in_doubt() &&
	       again.decision.outlook == Outlook::Due &&
	       again.decision.verdict.action == verdict.action &&
	       again.decision.verdict.episode.stamp == verdict.episode.stamp;
}

/* What became of a verdict that is not due any more. */
Outcome
outcome_without_signal(const Evaluation &again)
{
	return again.result == ReadResult::Gone ? Outcome::Gone : Outcome::Raced;
}

/* Was the end of this episode announced already? */
bool
was_announced(const Evaluation &evaluation)
{
	const Verdict &verdict = evaluation.decision.verdict;

	return tracking_of(evaluation.snapshot.slot).announced[index_of(verdict.limit)] ==
	       verdict.episode.stamp;
}

void
note_announced(const Evaluation &evaluation)
{
	const Verdict &verdict = evaluation.decision.verdict;

	change_tracking(evaluation.snapshot.slot, [&](TrackingState &tracking)
	                { tracking.announced[index_of(verdict.limit)] = verdict.episode.stamp; });
}

/* Note the step that was taken this moment, before anything can end the guard. */
void
note_step(const Evaluation &evaluation)
{
	const Verdict &verdict = evaluation.decision.verdict;
	Instant now = monotonic_now();

	change_tracking(evaluation.snapshot.slot,
	                [&](TrackingState &tracking)
	                {
		                tracking.announced[index_of(verdict.limit)] = unknown_time;
		                if (verdict.action == Action::Cancel)
			                note_cancel(tracking.escalation, verdict.episode.stamp, now);
		                else
			                note_terminate(tracking.escalation, now);
	                });
	spend(action_budget().budget, now);
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
note_signal(const Evaluation &evaluation, bool is_punctual, Event &event)
{
	const Verdict &verdict = evaluation.decision.verdict;
	LimitCounters &counters = counters_of(verdict);
	bool cancels = verdict.action == Action::Cancel;

	note_step(evaluation);
	keep_message();
	event.signaled_at = monotonic_now();
	if (is_punctual)
	{
		event.late = std::max<Duration>(0, lateness_of(verdict, evaluation.policy));
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
leave_alone(const Evaluation &evaluation, Outcome outcome, bool is_first_try)
{
	LimitCounters &counters = counters_of(evaluation.decision.verdict);
	bool is_gone = outcome == Outcome::Gone;

	if (!is_gone && !is_first_try)
		return outcome;
	count(is_gone ? counters.gone : counters.raced);
	report_left_alone(evaluation.snapshot.session.id.pid,
	                  is_gone ? "it has ended" : "it has moved on");
	(void)record_event(event_of(evaluation, outcome));
	return outcome;
}

Outcome
log_only(const Evaluation &evaluation)
{
	const Verdict &verdict = evaluation.decision.verdict;

	change_tracking(evaluation.snapshot.slot, [&](TrackingState &tracking)
	                { tracking.logged[index_of(verdict.limit)] = verdict.episode.stamp; });
	count(counters_of(verdict).logged);
	std::uint64_t event = record_event(event_of(evaluation, Outcome::DryRun));
	change_tracking(evaluation.snapshot.slot, [&](TrackingState &tracking)
	                { follow_logged(tracking, verdict.limit, event, verdict.measured); });
	return Outcome::DryRun;
}

} // namespace

Outcome
carry_out(const Evaluation &evaluation, bool is_punctual)
{
	const Verdict &verdict = evaluation.decision.verdict;
	SessionId id = evaluation.snapshot.session.id;
	int slot = evaluation.snapshot.slot;
	bool is_signaled = false;

	/* A busy session may have to be tried many times; one line is enough. */
	bool is_first_try = !was_announced(evaluation);
	if (is_first_try)
	{
		count(counters_of(verdict).deadlines_met);
		announce(evaluation);
	}
	if (verdict.action == Action::Log)
		return log_only(evaluation);
	note_announced(evaluation);

	ClientMessage reason = client_message_for(evaluation);
	Evaluation again = evaluate(verdict.limit, slot, id);
	if (!is_still_due(verdict, again))
		return leave_alone(evaluation, outcome_without_signal(again), is_first_try);

	Event event = event_of(again, Outcome::Signaled);
	auto send_by = [&](auto send)
	{
		publish_message(slot, reason);
		is_signaled = send(id.pid, verdict.action);
		if (is_signaled)
			note_signal(again, is_punctual, event);
		else
			withdraw_message();
	};
	if (!catalogs_are_free() || !with_catalogs(signaling, [&] { send_by(signal_by_server); }))
	{
		/* Whatever has failed after it, a signal is not sent twice. */
		if (is_signaled)
			return Outcome::Signaled;
		/* The lock that was in the way has taken its time, too. */
		again = evaluate(verdict.limit, slot, id);
		if (!is_still_due(verdict, again))
			return leave_alone(evaluation, outcome_without_signal(again), is_first_try);
		event = event_of(again, Outcome::Signaled);
		send_by(signal_process);
	}
	return is_signaled ? Outcome::Signaled : leave_alone(again, Outcome::Gone, true);
}

} // namespace session_guard
