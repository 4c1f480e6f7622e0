/*
 * From a verdict to a signal (see enforce.h).
 */
#include "guard/enforce.h"

#include "core/decision.h"
#include "core/messages.h"

#include "pg/monotonic_clock.h"

#include "shmem/action_budget.h"
#include "shmem/counters.h"
#include "shmem/tracking.h"

#include "status/catalogs.h"
#include "status/sql_values.h"

#include "policy/policy_cache.h"

#include "action/act.h"

#include "guard/follow.h"
#include "guard/logged_episodes.h"
#include "guard/memory_shortage.h"
#include "guard/verdict_counters.h"

#include <algorithm>

namespace session_guard
{

namespace
{

LimitCounters &
counters_of(const Verdict &verdict)
{
	return shared_counters().limits[index_of(verdict.limit)];
}

/* Count for the limit, and for the rule that decides it. */
void
count_verdict(const Evaluation &evaluation, pg_atomic_uint64 VerdictCounters::*counter)
{
	count_for(evaluation.decision.verdict.limit, evaluation.rule.data(), counter);
}

/* Does the log say already that this episode is to be ended? */
bool
is_announced(const Evaluation &evaluation)
{
	const Verdict &verdict = evaluation.decision.verdict;

	return tracking_of(evaluation.snapshot.backend.slot).announced[index_of(verdict.limit)] ==
	       verdict.episode.stamp;
}

/* Write what is about to be done to which session, and why. */
void
write_line(const Evaluation &evaluation)
{
	const Verdict &verdict = evaluation.decision.verdict;
	Names names = names_of(evaluation, on_one_line);
	std::array<char, 2048> buffer;
	Text text(buffer);

	text.append(announcement_of(verdict)).append(" ");
	append_session(text, evaluation.snapshot, names);
	append_reason(text.append(": "), verdict, evaluation.policy, names);
	count_verdict(evaluation, &VerdictCounters::deadlines_met);
	ereport(LOG, (errmsg_internal("%s", text.c_str())));
}

/* Of a limit on what is left for all, the note says what the session has used or done itself. */
void
note_own_part(decltype(Event::note) &note, const Verdict &verdict)
{
	if (verdict.limit == Limit::AvailableMemory)
		Text(note).append("used ").append_size(verdict.used);
	if (verdict.limit == Limit::Headroom)
		Text(note).append("idle for ").append_duration(verdict.idle);
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
	copy_text(event.subject.taken_role, role_name(snapshot.taken_role.role));
	event.limit = verdict.limit;
	event.threshold = verdict.threshold;
	event.rule = evaluation.rule;
	event.measured = verdict.measured;
	event.action = verdict.action;
	event.outcome = outcome;
	event.is_open = outcome == Outcome::Signaled;
	note_own_part(event.note, verdict);
	return event;
}

/* Is a verdict still due, by what the policy says now? */
bool
is_still_due(const Evaluation &asked, const Evaluation &again)
{
	const Verdict &verdict = asked.decision.verdict;

	if (again.result != ReadResult::Read || policies_are_in_doubt() ||
	    again.decision.outlook != Outlook::Due || again.decision.verdict.action != verdict.action ||
	    again.decision.verdict.episode.stamp != verdict.episode.stamp)
		return false;
	/* An episode of blocking can outlast the statement. */
	return verdict.action != Action::Cancel ||
	       statement_stamp(again.snapshot.session) == statement_stamp(asked.snapshot.session);
}

/* Note that the log says of an episode that it is to be ended. */
void
note_announced(const Evaluation &evaluation)
{
	const Verdict &verdict = evaluation.decision.verdict;

	change_tracking(evaluation.snapshot.backend.slot, [&](TrackingState &tracking)
	                { tracking.announced[index_of(verdict.limit)] = verdict.episode.stamp; });
}

/* Note the step that was taken this moment. */
void
note_step(const Evaluation &evaluation)
{
	const Verdict &verdict = evaluation.decision.verdict;
	const Session &session = evaluation.snapshot.session;
	Instant now = monotonic_now();

	change_tracking(evaluation.snapshot.backend.slot,
	                [&](TrackingState &tracking)
	                {
		                tracking.announced[index_of(verdict.limit)] = unknown_time;
		                if (verdict.action == Action::Cancel)
			                note_cancel(tracking.escalation, statement_stamp(session),
			                            verdict.limit, harm_of(verdict, session), now);
		                else
			                note_terminate(tracking.escalation, now);
	                });
	spend(action_budget().budget, now);
	if (measures_memory(verdict.limit))
		note_memory_freed(evaluation.tracking->memory, verdict.since_cancel == 0, now);
}

void
count_lateness(LimitCounters &counters, Duration late)
{
	count(counters.lateness[range_of(late)]);
	/* Nobody else writes to it, but for a reset. */
	if (static_cast<uint64>(late) > pg_atomic_read_u64(&counters.greatest_lateness))
		pg_atomic_write_u64(&counters.greatest_lateness, static_cast<uint64>(late));
}

/* A verdict to be carried out (action/act.h). */
class VerdictIntent
{
  public:
	VerdictIntent(const Evaluation &evaluation, bool is_punctual)
	    : asked_(evaluation), last_due_(evaluation), is_punctual_(is_punctual),
	      is_first_try_(!is_announced(evaluation))
	{
	}

