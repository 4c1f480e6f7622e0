/*
 * The guard's work between two sleeps (see guard.h).
 */
#include "guard/guard.h"

#include "core/policy.h"

#include "pg/monotonic_clock.h"

#include "settings/settings.h"

#include "shmem/counters.h"
#include "shmem/present_time.h"

#include "status/catalogs.h"
#include "status/entry_reader.h"
#include "status/scan.h"

#include "policy/current_rules.h"
#include "policy/policy_cache.h"
#include "policy/policy_changes.h"

#include "worker/observers.h"

#include "guard/announcements.h"
#include "guard/blockers.h"
#include "guard/deadline_pass.h"
#include "guard/evaluation.h"
#include "guard/follow.h"
#include "guard/gauges.h"
#include "guard/headroom.h"
#include "guard/horizon.h"
#include "guard/logged_episodes.h"
#include "guard/memory_shortage.h"
#include "guard/plan.h"
#include "guard/prepared_age.h"
#include "guard/scan_pace.h"
#include "guard/scan_pass.h"
#include "guard/throttle.h"

#include <algorithm>

namespace session_guard
{

namespace
{

/* No two wake-ups follow each other faster. */
constexpr Duration wake_floor = millisecond;

Instant last_wake;
/* What was read in recovery may have been changed by what was replayed since. */
bool read_in_recovery;

/*
 * When to read the clocks again, so that a step of the wall clock is noticed
 * soon: the shorter the time between two readings, the fewer stamps could have
 * been made before the step as well as after it.
 */
Instant
next_clock_reading(Instant now)
{
	constexpr Duration shortest = 50 * millisecond;
	constexpr Duration longest = second;
	Duration pause = shortest_pause_of_all();

	return now + (pause == 0 ? second : std::clamp(pause / 20, shortest, longest));
}

/*
 * When to read the settings of roles and databases again though no scan is due:
 * no commit on the primary wakes the guard of a standby.
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
	return std::min({next_scan(), next_planned(), next_throttled(), next_reading(),
	                 next_follow_up(), next_prepared_reading()});
}

bool
is_anything_due(Instant now)
{
	return next_wake() <= now || (policies_are_stale() && pause_before_reading() == 0);
}

/* May an episode be logged only? */
bool
is_logged(Limit limit, bool is_trial)
{
	Mode mode = base_policy().mode;

	return is_trial ? mode != Mode::Off && is_tried_by_rules(limit)
	                : mode == Mode::Log && is_in_force(limit);
}

/*
 * After a change of the policy: what was planned by the old one must not be
 * done by the new one.
 */
void
plan_anew()
{
	std::uint32_t stricter = take_changed_limits();

	note_in_force(stricter, take_shorter_grace(), take_time().now);
	note_new_limits(stricter);
	leave_logged(is_logged);
	clear_plan();
	ask_for_scan();
	if (!scan_is_asked_for())
		show_rest();
}

void
plan_anew_if_changed()
{
	if (policies_have_changed())
		plan_anew();
}

void
adopt_settings()
{
	adopt_configuration();
	forget_spent_budget();
	report_untold_reasons();
	report_limit_without_effect();
	report_headroom_out_of_reach();
	adopt_prepared_age();
	plan_anew();
	show_plans();
}

/* Read roles, databases and their settings for the first time. */
void
read_catalogs()
{
	watch_catalogs();
	watch_rules();
	StartTransactionCommand();
	refresh_policies();
	CommitTransactionCommand();
	forget_catalog_locks();
	/* While the catalogs are locked nothing is known, and nobody is bound by a limit. */
	if (superuser_of(BOOTSTRAP_SUPERUSERID) == Superuser::No)
		ereport(FATAL, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
		                errmsg("session guard must run as a superuser"),
		                errdetail("The bootstrap superuser has lost the attribute.")));
}

void
begin_pass(Instant now)
{
	last_wake = now;
	count(shared_counters().wake_ups);
	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	read_in_recovery = RecoveryInProgress();
}

void
end_pass()
{
	CommitTransactionCommand();
	forget_catalog_locks();
	(void)pgstat_report_stat(false);
}

} // namespace

void
prepare_guard()
{
	check_status_array();
	drop_statement_hooks();
	prepare_plan();
	prepare_scan();
	prepare_evaluation();
	prepare_following();
	prepare_blockers();
	prepare_horizon();
	read_catalogs();
	adopt_settings();
}

void
adopt_reload()
{
	bool was_asked_for = scan_is_asked_for();

	adopt_settings();
	/* The reload has woken each process: the scan that follows is to find them asleep again. */
	if (!was_asked_for)
		postpone_scan(monotonic_now());
}

void
wake_up()
{
	Instant now = take_time().now;

	/* What was stamped just before a step of the clock is best told from what comes after it now.
	 */
	if (take_step())
		ask_for_scan();
	follow_new_events();
	watch_memory(now);
	watch_newcomers(now);
	if (!is_anything_due(now))
		return;

	begin_pass(now);
	refresh_policies();
	plan_anew_if_changed();
	if (next_scan() <= now)
		scan_all(now);
	handle_due(now);
	follow_up();
	if (next_prepared_reading() <= now)
		name_old_prepared();
	/* A change that came in meanwhile has stopped the work. */
	plan_anew_if_changed();
	end_pass();
}

Instant
prepare_sleep()
{
	show_plans();

	Instant now = monotonic_now();
	Instant wake =
	    std::min({next_wake(), next_clock_reading(now), next_memory_watch(), next_newcomer()});

	/* Nobody wakes the guard again for a change that it knows of but could not read. */
	if (policies_are_stale())
		wake = std::min(wake, now + pause_before_reading());
	return std::max(wake, last_wake + wake_floor);
}

} // namespace session_guard
