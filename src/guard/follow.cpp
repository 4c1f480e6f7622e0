/*
 * Which signals the guard follows, and when it reads their sessions (see follow.h).
 *
 * What is followed is kept here, so that what the guard has signaled is counted
 * even if its event has given way in the meantime.
 */
#include "guard/follow.h"

#include "core/follow_up.h"

#include "pg/compat.h"
#include "pg/monotonic_clock.h"

#include "settings/settings.h"

#include "shmem/counters.h"

#include "status/backend_status.h"

#include "action/confirmation.h"
#include "action/events.h"

#include "guard/verdict_counters.h"

#include <algorithm>
#include <span>

namespace session_guard
{

namespace
{

Followed *memory = nullptr;
std::size_t capacity = 0;
std::size_t followed_count = 0;
/* The last event that was taken in, by its number. */
std::uint64_t last_taken = 0;

std::span<Followed>
all_followed()
{
	return {memory, followed_count};
}

void
count_outcome(const Followed &followed, pg_atomic_uint64 VerdictCounters::*counter)
{
	if (followed.limit)
		count_for(*followed.limit, followed.rule.data(), counter);
}

/* Note the end of it, unless the request's own call has found out before. */
void
settle(Followed &followed, Outcome outcome, const char *note = nullptr)
{
	followed.is_done = true;
	(void)conclude(followed.signal, outcome, note);
	if (outcome == Outcome::Terminated)
		count_outcome(followed, &VerdictCounters::terminated);
	if (outcome == Outcome::Canceled)
		count_outcome(followed, &VerdictCounters::canceled);
}

/* Settle by what was seen; of a cancel whose session is gone only if it is seen once more. */
void
settle_by(Followed &followed, Effect effect, Instant now)
{
	Outcome outcome = outcome_of(followed.signal, effect, followed.has_survived);

	if (effect == Effect::Seen || outcome == Outcome::Survived)
		return settle(followed, outcome);
	if (followed.was_gone)
		return settle(followed, outcome, "its session has ended");
	followed.was_gone = true;
	followed.next = now + second;
}

/* Say of a session or statement that its signal has had no effect. */
void
give_up(Followed &followed, Instant now)
{
	Duration waited = std::max(survival, now - followed.signal.sent_at);

	SurvivorNote note;

	if (conclude_survived(followed.signal, waited, note) != Outcome::Survived)
		return;
	followed.has_survived = true;
	count_outcome(followed, &VerdictCounters::survived);
}

/* Does a call still wait for it?  Then that call says what becomes of it. */
bool
is_awaited(const Waiter &waiter, Instant now)
{
	return waiter.process != nullptr && waiter.process->pid == waiter.pid &&
	       local_transaction(waiter.process) == waiter.transaction &&
	       now < later(waiter.until, second);
}

/* Is it time to say that it has survived? */
bool
is_overdue(const Followed &followed, Instant now)
{
	return !followed.has_survived && now - followed.signal.sent_at >= survival &&
	       !is_awaited(followed.waiter, now);
}

/* When to read it the next time. */
Instant
next_reading(const Followed &followed, Instant now)
{
	Instant sent_at = followed.signal.sent_at;

	return sent_at + next_follow_up_after(now - sent_at, naptime());
}

/*
 * Has the event of a function given way, so that nobody asks what became of the
 * signal?  Those of the guard are counted all the same.
 */
bool
is_forgotten(const Followed &followed)
{
	return !followed.limit && !state_of_event(followed.signal.event);
}

void
read_again(Followed &followed, Instant now)
{
	std::optional<EventState> state = state_of_event(followed.signal.event);

	if ((state && !state->is_open) || is_forgotten(followed))
	{
		followed.is_done = true;
		return;
	}
	/* The request's own call may have said so. */
	if (state && state->outcome == Outcome::Survived)
		followed.has_survived = true;
	if (Effect effect = effect_of(followed.signal); effect != Effect::NotSeen)
		return settle_by(followed, effect, now);
	if (is_overdue(followed, now))
		give_up(followed, now);
	followed.next = next_reading(followed, now);
}

/* Settle a cancel whose session is terminated now. */
void
settle_cancel(Followed &followed, bool goes_on)
{
	if (!goes_on)
		return settle(followed, Outcome::Canceled);
	followed.is_done = true;
	conclude_cancel_before_terminate(followed.signal.event);
	if (!followed.has_survived)
		count_outcome(followed, &VerdictCounters::survived);
}

/*
 * Settle the cancels of a session that was terminated while this statement ran
 * in it; unknown_time if none did.
 */
void
settle_cancels(SessionId session, Timestamp statement)
{
	for (Followed &followed : all_followed())
		if (followed.signal.backend.id == session && followed.signal.action == Action::Cancel &&
		    !followed.is_done)
			settle_cancel(followed, followed.signal.statement == statement);
}

void
forget_done()
{
	auto is_done = [](const Followed &followed) { return followed.is_done; };
	Followed *end = std::remove_if(memory, memory + followed_count, is_done);

	followed_count = static_cast<std::size_t>(end - memory);
}

/* Make room for one more: what was signaled first is most likely to be gone. */
void
make_room()
{
	if (followed_count < capacity)
		return;
	/* A flood is to push out nobody here, either. */
	for (Followed &followed : all_followed())
		followed.is_done = followed.is_done || is_forgotten(followed);
	forget_done();
	if (followed_count < capacity)
		return;
	Followed &oldest = *std::ranges::min_element(
	    all_followed(), {}, [](const Followed &followed) { return followed.signal.event; });
	(void)conclude(oldest.signal, oldest.has_survived ? Outcome::Survived : Outcome::Signaled,
	               "not followed any further");
	oldest.is_done = true;
	forget_done();
}

void
follow(const Event &event)
{
	SentSignal signal = signal_of(event);

	/* The request's own call may have seen its effect already. */
	if (signal.action == Action::Terminate && signal.sent_at != 0)
		settle_cancels(signal.backend.id, signal.statement);
	if (!event.is_open)
		return;
	make_room();
	memory[followed_count++] = {.signal = signal,
	                            .limit = event.limit,
	                            .rule = event.rule,
	                            .waiter = event.waiter,
	                            .has_survived = event.outcome == Outcome::Survived,
	                            .was_gone = false,
	                            .next = signal.sent_at + first_follow_up,
	                            .is_done = false};
}

/* Take in what a guard before this one, or nobody, has followed. */
void
take_in_all()
{
	std::size_t room = event_capacity();
	auto numbers = static_cast<std::uint64_t *>(palloc(room * sizeof(std::uint64_t)));

	last_taken = latest_event();
	for (std::uint64_t number : std::span(numbers, all_events({numbers, room})))
		if (EventEntry entry; read_event(number, entry))
		{
			follow(entry.event);
			last_taken = std::max(last_taken, number);
		}
	pfree(numbers);
}

} // namespace

void
prepare_following()
{
	/* A cancel and a terminate of each session, and what is left of a burst of requests. */
	capacity = 2 * static_cast<std::size_t>(slot_count()) + history_buffer();
	memory =
	    static_cast<Followed *>(MemoryContextAlloc(TopMemoryContext, capacity * sizeof(Followed)));
	take_in_all();
}

void
follow_new_events()
{
	std::uint64_t latest = latest_event();

	for (std::uint64_t number = last_taken + 1; number <= latest; number++)
		if (EventEntry entry; read_event(number, entry))
			follow(entry.event);
	last_taken = latest;
}

std::span<const Followed>
awaited_signals()
{
	return all_followed();
}

Instant
next_follow_up()
{
	/* Whatever has waited inside of the server may have reset the latch that told of them. */
	Instant next = latest_event() == last_taken ? never : beginning;

	for (const Followed &followed : all_followed())
		next = std::min(next, followed.next);
	return next;
}

void
follow_up()
{
	Instant now = monotonic_now();

	for (Followed &followed : all_followed())
		if (followed.next <= now)
			read_again(followed, now);
	forget_done();
}

} // namespace session_guard
