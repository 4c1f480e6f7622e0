/*
 * Following through (see follow.h).
 */
#include "server/follow.h"

#include "core/text.h"

#include "server/clock.h"
#include "server/events.h"
#include "server/settings.h"
#include "server/shared.h"
#include "server/show.h"

#include <algorithm>
#include <array>
#include <span>

namespace session_guard
{

namespace
{

/* When to look, counted from the signal; the last of them decides. */
constexpr std::array<Duration, 4> looks_after{10 * millisecond, 100 * millisecond, second,
                                              5 * second};

/* An open event. */
struct Followed
{
	std::uint64_t number;
	SessionId session;
	Action action;
	Timestamp next;
	std::size_t looks;
	/* Its effect was seen, or it was overwritten. */
	bool is_done;
};

Followed *memory = nullptr;
std::size_t followed_count = 0;
/* The number of the last event that was taken in. */
std::uint64_t last_taken = 0;

std::span<Followed>
all_followed()
{
	return {memory, followed_count};
}

void
count_outcome(const Event &event, pg_atomic_uint64 LimitCounters::*counter)
{
	if (event.limit)
		count(shared()->counters.limits[index_of(*event.limit)].*counter);
}

void
settle(Followed &followed, const Event &event, Outcome outcome, std::optional<Duration> gone_after)
{
	followed.is_done = true;
	/* Who has given an order may have found out before. */
	if (!settle_event(event.number, outcome, nullptr, gone_after))
		return;
	if (outcome == Outcome::Terminated)
		count_outcome(event, &LimitCounters::terminated);
	if (outcome == Outcome::Canceled)
		count_outcome(event, &LimitCounters::canceled);
}

bool
has_left(const Subject &subject)
{
	Sighting sighting{};

	sighting.session.id = subject.id;
	sighting.slot = subject.slot;
	sighting.process = subject.process;
	return has_left(sighting);
}

/* The outcome of a signal whose effect can be seen; none if it cannot. */
std::optional<Outcome>
effect_of(const Event &event)
{
	const Subject &subject = event.subject;
	Sighting sighting;

	if (event.action == Action::Terminate)
		return has_left(subject) ? std::optional(Outcome::Terminated) : std::nullopt;
	switch (look_at_session(subject.slot, subject.id, sighting))
	{
		case Sight::Unreadable:
			return std::nullopt;
		case Sight::Gone:
			/* It was not the cancel that has ended a statement that had survived it. */
			return event.outcome == Outcome::Survived ? Outcome::Survived : Outcome::Canceled;
		case Sight::Seen:
			break;
	}
	if (is_running(sighting.session) && statement_stamp(sighting.session) == subject.statement)
		return std::nullopt;
	return Outcome::Canceled;
}

/* Settle a cancel whose session is terminated now. */
void
settle_cancel(Followed &followed, const Event &event, bool goes_on)
{
	if (!goes_on)
		return settle(followed, event, Outcome::Canceled, std::nullopt);
	followed.is_done = true;
	if (settle_event(event.number, Outcome::Survived, "its session was terminated", std::nullopt) &&
	    event.outcome != Outcome::Survived)
		count_outcome(event, &LimitCounters::survived);
}

/* Say of a session or statement that its signal has had no effect. */
void
report_survivor(const Event &event)
{
	std::array<char, 256> buffer;
	Text note(buffer);

	note.append("still there after ")
	    .append_duration(looks_after.back())
	    .append("; it waits for ")
	    .append(wait_of(event.subject.process));
	if (!settle_event(event.number, Outcome::Survived, note.c_str(), std::nullopt, true))
		return;
	count_outcome(event, &LimitCounters::survived);
	ereport(WARNING, (errmsg_internal("session %d has survived its signal: %s",
	                                  event.subject.id.pid, note.c_str())));
}

/* When to look the next time at who was signalled at that moment. */
Timestamp
next_look(const Followed &followed, Timestamp signaled, Timestamp now)
{
	if (followed.looks < looks_after.size())
		return std::max(later(signaled, looks_after[followed.looks]), now);
	return later(now, naptime());
}

void
look_after(Followed &followed, Timestamp now)
{
	EventEntry entry;
	const Event &event = entry.event;

	if (!read_event(followed.number, entry) || !event.is_open)
	{
		followed.is_done = true;
		return;
	}
	if (std::optional<Outcome> effect = effect_of(event))
		return settle(followed, event, *effect, elapsed(shared()->clock, event.at, now));
	followed.looks = std::min(followed.looks + 1, looks_after.size());
	/* Who has given an order waits as long as he wants to, and says it himself. */
	if (followed.looks == looks_after.size() && event.outcome == Outcome::Signaled &&
	    event.actor.is_guard)
		report_survivor(event);
	followed.next = next_look(followed, event.at, now);
}

void
take_in(const Event &event)
{
	if (!event.is_open || followed_count == history_buffer())
		return;
	memory[followed_count++] = {.number = event.number,
	                            .session = event.subject.id,
	                            .action = event.action,
	                            .next = later(event.at, looks_after.front()),
	                            .looks = 0,
	                            .is_done = false};
}

void
forget_done()
{
	auto is_done = [](const Followed &followed) { return followed.is_done; };
	Followed *end = std::remove_if(memory, memory + followed_count, is_done);

	followed_count = static_cast<std::size_t>(end - memory);
}

} // namespace

void
prepare_following()
{
	memory = static_cast<Followed *>(
	    MemoryContextAlloc(TopMemoryContext, history_buffer() * sizeof(Followed)));
}

void
follow_new_events()
{
	EventRange range = event_range();

	for (std::uint64_t number = std::max(range.oldest, last_taken + 1); number <= range.latest;
	     number++)
		if (EventEntry entry; read_event(number, entry))
			take_in(entry.event);
	last_taken = range.latest;
}

Timestamp
next_follow_up()
{
	Timestamp next = never;

	for (const Followed &followed : all_followed())
		next = std::min(next, followed.next);
	return next;
}

void
follow_up(Timestamp now)
{
	for (Followed &followed : all_followed())
		if (followed.next <= now)
			look_after(followed, now);
	forget_done();
}

void
settle_cancels(SessionId session, Timestamp statement)
{
	follow_new_events();
	for (Followed &followed : all_followed())
		if (EventEntry entry; followed.session == session && followed.action == Action::Cancel &&
		                      !followed.is_done && read_event(followed.number, entry))
			settle_cancel(followed, entry.event, entry.event.subject.statement == statement);
}

void
forget_later_follow_ups(Timestamp now)
{
	for (Followed &followed : all_followed())
		followed.next = std::min(followed.next, now + naptime());
}

} // namespace session_guard
