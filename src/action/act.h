/*
 * The one way to act on a backend, for the guard and for the SQL functions.
 *
 * The order of the steps is what keeps innocent sessions alive and the log true:
 *
 *   announce   Write the line.  That takes time, and more if this process loses the processor.
 *   recheck    A session that has moved on meanwhile is left alone.  Nothing that can wait comes
 *              between this and the signal.
 *   publish    Leave the message for the client, so that what lies in a slot always belongs to
 *              a signal.
 *   signal     A function does by the server's own, which asks for the caller's right to it once
 *              more.  The guard has every right, and sends the same signal without the catalogs
 *              in which the server would look that up: somebody may have locked them.
 *   note       In the same breath: the step, that the message stays, the event.  Noted before,
 *              an actor that is ended in between would have noted a signal that nobody has sent.
 *   leave      If no signal was sent: take the message back, give the line its end, say why in
 *              an event.
 *
 * An ERROR may come at any step.  The message is withdrawn with the (sub)transaction; a line
 * without an end is the caller's to see to.
 */
#pragma once

#include "core/action.h"

#include "pg/monotonic_clock.h"

#include "shmem/client_message.h"

#include "action/events.h"
#include "action/signals.h"

#include <concepts>
#include <optional>
#include <type_traits>

namespace session_guard
{

/* What is to be said of a backend that was left alone. */
struct LeftAlone
{
	/* The end of its line in the log; nullptr if no line waits for one. */
	const char *end_of_line;
	/* An event tells of it, too. */
	bool is_recorded;
};

/* What is to be done to a backend, and what that means to its actor. */
template <typename T>
concept Intent = requires(T intent, Event &event, Outcome outcome)
{
	{
		intent.backend()
		} -> std::convertible_to<BackendRef>;
	{
		intent.action()
		} -> std::same_as<Action>;
	/* Write the line, unless that was done before. */
	intent.announce();
	{
		intent.client_message()
		} -> std::same_as<ClientMessage>;
	/* None if the signal is still due; else why there will be none. */
	{
		intent.recheck()
		} -> std::same_as<std::optional<Outcome>>;
	/* The event of this outcome, by what the latest recheck has found. */
	{
		intent.event(outcome)
		} -> std::same_as<Event>;
	/* Take note of a signal that was sent this moment, in whatever the intent keeps and in its
	   event. */
	intent.note_signal(event);
	/* The same if none was sent. */
	{
		intent.note_left_alone(outcome)
		} -> std::same_as<LeftAlone>;
	/* Send the signal; false if nobody was found. */
	{
		intent.send()
		} -> std::same_as<bool>;
	/* There is also bool call(work): do what sends the signal; false if the actor turned out to
	   have no right to, and it was undone. */
	requires std::is_trivially_destructible_v<T>;
};

/* What came of it. */
struct Acted
{
	/* Signaled; or Gone, Denied, or what the recheck has found. */
	Outcome outcome;
	/* The number of the event of the signal; 0 if there is none. */
	std::uint64_t event;
};

template <Intent T>
Acted
leave_alone(T &intent, Outcome outcome)
{
	LeftAlone left = intent.note_left_alone(outcome);

	if (left.end_of_line != nullptr)
		report_left_alone(intent.backend().id.pid, left.end_of_line);
	if (left.is_recorded)
		(void)record_event(intent.event(outcome));
	return {.outcome = outcome, .event = 0};
}

/* Publish the message, signal, and note in "acted" that it was sent, if it was. */
template <Intent T>
void
signal_and_note(T &intent, const ClientMessage &message, Acted &acted)
{
	BackendRef backend = intent.backend();
	Event event = intent.event(Outcome::Signaled);

	publish_message(backend.slot, message);
	event.at = GetCurrentTimestamp();
	event.signaled_at = monotonic_now();
	if (!intent.send())
		return withdraw_message();
	acted.outcome = Outcome::Signaled;
	intent.note_signal(event);
	keep_message();
	acted.event = record_event(event);
}

/* Do it, in a transaction. */
template <Intent T>
Acted
act(T &intent)
{
	Acted acted{.outcome = Outcome::Gone, .event = 0};

	intent.announce();
	ClientMessage message = intent.client_message();
	if (std::optional<Outcome> obstacle = intent.recheck())
		return leave_alone(intent, *obstacle);
	bool was_permitted = intent.call([&] { signal_and_note(intent, message, acted); });
	/* Whatever has failed after it, a signal is not sent twice. */
	if (acted.outcome == Outcome::Signaled)
		return acted;
	return leave_alone(intent, was_permitted ? Outcome::Gone : Outcome::Denied);
}

} // namespace session_guard