	BackendRef
	backend() const
	{
		return asked_.snapshot.backend;
	}

	Action
	action() const
	{
		return verdict().action;
	}

	/* A busy session may have to be tried many times; one line is enough. */
	void
	announce()
	{
		if (is_first_try_)
			write_line(asked_);
		note_announced(asked_);
	}

	ClientMessage
	client_message() const
	{
		const BackendSnapshot &snapshot = asked_.snapshot;
		ClientMessage message{};
		Text detail(message.detail);
		Text hint(message.hint);

		message.session = snapshot.backend.id;
		message.action = verdict().action;
		message.statement = statement_stamp(snapshot.session);
		append_detail(detail, verdict(), asked_.policy, names_of(asked_, as_ascii));
		detail.mark_cut();
		hint.append(facts(verdict().limit).hint);
		return message;
	}

	/* No statement that began after the line was written dies by it. */
	std::optional<Outcome>
	recheck()
	{
		Evaluation again = evaluate(verdict().limit, backend().slot, backend().id);

		if (!is_still_due(asked_, again))
			return again.result == ReadResult::Gone ? Outcome::Gone : Outcome::Raced;
		last_due_ = again;
		return std::nullopt;
	}

	Event
	event(Outcome outcome) const
	{
		return event_of(last_due_, outcome);
	}

	bool
	send() const
	{
		return signal_backend(backend().id.pid, action());
	}

	template <typename Work>
	bool
	call(Work work)
	{
		work();
		return true;
	}

	/* The step comes first: nothing may end the guard before it is noted. */
	void
	note_signal(Event &event)
	{
		note_step(asked_);
		if (is_punctual_)
		{
			event.late =
			    std::max<Duration>(0, lateness_of(last_due_.decision.verdict, last_due_.policy));
			count_lateness(counters(), *event.late);
		}
		count_verdict(asked_, action() == Action::Cancel ? &VerdictCounters::cancels_sent
		                                                 : &VerdictCounters::terminates_sent);
	}

	/* A busy session may move on many times; once is enough to be said. */
	LeftAlone
	note_left_alone(Outcome outcome)
	{
		if (outcome == Outcome::Gone)
		{
			count_verdict(asked_, &VerdictCounters::gone);
			return {.end_of_line = "it has ended", .is_recorded = true};
		}
		if (!is_first_try_)
			return {.end_of_line = nullptr, .is_recorded = false};
		count_verdict(asked_, &VerdictCounters::raced);
		return {.end_of_line = "it has moved on", .is_recorded = true};
	}

  private:
	const Verdict &
	verdict() const
	{
		return asked_.decision.verdict;
	}

	LimitCounters &
	counters() const
	{
		return counters_of(verdict());
	}

	const Evaluation &asked_;
	/* What the latest evaluation has found by which the verdict was due. */
	Evaluation last_due_;
	bool is_punctual_;
	bool is_first_try_;
};
static_assert(Intent<VerdictIntent>);

/* With mode = log: say what would be done, once for each episode. */
Outcome
log_only(const Evaluation &evaluation)
{
	const Verdict &verdict = evaluation.decision.verdict;
	int slot = evaluation.snapshot.backend.slot;

	bool is_trial = evaluation.policy.is_trial;

	if (is_trial || !is_announced(evaluation))
		write_line(evaluation);
	change_tracking(
	    slot, [&](TrackingState &tracking)
	    { tracking.logged[logged_index(verdict.limit, is_trial)] = verdict.episode.stamp; });
	count_verdict(evaluation, &VerdictCounters::logged);
	std::uint64_t event = record_event(event_of(evaluation, Outcome::DryRun));
	change_tracking(slot, [&](TrackingState &tracking)
	                { follow_logged(tracking, verdict.limit, is_trial, event, verdict.measured); });
	return Outcome::DryRun;
}

} // namespace

Outcome
enforce(const Evaluation &evaluation, bool is_punctual)
{
	if (evaluation.decision.verdict.action == Action::Log)
		return log_only(evaluation);

	VerdictIntent intent(evaluation, is_punctual);
	Outcome outcome = act(intent).outcome;
	if (outcome == Outcome::Signaled)
		follow_new_events();
	return outcome;
}

} // namespace session_guard
