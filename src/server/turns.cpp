/*
 * Who has to wait his turn (see turns.h).
 */
#include "server/pg.h"

#include "server/clock.h"
#include "server/settings.h"
#include "server/shared.h"
#include "server/turns.h"

#include <algorithm>

namespace session_guard
{

namespace
{

Deadlines backlog;
/* Since when each limit has been as strict as it is now. */
std::array<Timestamp, limit_count> in_force_since;
Timestamp next_catch_up;
/* When the next action of all is allowed again. */
Timestamp next_action;

/* Say, once a minute at most, that max_actions_per_minute keeps sessions from their end. */
void
report_spent(Duration now)
{
	Duration &said = shared()->said_spent_at;

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
is_within_budget(Timestamp now)
{
	Duration monotonic = monotonic_now();
	Duration at = allowed_at(shared()->budget, max_actions_per_minute(), monotonic);

	if (at <= monotonic)
		return true;
	next_action = now + (at - monotonic);
	report_spent(monotonic);
	return false;
}

/* Will the budget of this minute be spent on those who wait already, and are over for longer? */
bool
is_behind_backlog()
{
	std::size_t cap = max_actions_per_minute();

	return cap != 0 && left_in(shared()->budget, cap, monotonic_now()) <= backlog.size();
}

} // namespace

void
prepare_turns(std::size_t deadlines)
{
	backlog = Deadlines({static_cast<Deadline *>(
	                         MemoryContextAlloc(TopMemoryContext, deadlines * sizeof(Deadline))),
	                     deadlines});
}

void
note_in_force(std::uint32_t limits, Timestamp now)
{
	for (Limit limit : all_limits)
		if ((limits & bit_of(limit)) != 0)
			in_force_since[index_of(limit)] = now;
}

void
forget_turns()
{
	backlog.clear();
}

void
forget_spent()
{
	next_action = 0;
}

void
forget_later_turns(Timestamp now)
{
	next_catch_up = std::min(next_catch_up, now + second);
	next_action = std::min(next_action, now + minute);
	for (Timestamp &since : in_force_since)
		since = std::min(since, now);
}

bool
is_catch_up(const Verdict &verdict)
{
	/* Like the deadline, the time before a step of the clock moves with it. */
	Timestamp in_force = deadline_of(shared()->clock, in_force_since[index_of(verdict.limit)], 0);

	return verdict.since_cancel == 0 && verdict.deadline <= in_force;
}

bool
is_spent(Timestamp now)
{
	return next_action > now;
}

bool
must_wait(const Verdict &verdict, bool is_late, bool has_turn, Timestamp now)
{
	if (is_late && now < next_catch_up)
		return true;
	if (verdict.action == Action::Log)
		return false;
	return !is_within_budget(now) || (!has_turn && is_behind_backlog());
}

void
await_turn(const Deadline &deadline)
{
	backlog.push(deadline);
}

std::size_t
waiting_count()
{
	return backlog.size();
}

Timestamp
next_turn()
{
	return backlog.empty() ? never : std::max(next_catch_up, next_action);
}

Deadline
take_turn()
{
	return backlog.pop();
}

void
spend_turn(Timestamp now)
{
	/* A wake-up that came late is made up for, but no more. */
	next_catch_up = std::max(next_catch_up, now - 10 * millisecond) + second / catch_up_rate();
}

} // namespace session_guard
