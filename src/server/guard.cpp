/*
 * The guard's work between two sleeps (see guard.h).
 */
#include "server/guard.h"

#include "core/deadlines.h"
#include "core/reason.h"

#include "server/catalogs.h"
#include "server/clock.h"
#include "server/enforce.h"
#include "server/follow.h"
#include "server/look.h"
#include "server/policies.h"
#include "server/scan.h"
#include "server/settings.h"
#include "server/shared.h"
#include "server/status.h"
#include "server/turns.h"

#include <algorithm>

namespace session_guard
{

namespace
{

/* Floors that keep the guard calm, whatever the limits are. */
constexpr Duration scan_floor = smallest_threshold / 2;
constexpr Duration wake_floor = 2 * millisecond;

/* The limits of which it is yet to be said that they have come into force; a bit for each. */
std::uint32_t to_be_announced;

/* Whose deadline lies ahead, or was met and has no turn to wait for. */
Deadlines pending;

/* What was read in recovery may have been changed by what was replayed since. */
bool read_in_recovery;

Timestamp last_scan;
Timestamp last_wake;
bool scan_is_asked_for;

/* When the next scan is due by itself; never, if no limit is in force. */
Timestamp
next_scan()
{
	Duration pause = shortest_pause_of_all();

	if (scan_is_asked_for)
		return later(last_scan, scan_floor);
	if (pause == 0)
		return never;
	return later(last_scan, std::max(std::min(pause, naptime()), scan_floor));
}

/*
 * When to read again what is stored for roles and databases though no scan is
 * due: no commit on the primary wakes the guard of a standby.
 */
Timestamp
next_reading()
{
	return base_policy().mode != Mode::Off && (read_in_recovery || RecoveryInProgress())
	           ? later(last_wake, naptime())
	           : never;
}

Timestamp
next_wake()
{
	return std::min(
	    {next_scan(), pending.next_wake(), next_turn(), next_reading(), next_follow_up()});
}

/* After the clock was set back, nothing that was planned by it may lie hours ahead. */
void
forget_the_future(Timestamp now)
{
	last_scan = std::min(last_scan, now);
	last_wake = std::min(last_wake, now);
	forget_later_turns(now);
}

/* Put a decision about a limit of a session where it will be acted on. */
void
plan(Limit limit, SessionId session, int slot, const Decision &decision, Timestamp now)
{
	Deadline deadline{
	    .wake = decision.at, .due = decision.at, .session = session, .slot = slot, .limit = limit};

	switch (decision.outlook)
	{
		case Outlook::Nothing:
			return;
		case Outlook::Wait:
			pending.push(deadline);
			return;
		case Outlook::Spared:
			if (may_pass_soon(decision.spared))
			{
				deadline.wake =
				    now + pause_before_look(decision.spared, memo_of(slot).spared_looks);
				pending.push(deadline);
			}
			return;
		case Outlook::Due:
			if (is_catch_up(decision.verdict) || is_spent(now))
				await_turn(deadline);
			else
				pending.push(deadline);
			return;
	}
}

/* Say that a limit has come into force, once its sessions are known. */
void
announce_limits(const std::array<int64, limit_count> &sessions_over)
{
	for (Limit limit : all_limits)
	{
		std::array<char, 256> buffer;
		Text text(buffer);

		if ((to_be_announced & bit_of(limit)) == 0)
			continue;
		append_in_force(text, limit, base_policy(), is_stored(limit),
		                sessions_over[index_of(limit)], catch_up_rate());
		ereport(LOG, (errmsg_internal("%s", text.c_str())));
	}
	to_be_announced = 0;
}

/* Show in pg_stat_activity what the guard is about. */
void
show_activity(std::size_t sessions)
{
	std::array<char, 128> buffer;
	Text text(buffer);

	text.append("guarding ")
	    .append(static_cast<int64>(sessions))
	    .append(sessions == 1 ? " session" : " sessions");
	if (base_policy().mode == Mode::Log)
		text.append(" (mode is log)");
	pgstat_report_activity(STATE_IDLE, text.c_str());
}

void
count_scan(std::size_t sessions, Timestamp now)
{
	Counters &counters = shared()->counters;
	Gauges &gauges = shared()->gauges;

	count(counters.scans);
	count(counters.scan_microseconds, GetCurrentTimestamp() - now);
	pg_atomic_write_u64(&gauges.last_scan, static_cast<uint64>(now));
	pg_atomic_write_u64(&gauges.sessions, sessions);
	pg_atomic_write_u64(&gauges.deadlines, pending.size() + waiting_count());
}

/* Read all sessions, and make the heaps anew. */
void
scan(Timestamp start)
{
	std::array<int64, limit_count> sessions_over{};

	pending.clear();
	forget_turns();
	std::span<const Scanned> found = scan_sessions();
	/* The scan has taken its time, and what it found is not older than this. */
	Timestamp now = take_time();
	for (const Scanned &one : found)
	{
		Policy policy = policy_of(one.session.superuser, one.role, one.database);

		observe(memo_of(one.slot), one.session, policy, now);
		for (Limit limit : all_limits)
		{
			Decision decision =
			    decide(limit, one.session, memo_of(one.slot), policy, shared()->clock, now);

			plan(limit, one.session.id, one.slot, decision, now);
			sessions_over[index_of(limit)] += decision.outlook == Outlook::Due;
		}
	}
	last_scan = start;
	scan_is_asked_for = false;
	announce_limits(sessions_over);
	show_activity(found.size());
	count_scan(found.size(), start);
}

/* Was nothing in the way of the guard at the deadline: nobody to be spared, no earlier cancel? */
bool
was_in_time(const Deadline &deadline, const Looked &looked)
{
	const Memo &memo = memo_of(deadline.slot);

	return memo.spared_looks == 0 &&
	       (looked.decision.verdict.since_cancel != 0 ||
	        !is_climbing(memo.ladder, running_statement(looked.sighting.session)));
}

/* Act on a verdict, unless it has to wait its turn in the backlog. */
void
act(const Deadline &deadline, const Looked &looked, bool has_turn)
{
	const Decision &decision = looked.decision;
	bool is_late = is_catch_up(decision.verdict);

	if (must_wait(decision.verdict, is_late, has_turn, looked.at))
	{
		Deadline waiting = deadline;

		waiting.wake = waiting.due = decision.verdict.deadline;
		await_turn(waiting);
		return;
	}

	Outcome outcome = carry_out(looked, !is_late && !has_turn && was_in_time(deadline, looked));
	if (outcome == Outcome::Gone)
		return;
	if (outcome == Outcome::Raced)
	{
		Deadline again = deadline;

		again.wake = looked.at + pause_before_look(Spared::InTransaction,
		                                           memo_of(deadline.slot).spared_looks++);
		pending.push(again);
		return;
	}
	if (decision.verdict.action == Action::Cancel)
		plan(deadline.limit, deadline.session, deadline.slot,
		     decide(deadline.limit, looked.sighting.session, memo_of(deadline.slot), looked.policy,
		            shared()->clock, looked.at),
		     looked.at);
	if (is_late)
		spend_turn(looked.at);
}

/*
 * Look at the session of a deadline, and do what its present state asks for.
 *
 * Who comes from the backlog has the turn that he waited for.
 */
void
handle(const Deadline &deadline, bool has_turn)
{
	Looked looked = look_and_decide(deadline.limit, deadline.slot, deadline.session);
	Memo &memo = memo_of(deadline.slot);

	count(shared()->counters.looks);
	if (looked.sight == Sight::Gone)
		return;
	if (looked.sight == Sight::Unreadable)
	{
		Deadline again = deadline;

		again.wake = looked.at + pause_before_look(Spared::Unreadable, 0);
		pending.push(again);
		return;
	}
	if (looked.decision.outlook == Outlook::Due)
	{
		act(deadline, looked, has_turn);
		return;
	}
	plan(deadline.limit, deadline.session, deadline.slot, looked.decision, looked.at);
	memo.spared_looks = looked.decision.outlook == Outlook::Spared ? memo.spared_looks + 1 : 0;
}

/* Must the batch be left, because the settings or the time that it goes by hold no more? */
bool
is_interrupted(Timestamp now)
{
	CHECK_FOR_INTERRUPTS();
	return ConfigReloadPending || policies_have_changed() || GetCurrentTimestamp() < now;
}

/* Handle all that is due now. */
void
handle_due(Timestamp now)
{
	while (pending.next_wake() <= now && !is_interrupted(now))
		handle(pending.pop(), false);
	while (next_turn() <= now && !is_interrupted(now))
		handle(take_turn(), true);
}

/*
 * After a change of the policy: what was planned by the old one must not be
 * done by the new one.
 */
void
plan_anew()
{
	std::uint32_t changed = take_changed_limits();
	Timestamp now = take_time();

	note_in_force(changed, now);
	to_be_announced |= changed;
	for (Limit limit : all_limits)
		if (!is_in_force(limit))
			to_be_announced &= ~bit_of(limit);
	pending.clear();
	forget_turns();
	scan_is_asked_for = shortest_pause_of_all() != 0;
	if (!scan_is_asked_for)
		pgstat_report_activity(STATE_IDLE,
		                       base_policy().mode == Mode::Off ? "mode is off" : "no limit is set");
}

/*
 * Say that the reason for an action will not reach the client: a message that
 * is kept out of the log does not come by the hook that adds it.
 */
void
report_untold_reasons()
{
	static int reported_level = 0;
	int level = client_log_level();

	/* LOG ranks between ERROR and FATAL there. */
	if (level != reported_level && (level == LOG || level > ERROR))
		ereport(LOG, (errmsg("clients whose statements are canceled will not be told why"),
		              errdetail("Errors are kept out of the log by log_min_messages, and then no "
		                        "reason can be added to them.")));
	reported_level = level;
}

} // namespace

void
prepare_guard()
{
	std::size_t most = static_cast<std::size_t>(slot_count()) * limit_count;

	check_status_array();
	watch_catalogs();
	pending = Deadlines(
	    {static_cast<Deadline *>(MemoryContextAlloc(TopMemoryContext, most * sizeof(Deadline))),
	     most});
	prepare_turns(most);
	prepare_scan();
	prepare_looks();
	prepare_following();
	StartTransactionCommand();
	refresh_policies();
	CommitTransactionCommand();
	release_catalogs();
	/* While the catalogs are locked nothing is known, and nobody ended as nobody's superuser. */
	if (superuser_of(BOOTSTRAP_SUPERUSERID) == Superuser::No)
		ereport(FATAL, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
		                errmsg("session guard must run as a superuser"),
		                errdetail("The bootstrap superuser has lost the attribute.")));
}

