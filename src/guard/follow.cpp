/*
 * Following through (see follow.h).
 *
 * What is followed is kept here, so that what the guard has signaled is counted
 * even if its event has given way in the meantime.
 */
#include "guard/follow.h"

#include "core/follow_up.h"
#include "core/text.h"

#include "settings/settings.h"

#include "shmem/present_time.h"
#include "shmem/shared_memory.h"

#include "status/sql_values.h"

#include "action/events.h"
#include "action/signals.h"

#include <algorithm>
#include <array>
#include <span>

namespace session_guard
{

namespace
{

/* A signal whose effect has not been seen.  Times are by the monotonic clock. */
struct Followed
{
	/* Of its event. */
	std::uint64_t number;
	BackendRef backend;
	Timestamp statement;
	Action action;
	/* Of the guard only. */
	std::optional<Limit> limit;
	Duration signaled_at;
	Waiter waiter;
	bool has_survived;
	/* A look has found the session of a cancel gone. */
	bool was_gone;
	Duration next;
	bool is_done;
};

Followed *memory = nullptr;
std::size_t capacity = 0;
std::size_t followed_count = 0;
/* The number of the last event that was taken in. */
std::uint64_t last_taken = 0;

std::span<Followed>
all_followed()
{
	return {memory, followed_count};
}

void
count_outcome(const Followed &followed, pg_atomic_uint64 LimitCounters::*counter)
{
	if (followed.limit)
		count(shared()->counters.limits[index_of(*followed.limit)].*counter);
}

/* Note the end of it, unless whoever has given the order has found out before. */
void
settle(Followed &followed, Outcome outcome, const char *note = nullptr)
{
	followed.is_done = true;
	(void)settle_event(followed.number, outcome, note);
	if (outcome == Outcome::Terminated)
		count_outcome(followed, &LimitCounters::terminated);
	if (outcome == Outcome::Canceled)
		count_outcome(followed, &LimitCounters::canceled);
}

/* What has been found of a signal. */
struct Effect
{
	Outcome outcome;
	/*
	 * A cancel's session is gone.  Whoever has terminated it may be about to
	 * record that, and then the cancel has had no effect.
	 */
	bool is_uncertain;
};

/* The effect of a signal if it can be seen. */
std::optional<Effect>
effect_of(const Followed &followed)
{
	BackendSnapshot snapshot;

	if (followed.action == Action::Terminate)
	{
		if (has_left(followed.backend))
			return Effect{.outcome = Outcome::Terminated, .is_uncertain = false};
		return std::nullopt;
	}
	switch (read_session(followed.backend.slot, followed.backend.id, snapshot, Patience::None))
	{
		case ReadResult::Unreadable:
			return std::nullopt;
		case ReadResult::Gone:
			/* It was not the cancel that has ended a statement that had survived it. */
			if (followed.has_survived)
				return Effect{.outcome = Outcome::Survived, .is_uncertain = false};
			return Effect{.outcome = Outcome::Canceled, .is_uncertain = true};
		case ReadResult::Read:
			break;
	}
	if (running_statement(snapshot.session) == followed.statement)
		return std::nullopt;
	return Effect{.outcome = Outcome::Canceled, .is_uncertain = false};
}

/* Settle by what was found, or look once more. */
void
conclude(Followed &followed, const Effect &effect, Duration now)
{
	if (!effect.is_uncertain)
		return settle(followed, effect.outcome);
	if (followed.was_gone)
		return settle(followed, effect.outcome, "its session has ended");
	followed.was_gone = true;
	followed.next = now + second;
}

/* Say of a session or statement that its signal has had no effect. */
void
give_up(Followed &followed, Duration now)
{
	std::array<char, 256> buffer;
	Text note(buffer);

	note.append("still there after ")
	    .append_duration(std::max(survival, now - followed.signaled_at))
	    .append("; it waits for ")
	    .append(wait_of(followed.backend.process));
	followed.has_survived = true;
	count_outcome(followed, &LimitCounters::survived);
	(void)settle_event(followed.number, Outcome::Survived, note.c_str(), true);
	report_survivor(followed.backend.id.pid, note.c_str());
}

/* Does whoever has given the order still wait?  Then he says himself what becomes of it. */
bool
is_awaited(const Waiter &waiter, Duration now)
{
	return waiter.process != nullptr && waiter.process->pid == waiter.pid &&
	       local_transaction(waiter.process) == waiter.transaction &&
	       now < later(waiter.until, second);
}

/* Is it time to say of who is still there that he has survived? */
bool
is_overdue(const Followed &followed, Duration now)
{
	return !followed.has_survived && now - followed.signaled_at >= survival &&
	       !is_awaited(followed.waiter, now);
}

/* When to look the next time. */
Duration
next_look(const Followed &followed, Duration now)
{
	return followed.signaled_at + next_follow_up_after(now - followed.signaled_at, naptime());
}

/* Has the event of a function given way, so that nobody asks what became of the signal?  Those of
 * the guard are counted all the same. */
bool
is_forgotten(const Followed &followed)
{
	return !followed.limit && !state_of_event(followed.number);
}

void
look_after(Followed &followed, Duration now)
{
	std::optional<EventState> state = state_of_event(followed.number);

	if ((state && !state->is_open) || is_forgotten(followed))
	{
		followed.is_done = true;
		return;
	}
	/* It may be that whoever has given the order has said so. */
	if (state && state->outcome == Outcome::Survived)
		followed.has_survived = true;
	if (std::optional<Effect> effect = effect_of(followed))
		return conclude(followed, *effect, now);
	if (is_overdue(followed, now))
		give_up(followed, now);
	followed.next = next_look(followed, now);
}

/* Settle a cancel whose session is terminated now. */
void
settle_cancel(Followed &followed, bool goes_on)
{
	if (!goes_on)
		return settle(followed, Outcome::Canceled);
	followed.is_done = true;
	(void)settle_event(followed.number, Outcome::Survived, "its session was terminated");
	if (!followed.has_survived)
		count_outcome(followed, &LimitCounters::survived);
}

/*
 * Settle the cancels of a session that was terminated, in which this statement
 * ran; unknown_time if none did.
 */
void
settle_cancels(SessionId session, Timestamp statement)
{
	for (Followed &followed : all_followed())
		if (followed.backend.id == session && followed.action == Action::Cancel &&
		    !followed.is_done)
			settle_cancel(followed, followed.statement == statement);
}

void
forget_done()
{
	auto is_done = [](const Followed &followed) { return followed.is_done; };
	Followed *end = std::remove_if(memory, memory + followed_count, is_done);

	followed_count = static_cast<std::size_t>(end - memory);
}

/* Make room for one more: who was signaled first is most likely to be gone. */
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
	Followed &oldest = *std::ranges::min_element(all_followed(), {}, &Followed::number);
	(void)settle_event(oldest.number, oldest.has_survived ? Outcome::Survived : Outcome::Signaled,
	                   "not followed any further");
	oldest.is_done = true;
	forget_done();
}

void
track(const Event &event)
{
	/* Whoever has ordered it may have seen its effect already. */
	if (event.action == Action::Terminate && event.signaled_at != 0)
		settle_cancels(event.subject.backend.id, event.subject.statement);
	if (!event.is_open)
		return;
	make_room();
	memory[followed_count++] = {.number = event.number,
	                            .backend = event.subject.backend,
	                            .statement = event.subject.statement,
	                            .action = event.action,
	                            .limit = event.limit,
	                            .signaled_at = event.signaled_at,
	                            .waiter = event.waiter,
	                            .has_survived = event.outcome == Outcome::Survived,
	                            .was_gone = false,
	                            .next = event.signaled_at + first_follow_up,
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
			track(entry.event);
			last_taken = std::max(last_taken, number);
		}
	pfree(numbers);
}

} // namespace

void
prepare_following()
{
	/* A cancel and a terminate of each session, and what is left of a burst of orders. */
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
			track(entry.event);
	last_taken = latest;
}

Instant
next_follow_up()
{
	Instant next = never;

	for (const Followed &followed : all_followed())
		next = std::min(next, followed.next);
	return next;
}

void
follow_up()
{
	Duration now = monotonic_now();

	for (Followed &followed : all_followed())
		if (followed.next <= now)
			look_after(followed, now);
	forget_done();
}

} // namespace session_guard
