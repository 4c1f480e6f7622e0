/*
 * Room for new connections, as the guard sees it (see headroom.h).
 */
#include "guard/headroom.h"

#include "core/decision.h"
#include "core/follow_up.h"

#include "pg/monotonic_clock.h"

#include "shmem/newcomers.h"
#include "shmem/tracking.h"

#include "status/connections.h"

#include "policy/policy_cache.h"

#include "guard/follow.h"
#include "guard/scan_pace.h"
#include "guard/throttle.h"

#include <algorithm>
#include <optional>

namespace session_guard
{

namespace
{

/* How it stood when that was last read. */
Room room{};
/* Of a scan that chooses: the sessions that may go, and when the first of the others may. */
std::optional<LongestIdle> candidates;
Instant next_candidate;
/* Those that are to go, by the last scan. */
LongestIdle chosen(0);

int
wanted()
{
	return static_cast<int>(threshold_of(base_policy().limits, Limit::Headroom).value);
}

int
to_keep_free()
{
	return connections_to_keep_free(wanted(), ordinary_connections());
}

/*
 * Is the session in a place expected to end, by whomever it was terminated?  Who has been asked
 * to end after its transaction may take its time.
 */
bool
is_ending(int slot)
{
	return std::ranges::any_of(awaited_signals(),
	                           [slot](const Followed &followed)
	                           {
		                           const SentSignal &signal = followed.signal;

		                           return signal.backend.slot == slot &&
		                                  signal.backend.id.pid == pid_in_slot(slot) &&
		                                  signal.action == Action::Terminate && !followed.is_done &&
		                                  !followed.has_survived &&
		                                  monotonic_now() - signal.sent_at < survival;
	                           });
}

/* With mode = log: has the session in a place been named in this idle phase, as one that goes? */
bool
is_logged(int slot)
{
	const TrackingState &tracking = tracking_of(slot);
	Timestamp logged = tracking.logged[index_of(Limit::Headroom)];

	return tracking.session.pid == pid_in_slot(slot) && logged != unknown_time &&
	       logged == tracking.state_change.stamp;
}

bool
is_leaving(int slot)
{
	return base_policy().mode == Mode::Log ? is_logged(slot) : is_ending(slot);
}

/* How many sessions are to go. */
int
missing()
{
	return is_in_force(Limit::Headroom) ? to_keep_free() - room.free : 0;
}

bool
is_chosen(const Session &session)
{
	return std::ranges::any_of(chosen.chosen(),
	                           [&](const IdleSession &one) { return one.session == session.id; });
}

/* Is anybody expected to end? */
bool
is_anybody_ending()
{
	return count_sessions(is_ending) > 0;
}

/*
 * Tell newcomers from when on somebody may go.  Whoever is at work now goes no sooner than it
 * could if it became idle this moment.
 */
void
tell_newcomers(Instant now)
{
	Instant nobody_before = std::min(next_candidate, now + base_policy().headroom_min_idle);

	if (!chosen.chosen().empty())
		nobody_before = spent_until();
	else if (is_anybody_ending())
		nobody_before = beginning;
	publish_nobody_to_go_before(nobody_before);
}

} // namespace

void
watch_newcomers(Instant now)
{
	if (!take_request_for_room() || !is_in_force(Limit::Headroom))
		return;
	room = present_room();
	if (missing() > 0)
		ask_for_scan_at(now);
}

Instant
next_newcomer()
{
	return is_asked_for_room() ? beginning : never;
}

Room
present_room()
{
	int all = ordinary_connections();
	int staying = count_sessions([](int slot) { return !is_leaving(slot); });

	return {.free = free_connections(all, staying, waiting_newcomers(), to_keep_free()),
	        .all = all,
	        .is_to_go = false};
}

void
begin_to_choose()
{
	candidates.reset();
	chosen = LongestIdle(0);
	next_candidate = never;
	if (!is_in_force(Limit::Headroom))
		return;
	room = present_room();
	if (missing() > 0)
		candidates.emplace(missing());
	else
		publish_nobody_to_go_before(beginning);
}

bool
chooses_who_goes()
{
	return candidates.has_value();
}

void
consider_to_go(const Scanned &found, const TrackingState &tracking, const Policy &policy,
               Instant now)
{
	if (!candidates)
		return;
	Decision decision = decide(Limit::Headroom, found.session, tracking, policy, now);

	if (decision.outlook == Outlook::Due)
		candidates->compare({.session = found.session.id,
		                     .slot = found.slot,
		                     .since = decision.verdict.episode.start});
	else if (decision.outlook == Outlook::Wait)
		next_candidate = std::min(next_candidate, decision.at);
	/* Whoever has asked for room has no state yet, and may be idle from now on. */
	else if (found.session.state == State::Unknown)
		next_candidate = std::min(next_candidate, later(now, policy.headroom_min_idle));
}

std::span<const IdleSession>
sessions_to_make_room(Instant now)
{
	if (!candidates)
		return {};
	chosen = *candidates;
	candidates.reset();
	if (static_cast<int>(chosen.chosen().size()) < missing() && next_candidate != never)
		ask_for_scan_at(next_candidate);
	tell_newcomers(now);
	return chosen.chosen();
}

void
note_room(Session &session)
{
	session.room = room;
	session.room.is_to_go = missing() > 0 && (candidates || is_chosen(session));
}

void
read_room(Session &session)
{
	room = present_room();
	note_room(session);
}

void
note_not_gone(Instant now)
{
	room = present_room();
	if (missing() > 0)
		ask_for_scan_at(now);
}

void
report_headroom_out_of_reach()
{
	static bool was_reported = false;
	bool is_out_of_reach = wanted() > to_keep_free();

	if (is_out_of_reach && !was_reported)
		ereport(
		    WARNING,
		    (errmsg("pg_session_guard.connection_headroom is more than half of the connections"),
		     errdetail("Of %d that are not reserved %d are kept free.", ordinary_connections(),
		               to_keep_free())));
	was_reported = is_out_of_reach;
}

} // namespace session_guard