void
adopt_settings()
{
	adopt_configuration();
	forget_spent();
	report_untold_reasons();
	plan_anew();
}

void
wake_up()
{
	Timestamp now = take_time();

	forget_the_future(now);
	follow_new_events();
	if (now < next_wake() && !(policies_are_stale() && pause_before_reading() == 0))
		return;
	last_wake = now;
	count(shared()->counters.wake_ups);

	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	read_in_recovery = RecoveryInProgress();
	refresh_policies();
	if (policies_have_changed())
		plan_anew();
	if (next_scan() <= now)
		scan(now);
	handle_due(now);
	follow_up();
	/* A change that came in meanwhile has stopped the work. */
	if (policies_have_changed())
		plan_anew();
	CommitTransactionCommand();
	release_catalogs();
	(void)pgstat_report_stat(false);
}

long
sleep_time()
{
	Timestamp wake = next_wake();

	/* Nobody wakes us again for a change that is known: not who has made it, nor what locks it. */
	if (policies_are_stale())
		wake = std::min(wake, GetCurrentTimestamp() + pause_before_reading());
	if (wake == never)
		return -1;
	/* Rounded up: to wake a moment too early would be to wake twice. */
	Duration pause = std::max(wake, last_wake + wake_floor) - GetCurrentTimestamp();
	/* No wake-up lies further ahead than a scan, unless the clock was set back this moment. */
	pause = std::clamp<Duration>(pause, 0, naptime());
	return static_cast<long>((pause + millisecond - 1) / millisecond);
}

} // namespace session_guard
