/*
 * A shortage of memory, as the guard sees it (see memory_shortage.h).
 */
#include "guard/memory_shortage.h"

#include "core/decision.h"
#include "core/memory_sampling.h"
#include "core/messages.h"

#include "pg/monotonic_clock.h"

#include "settings/settings.h"

#include "shmem/tracking.h"

#include "status/available_memory.h"

#include "policy/policy_cache.h"

#include "guard/scan_pace.h"
#include "guard/session_memory.h"

#include <algorithm>
#include <array>
#include <unistd.h>

namespace session_guard
{

namespace
{

/* From one end to the next: what the first has freed is known by then. */
constexpr Duration pause_between_ends = 250 * millisecond;
static_assert(pause_between_ends > memory_falls_within);
/*
 * The kernel takes back so many bytes a microsecond at least (measured: 1.6 GB within 77 ms), and
 * has so much time for what one session had.
 */
constexpr std::int64_t slowest_release = 10000;
constexpr Duration longest_release = 2 * second;
/* If nobody is to go, sessions are compared again after so many times what that takes. */
constexpr int rest_after_comparison = 20;
/* Whoever has kept its memory for so long after its end is not waited for any more. */
constexpr Duration patience_after_last_step = second;

MemoryShortage shortage{};
/* Is it known what is left? */
bool is_known = false;
Instant next_reading = beginning;
/* When sessions may be compared the next time. */
Instant next_comparison = beginning;
/* The sessions of a scan that compares them, and when it began. */
std::optional<MemoryUsers> compared;
Instant comparison_start;
/* Who is to go. */
GreatestUser chosen{};

std::int64_t
threshold()
{
	return threshold_of(base_policy().limits, Limit::AvailableMemory).value;
}

bool
is_low()
{
	return is_known && is_in_force(Limit::AvailableMemory) &&
	       exceeds(Limit::AvailableMemory, shortage.left.bytes, threshold());
}

/* Say once that nothing is known. */
void
report_unknown(bool is_unknown)
{
	static bool was_reported = false;

	if (is_unknown && !was_reported)
		ereport(LOG, (errmsg("how much memory the server has left cannot be read"),
		              errdetail("pg_session_guard.min_available_memory ends nobody.")));
	was_reported = is_unknown;
}

void
read_left(Instant now)
{
	std::optional<AvailableMemory> left = available_memory();

	is_known = left.has_value();
	report_unknown(!is_known);
	if (left)
		note_left(shortage, *left, threshold(), now);
}

Duration
pause_before_next_reading()
{
	static int processors = 0;
	Duration longest = std::min(naptime(), second);

	if (processors == 0)
		processors = static_cast<int>(sysconf(_SC_NPROCESSORS_ONLN));
	return is_known
	           ? pause_before_reading_left(shortage.left.bytes, threshold(), processors, longest)
	           : longest;
}

/*
 * Has all been done about it that may be, and its memory is still there?  It was terminated, or
 * canceled where nothing is to follow a cancel.
 */
bool
has_kept_its_memory(const TrackingState &tracking, const Policy &policy, Instant now)
{
	const Escalation &escalation = tracking.escalation;
	bool is_canceled_only = policy.cancel_grace == 0 &&
	                        is_escalating_for(escalation, Limit::AvailableMemory, shortage.since);

	return (escalation.step == EscalationStep::Terminated || is_canceled_only) &&
	       now - escalation.at > patience_after_last_step;
}

/* How much a session has grown since the balance was begun, which its tracking knows. */
std::int64_t
growth_of(const Session &session, int slot)
{
	change_tracking(slot,
	                [&](TrackingState &tracking)
	                {
		                TrackedMemory &known = tracking.memory;

		                if (known.balance_since != shortage.balance_since)
			                known.at_balance = session.memory;
		                known.balance_since = shortage.balance_since;
	                });
	return session.memory - tracking_of(slot).memory.at_balance;
}

/* Say once in a shortage why nobody is ended for it. */
void
report_no_relief(Relief relief)
{
	static Instant said_of = unknown_time;
	std::array<char, 256> left_buffer;
	std::array<char, 256> detail_buffer;
	Text left(left_buffer);
	Text detail(detail_buffer);

	if (said_of == shortage.since)
		return;
	said_of = shortage.since;
	append_left(left, shortage.left);
	if (relief == Relief::TakenElsewhere)
		detail.append("What sessions have freed was taken by something else than sessions.");
	else
		detail.append("Of those that are not spared no session is known to use as much as ")
		    .append_size(smallest_worth_ending(threshold()))
		    .append(" of memory.");
	ereport(LOG, (errmsg_internal("%s, and no session is ended for it", left.c_str()),
	              errdetail_internal("%s", detail.c_str())));
}

void
choose(const MemoryUsers &users, Instant now)
{
	read_left(now);
	ReliefChoice choice = choose_relief(shortage, users);
	if (is_low() && choice.relief != Relief::ByEnd)
		report_no_relief(choice.relief);
	chosen = choice.greatest;
	next_comparison =
	    now + std::max(pause_between_ends, rest_after_comparison * (now - comparison_start));
}

} // namespace

void
watch_memory(Instant now)
{
	if (!is_in_force(Limit::AvailableMemory) || now < next_reading)
		return;
	read_left(now);
	next_reading = now + pause_before_next_reading();
	if (!is_low())
		return;
	next_reading = std::max(next_reading, next_comparison);
	ask_for_scan_at(std::max(now, next_comparison));
}

Instant
next_memory_watch()
{
	return is_in_force(Limit::AvailableMemory) ? next_reading : never;
}

std::optional<AvailableMemory>
memory_left()
{
	return is_known ? std::optional(shortage.left) : std::nullopt;
}

bool
begin_comparison(Instant now)
{
	compared.reset();
	if (!is_low() || now < next_comparison)
		return false;
	compared.emplace(smallest_worth_ending(threshold()));
	comparison_start = now;
	begin_balance(shortage, now);
	return true;
}

void
compare_memory(const Scanned &found, const TrackingState &tracking, const Policy &policy,
               Instant now)
{
	const Session &session = found.session;

	if (!compared || session.memory < 0)
		return;
	compared->add(session.memory);
	std::int64_t grown = growth_of(session, found.slot);
	if (is_set(policy, Limit::AvailableMemory) && !has_kept_its_memory(tracking, policy, now) &&
	    spared_from(Limit::AvailableMemory, session, tracking, policy) == Spared::No)
		compared->compare(
		    {.session = session.id, .slot = found.slot, .bytes = session.memory, .grown = grown});
}

std::optional<Deadline>
session_to_go(Instant now)
{
	if (compared)
		choose(*compared, monotonic_now());
	compared.reset();
	if (!is_low() || !chosen.user)
		return std::nullopt;
	return Deadline{.wake = now,
	                .due = now,
	                .session = chosen.user->session,
	                .slot = chosen.user->slot,
	                .limit = Limit::AvailableMemory};
}

void
note_shortage(Session &session)
{
	bool is_chosen = is_low() && chosen.user && chosen.user->session == session.id;

	session.shortage = {.since = shortage.since,
	                    .left = shortage.left,
	                    .is_greatest = is_chosen && (session.memory == memory_not_read ||
	                                                 session.memory >= chosen.next_bytes)};
}

void
read_shortage(Session &session, int slot, Instant now)
{
	read_left(now);
	read_memory(session, slot);
	note_shortage(session);
	if (session.memory < smallest_worth_ending(threshold()))
		session.shortage.is_greatest = false;
}

void
note_memory_freed(const TrackedMemory &memory, bool is_first_step, Instant now)
{
	bool is_balanced =
	    memory.balance_since != unknown_time && memory.balance_since == shortage.balance_since;
	Duration release =
	    std::clamp(memory.bytes / slowest_release, pause_between_ends, longest_release);

	if (is_first_step && is_balanced)
		shortage.freed += std::max<std::int64_t>(0, std::min(memory.bytes, memory.at_balance));
	next_comparison = std::max(next_comparison, now + release);
}

} // namespace session_guard
