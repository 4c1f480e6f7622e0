/*
 * The guard's work between two sleeps (see guard.h).
 */
#include "guard/guard.h"

#include "core/deadlines.h"
#include "core/messages.h"

#include "settings/settings.h"

#include "shmem/present_time.h"
#include "shmem/shared_memory.h"

#include "status/backend_status.h"
#include "status/catalogs.h"
#include "status/scan.h"

#include "policy/policy_cache.h"

#include "guard/enforce.h"
#include "guard/evaluation.h"
#include "guard/follow.h"
#include "guard/logged_episodes.h"
#include "guard/throttle.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

namespace session_guard
{

namespace
{

/* Floors that keep the guard calm, whatever the limits are. */
constexpr Duration scan_floor = smallest_threshold / 2;
constexpr Duration wake_floor = 2 * millisecond;

/* For how long after the last wait was seen scans go on at the pace of waiting. */
constexpr int scans_after_wait = 20;

/* The limits of which it is yet to be said that they have come into force; a bit for each. */
std::uint32_t to_be_announced;

/* Whose deadline lies ahead, or was met and has no turn to wait for. */
Deadlines pending;

/* What was read in recovery may have been changed by what was replayed since. */
bool read_in_recovery;

Instant last_scan;
Instant last_full_scan;
Instant last_wake;
bool scan_is_asked_for;

/* How many more scans are to go on at the pace of waiting. */
int scans_for_waits;
/* Has the last scan found a statement or transaction that is measured without its waits? */
bool saw_running;
/*
 * What the pause to the next sample of waits is multiplied by.  Nobody is to know
 * when it comes, not even from when the last one came: who waits at each sample,
 * and only then, would seem to wait all the time.
 */
double unevenness = 1;

/* Draw a factor whose mean is 1, and which has no memory but for its bounds. */
double
draw_unevenness()
{
	return std::clamp(-std::log(1 - pg_prng_double(&pg_global_prng_state)), 0.02, 3.0);
}

Pace
pace()
{
	if (scans_for_waits > 0)
		return Pace::Waiting;
	return saw_running ? Pace::Running : Pace::Quiet;
}

/* The pause before the next scan; 0 if no limit is in force. */
Duration
scan_pause()
{
	Duration pause = shortest_pause_of_all();
	Duration with_waits = shortest_with_waits_of_all();

	if (pause == 0)
		return 0;
	pause = std::max(std::min(pause, naptime()), scan_floor);
	if (with_waits == 0)
		return pause;
	Duration sample = std::max(sampling_pause(with_waits, pace()), scan_floor);
	if (pace() == Pace::Waiting)
		sample = static_cast<Duration>(static_cast<double>(sample) * unevenness);
	return std::min(pause, sample);
}

/* When the next scan is due by itself; never, if no limit is in force. */
Instant
next_scan()
{
	Duration pause = scan_pause();

	if (scan_is_asked_for)
		return later(last_scan, scan_floor);
	return pause == 0 ? never : later(last_scan, pause);
}

/*
 * When to read the clocks again, so that a step of the wall clock is noticed
 * soon: the shorter the time between two readings, the fewer stamps could have
 * been made before the step as well as after it.
 */
Instant
next_clock_reading(Instant now)
{
	constexpr Duration shortest = 50 * millisecond;
	constexpr Duration longest = 250 * millisecond;
	Duration pause = shortest_pause_of_all();

	return now + (pause == 0 ? second : std::clamp(pause / 20, shortest, longest));
}

/*
 * When to read again what is stored for roles and databases though no scan is
 * due: no commit on the primary wakes the guard of a standby.
 */
Instant
next_reading()
{
	return base_policy().mode != Mode::Off && (read_in_recovery || RecoveryInProgress())
	           ? later(last_wake, naptime())
	           : never;
}

Instant
next_wake()
{
	return std::min(
	    {next_scan(), pending.next_wake(), next_throttled(), next_reading(), next_follow_up()});
}

/* How many looks in a row have spared the session in a place from a limit. */
std::int32_t &
times_spared(int slot, Limit limit)
{
	return tracking_of(slot).times_spared[index_of(limit)];
}

/* Put a decision about a limit of a session where it will be acted on. */
void
plan(Limit limit, SessionId session, int slot, const Decision &decision, Instant now)
{
	Deadline deadline{
	    .wake = decision.at, .due = decision.at, .session = session, .slot = slot, .limit = limit};

	switch (decision.outlook)
	{
		case Outlook::Nothing:
			return;
		case Outlook::Wait:
			/* Who is over the limit already keeps its place among those. */
			if (is_over(decision))
				deadline.due = decision.verdict.deadline;
			pending.push(deadline);
			return;
		case Outlook::Spared:
			if (may_pass_soon(decision.spared))
			{
				deadline.wake =
				    now + pause_before_reading_again(decision.spared, times_spared(slot, limit));
				pending.push(deadline);
			}
			return;
		case Outlook::Due:
			if (is_catch_up(decision.verdict) || is_spent(now))
				enqueue_throttled(deadline);
			else
				pending.push(deadline);
			return;
	}
}

/* Say that a limit has come into force, once its sessions are known. */
void
announce_limits(const std::array<Census, limit_count> &census)
{
	for (Limit limit : all_limits)
	{
		std::array<char, 640> buffer;
		Text text(buffer);

		if ((to_be_announced & bit_of(limit)) == 0)
			continue;
		append_in_force(text, limit, base_policy(), is_stored(limit), census[index_of(limit)],
		                catch_up_rate());
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
count_scan(std::size_t sessions, Instant start)
{
	Counters &counters = shared()->counters;
	Gauges &gauges = shared()->gauges;

	count(counters.scans);
	count(counters.scan_microseconds, monotonic_now() - start);
	pg_atomic_write_u64(&gauges.last_scan, static_cast<uint64>(GetCurrentTimestamp()));
	pg_atomic_write_u64(&gauges.sessions, sessions);
	pg_atomic_write_u64(&gauges.deadlines, pending.size() + throttled_count());
}

/* For who wants to see the guard at work. */
void
report_scan(ScanKind kind, std::size_t sessions, Instant start)
{
	std::array<char, 256> buffer;
	Text text(buffer);
	Instant now = monotonic_now();
	Instant next = next_scan();

	if (!message_level_is_interesting(DEBUG1))
		return;
	text.append(kind == ScanKind::Full ? "full scan of " : "scan of ")
	    .append(static_cast<int64>(sessions))
	    .append(sessions == 1 ? " session in " : " sessions in ")
	    .append_duration(now - start)
	    .append(", ")
	    .append(static_cast<int64>(pending.size() + throttled_count()))
	    .append(" deadlines, next scan ");
	if (next == never)
		text.append("not due");
	else
		text.append("in ").append_duration(std::max<Duration>(0, next - now));
	ereport(DEBUG1, (errmsg_internal("%s", text.c_str())));
}

/* Is the session in an episode of a limit that waits are taken off? */
bool
is_measured_without_waits(const Session &session, const TrackingState &tracking,
                          const Policy &policy)
{
	return std::ranges::any_of(all_limits,
	                           [&](Limit limit)
	                           {
		                           return takes_waits_off(limit) &&
		                                  threshold_of(policy.limits, limit).value != 0 &&
		                                  episode_of(limit, session, tracking).has_value();
	                           });
}

/* Note how the sessions that were seen set the pace of the next scans. */
void
note_pace(const Session &session, const TrackingState &tracking, const Policy &policy)
{
	if (!is_measured_without_waits(session, tracking, policy))
		return;
	saw_running = true;
	if (tracking.waited_for == SeenWait::Lock || tracking.waited_for == SeenWait::Standby)
		scans_for_waits = scans_after_wait;
}

/* Read all sessions, and make the heaps anew. */
void
scan(Instant start)
{
	std::array<Census, limit_count> census{};
	bool is_full = start >= later(last_full_scan, naptime()) || to_be_announced != 0;

	pending.clear();
	clear_throttle();
	saw_running = false;
	scans_for_waits = std::max(0, scans_for_waits - 1);
	ScanKind kind = is_full ? ScanKind::Full : ScanKind::Between;
	std::span<Scanned> found = scan_sessions(kind);
	/* The scan has taken its time, and what it found is not older than this. */
	Instant now = take_time().now;
	for (Scanned &one : found)
	{
		Policy policy = policy_of(one.session.superuser, one.role, one.database);
		const TrackingState &tracking = tracking_of(one.slot);

		track(one.slot, one.session, policy, now, Asker::Scan);
		note_pace(one.session, tracking, policy);
		for (Limit limit : all_limits)
		{
			Decision decision = decide(limit, one.session, tracking, policy, now);

			plan(limit, one.session.id, one.slot, decision, now);
			if ((to_be_announced & bit_of(limit)) != 0)
				count_session(census[index_of(limit)], limit, decision, one.session, tracking,
				              policy);
		}
	}
	complete_logged_of_ended();
	last_scan = start;
	unevenness = draw_unevenness();
	if (is_full)
		last_full_scan = start;
	scan_is_asked_for = false;
	announce_limits(census);
	show_activity(found.size());
	count_scan(found.size(), start);
	report_scan(kind, found.size(), start);
}

/* Was nothing in the way of the guard at the deadline: nobody to be spared, no earlier cancel? */
bool
was_in_time(const Deadline &deadline, const Evaluation &evaluation)
{
	const TrackingState &tracking = tracking_of(deadline.slot);

	return times_spared(deadline.slot, deadline.limit) == 0 &&
	       (evaluation.decision.verdict.since_cancel != 0 ||
	        !is_escalating(tracking.escalation, running_statement(evaluation.snapshot.session)));
}

/* Act on a verdict, unless it has to wait its turn in the backlog. */
void
act(const Deadline &deadline, const Evaluation &evaluation, bool was_throttled)
{
	const Decision &decision = evaluation.decision;
	bool is_late = is_catch_up(decision.verdict);

	if (must_be_throttled(decision.verdict, is_late, was_throttled, evaluation.at))
	{
		Deadline waiting = deadline;

		waiting.wake = waiting.due = decision.verdict.deadline;
		enqueue_throttled(waiting);
		return;
	}

	Outcome outcome =
	    enforce(evaluation, !is_late && !was_throttled && was_in_time(deadline, evaluation));
	if (outcome == Outcome::Gone)
		return;
	if (outcome == Outcome::Raced)
	{
		Deadline again = deadline;

		again.wake = evaluation.at +
		             pause_before_reading_again(Spared::InTransaction,
		                                        times_spared(deadline.slot, deadline.limit)++);
		pending.push(again);
		return;
	}
	if (decision.verdict.action == Action::Cancel)
		plan(deadline.limit, deadline.session, deadline.slot,
		     decide(deadline.limit, evaluation.snapshot.session, tracking_of(deadline.slot),
		            evaluation.policy, evaluation.at),
		     evaluation.at);
	if (is_late)
		note_throttled_action(evaluation.at);
}

/*
 * Look at the session of a deadline, and do what its present state asks for.
 *
 * Who comes from the backlog has the turn that he waited for.
 */
void
handle(const Deadline &deadline, bool was_throttled)
{
	Evaluation evaluation = evaluate(deadline.limit, deadline.slot, deadline.session);
	std::int32_t &spared = times_spared(deadline.slot, deadline.limit);

	count(shared()->counters.evaluations);
	if (evaluation.sight == ReadResult::Gone)
		return;
	if (evaluation.sight == ReadResult::Unreadable)
	{
		Deadline again = deadline;

		again.wake = evaluation.at + pause_before_reading_again(Spared::Unreadable, 0);
		pending.push(again);
		return;
	}
	if (evaluation.decision.outlook == Outlook::Due)
	{
		act(deadline, evaluation, was_throttled);
		return;
	}
	plan(deadline.limit, deadline.session, deadline.slot, evaluation.decision, evaluation.at);
	spared = evaluation.decision.outlook == Outlook::Spared ? spared + 1 : 0;
}

/*
 * Must the batch be left?  Each session is judged by the latest policy, so a
 * change that only relaxes it does not stop the batch: whoever commits in a loop
 * would let one session end for each scan.  Whom a stricter limit finds over it
 * has to wait its turn, which is decided only after all is planned anew.
 */
bool
is_interrupted()
{
	CHECK_FOR_INTERRUPTS();
	return ConfigReloadPending || policies_are_stricter();
}

/* Handle all that is due now. */
void
handle_due(Instant now)
{
	while (pending.next_wake() <= now && !is_interrupted())
		handle(pending.pop(), false);
	while (next_throttled() <= now && !is_interrupted())
		handle(dequeue_throttled(), true);
}

/*
 * Show what the guard goes by and when it reads all sessions next.
 *
 * The moment is shown by the wall clock, which is read anew each time: it is
 * left as it was for a difference that says nothing.
 */
void
show_plans()
{
	Gauges &gauges = shared()->gauges;
	std::uint64_t limits = 0;
	Instant next = next_scan();
	Timestamp shown = DT_NOEND;

	for (Limit limit : all_limits)
		if (is_in_force(limit))
			limits |= bit_of(limit);
	if (next != never)
	{
		auto before = static_cast<Timestamp>(pg_atomic_read_u64(&gauges.next_scan));

		shown = GetCurrentTimestamp() + (next - monotonic_now());
		if (std::abs(before - shown) < millisecond)
			shown = before;
	}
	pg_atomic_write_u64(&gauges.mode, static_cast<std::uint64_t>(base_policy().mode));
	pg_atomic_write_u64(&gauges.limits, limits);
	pg_atomic_write_u64(&gauges.next_scan, static_cast<std::uint64_t>(shown));
}

/*
 * After a change of the policy: what was planned by the old one must not be
 * done by the new one.
 */
void
plan_anew()
{
	std::uint32_t changed = take_changed_limits();
	Instant now = take_time().now;

	note_in_force(changed, take_shorter_grace(), now);
	to_be_announced |= changed;
	for (Limit limit : all_limits)
		if (!is_in_force(limit))
			to_be_announced &= ~bit_of(limit);
	leave_logged([](Limit limit) { return base_policy().mode == Mode::Log && is_in_force(limit); });
	pending.clear();
	clear_throttle();
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
	prepare_throttle(most);
	prepare_scan();
	prepare_evaluation();
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
	forget_spent_budget();
	report_untold_reasons();
	plan_anew();
	show_plans();
}

void
adopt_reload()
{
	bool was_asked_for = scan_is_asked_for;

	adopt_settings();
	/* It has woken each process: the scan that follows is to find them asleep again. */
	if (!was_asked_for)
		last_scan = monotonic_now();
}

void
wake_up()
{
	Instant now = take_time().now;

	/* What was stamped just before a step is best told from what comes after it now. */
	if (take_step() && shortest_pause_of_all() != 0)
		scan_is_asked_for = true;
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
prepare_sleep()
{
	show_plans();

	Instant now = monotonic_now();
	Instant wake = std::min(next_wake(), next_clock_reading(now));

	/* Nobody wakes us again for a change that is known: not who has made it, nor what locks it. */
	if (policies_are_stale())
		wake = std::min(wake, now + pause_before_reading());
	/* Rounded up: to wake a moment too early would be to wake twice. */
	Duration pause = std::max<Duration>(0, std::max(wake, last_wake + wake_floor) - now);
	return static_cast<long>((pause + millisecond - 1) / millisecond);
}

} // namespace session_guard
