/*
 * The throttle (see throttle.h).
 */
#include "guard/throttle.h"

#include "pg/monotonic_clock.h"
#include "pg/pg.h"

#include "settings/settings.h"

#include "shmem/action_budget.h"

#include <algorithm>

namespace session_guard
{

namespace
{

Deadlines queue;
/* Since when each limit has been as strict as it is now. */
std::array<Instant, limit_count> in_force_since;
/* Since when cancel_grace has been as short for everybody as it is now. */
Instant grace_in_force_since;
Instant next_catch_up;
/* When the next action of all is allowed again. */
Instant next_action;

/* Say, once a minute at most, that max_actions_per_minute keeps sessions from their end. */
void
report_spent(Instant now)
{
	Instant &said = action_budget().said_spent_at;

	if (said != 0 && now - said < minute)
		return;
	said = now;
	ereport(LOG, (errmsg("sessions over a limit wait, oldest first"),
	              errdetail("So many have been acted on within a minute: "
	                        "pg_session_guard.max_actions_per_minute is %d.",
	                        static_cast<int>(max_actions_per_minute()))));
}

/* Is another action allowed within this minute? */
bool
is_within_budget(Instant now)
{
	Instant at = allowed_at(action_budget().budget, max_actions_per_minute(), now);

	if (at <= now)
		return true;
	next_action = at;
	report_spent(now);
	return false;
}

/* Will the budget of this minute be spent on those that wait already, and are over for longer? */
bool
is_behind_queue()
{
	std::size_t cap = max_actions_per_minute();

	return cap != 0 && left_in(action_budget().budget, cap, monotonic_now()) <= queue.size();
}

} // namespace

void
prepare_throttle(std::size_t deadlines)
{
	queue = Deadlines({static_cast<Deadline *>(
	                       MemoryContextAlloc(TopMemoryContext, deadlines * sizeof(Deadline))),
	                   deadlines});
}

void
note_in_force(std::uint32_t limits, bool is_grace_shorter, Instant now)
{
	if (is_grace_shorter)
		grace_in_force_since = now;
	for (Limit limit : all_limits)
		if ((limits & bit_of(limit)) != 0)
			in_force_since[index_of(limit)] = now;
}

void
clear_throttle()
{
	queue.clear();
}

void
forget_spent_budget()
{
	next_action = 0;
}

bool
is_catch_up(const Verdict &verdict, const TrackingState &tracking)
{
	if (bounds_what_is_left(verdict.limit))
		return false;
	if (verdict.since_cancel != 0)
		return verdict.due <= grace_in_force_since;
	return verdict.deadline <= in_force_since[index_of(verdict.limit)] ||
	       (!measures_time(verdict.limit) &&
	        tracking.over_when_new[index_of(verdict.limit)] == verdict.episode.stamp);
}

bool
is_spent(Instant now)
{
	return next_action > now;
}

Instant
spent_until()
{
	return next_action;
}

bool
must_be_throttled(const Verdict &verdict, bool is_late, bool was_throttled, Instant now)
{
	if (is_late && now < next_catch_up)
		return true;
	if (verdict.action == Action::Log)
		return false;
	return !is_within_budget(now) || (!was_throttled && is_behind_queue());
}

void
enqueue_throttled(const Deadline &deadline)
{
	queue.push(deadline);
}

std::size_t
throttled_count()
{
	return queue.size();
}

Instant
next_throttled()
{
	return queue.empty() ? never : std::max(next_catch_up, next_action);
}

Deadline
dequeue_throttled()
{
	return queue.pop();
}

void
note_throttled_action(Instant now)
{
	/* A wake-up that came late is made up for, but no more. */
	next_catch_up = std::max(next_catch_up, now - 10 * millisecond) + second / catch_up_rate();
}

} // namespace session_guard
