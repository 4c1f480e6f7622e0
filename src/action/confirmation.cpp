/*
 * Whether a signal has had its effect (see confirmation.h).
 */
#include "action/confirmation.h"

#include "core/text.h"

#include "status/backend_status.h"
#include "status/sql_values.h"

#include "action/events.h"
#include "action/signals.h"

#include <array>

namespace session_guard
{

namespace
{

/* Note an outcome in the event unless that has another one by now, which then is returned. */
Outcome
settle(const SentSignal &signal, Outcome outcome, const char *note, bool stays_open)
{
	EventEntry entry;

	if (signal.event == 0 || settle_event(signal.event, outcome, note, stays_open) ||
	    !read_event(signal.event, entry))
		return outcome;
	return entry.event.outcome;
}

SurvivorNote
note_of_survivor(const SentSignal &signal, Duration waited)
{
	std::array<char, 64> buffer;
	Text duration(buffer);

	duration.append_duration(waited);
	const char *text = psprintf("still there after %s", duration.c_str());
	return {.text = text,
	        .with_wait = psprintf("%s; it waits for %s", text, wait_of(signal.backend.process))};
}

} // namespace

SentSignal
signal_of(const Event &event)
{
	return {.backend = event.subject.backend,
	        .action = event.action,
	        .statement = event.subject.statement,
	        .sent_at = event.signaled_at,
	        .event = event.number};
}

Effect
effect_of(const SentSignal &signal)
{
	BackendSnapshot snapshot;

	if (signal.action == Action::Terminate)
		return has_left(signal.backend) ? Effect::Seen : Effect::NotSeen;
	switch (read_session(signal.backend.slot, signal.backend.id, snapshot, Patience::None))
	{
		case ReadResult::Unreadable:
			return Effect::NotSeen;
		case ReadResult::Gone:
			return Effect::SessionGone;
		case ReadResult::Read:
			break;
	}
	return running_statement(snapshot.session) == signal.statement ? Effect::NotSeen : Effect::Seen;
}

Outcome
outcome_of(const SentSignal &signal, Effect effect, bool has_survived)
{
	/* It was not the cancel that has ended a statement that had survived it. */
	if (effect == Effect::SessionGone && has_survived)
		return Outcome::Survived;
	return confirmed_outcome_of(signal.action);
}

Outcome
conclude(const SentSignal &signal, Outcome outcome, const char *note)
{
	return settle(signal, outcome, note, false);
}

void
conclude_cancel_before_terminate(std::uint64_t event)
{
	(void)settle_event(event, Outcome::Survived, "its session was terminated");
}

Outcome
conclude_survived(const SentSignal &signal, Duration waited, SurvivorNote &note)
{
	note = note_of_survivor(signal, waited);

	Outcome outcome = settle(signal, Outcome::Survived, note.with_wait, true);
	if (outcome == Outcome::Survived)
		report_survivor(signal.backend.id.pid, note.with_wait);
	return outcome;
}

} // namespace session_guard
