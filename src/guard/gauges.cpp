/*
 * What the guard shows of its work (see gauges.h).
 */
#include "guard/gauges.h"

#include "core/limits.h"
#include "core/text.h"

#include "pg/monotonic_clock.h"

#include "settings/settings.h"

#include "shmem/counters.h"

#include "policy/policy_cache.h"

#include "guard/plan.h"
#include "guard/scan_pace.h"

#include <algorithm>
#include <array>
#include <cstdlib>

namespace session_guard
{

namespace
{

/* Show in pg_stat_activity what the guard does. */
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
	Counters &counters = shared_counters();
	Gauges &gauges = shared_gauges();

	count(counters.scans);
	count(counters.scan_microseconds, monotonic_now() - start);
	pg_atomic_write_u64(&gauges.last_scan, static_cast<uint64>(GetCurrentTimestamp()));
	pg_atomic_write_u64(&gauges.sessions, sessions);
	pg_atomic_write_u64(&gauges.deadlines, planned_count());
}

/* Say in detail what a scan has found. */
void
log_scan(ScanKind kind, std::size_t sessions, Instant start)
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
	    .append(static_cast<int64>(planned_count()))
	    .append(" deadlines, next scan ");
	if (next == never)
		text.append("not due");
	else
		text.append("in ").append_duration(std::max<Duration>(0, next - now));
	ereport(DEBUG1, (errmsg_internal("%s", text.c_str())));
}

/* The limits that are in force; a bit for each. */
std::uint64_t
limits_in_force()
{
	std::uint64_t limits = 0;

	for (Limit limit : all_limits)
		if (is_in_force(limit))
			limits |= bit_of(limit);
	return limits;
}

/*
 * The moment of the next scan by the wall clock, which is read anew each time:
 * what was shown before stays for a difference that says nothing.
 */
Timestamp
next_scan_to_show(Timestamp before)
{
	Instant next = next_scan();

	if (next == never)
		return DT_NOEND;
	Timestamp fresh = GetCurrentTimestamp() + (next - monotonic_now());
	return std::abs(before - fresh) < millisecond ? before : fresh;
}

} // namespace

void
show_plans()
{
	Gauges &gauges = shared_gauges();
	auto before = static_cast<Timestamp>(pg_atomic_read_u64(&gauges.next_scan));

	pg_atomic_write_u64(&gauges.mode, static_cast<std::uint64_t>(base_policy().mode));
	pg_atomic_write_u64(&gauges.limits, limits_in_force());
	pg_atomic_write_u64(&gauges.next_scan, static_cast<std::uint64_t>(next_scan_to_show(before)));
}

void
show_rest()
{
	const char *rest = max_prepared_age() != 0 ? "no limit on sessions is set" : "no limit is set";

	pgstat_report_activity(STATE_IDLE, base_policy().mode == Mode::Off ? "mode is off" : rest);
}

void
show_scan(ScanKind kind, std::size_t sessions, Instant start)
{
	show_activity(sessions);
	count_scan(sessions, start);
	log_scan(kind, sessions, start);
}

} // namespace session_guard
