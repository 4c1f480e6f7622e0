/*
 * Counters and gauges (see counters.h).
 */
#include "shmem/counters.h"

namespace session_guard
{

namespace
{

struct CountersArea
{
	Counters counters;
	Gauges gauges;
	/* Several processes write it, one of them perhaps while it reports its end. */
	slock_t error_lock;
	WorkerError error;
};

CountersArea *area = nullptr;

/* Call a function for each counter. */
template <typename Use>
void
for_each_counter(Counters &counters, Use use)
{
	for (pg_atomic_uint64 *counter :
	     {&counters.wake_ups, &counters.scans, &counters.scan_microseconds, &counters.evaluations,
	      &counters.lock_skips, &counters.prepared_named, &counters.requests, &counters.events_lost,
	      &counters.history_rows, &counters.history_failures})
		use(counter);
	for (LimitCounters &limit : counters.limits)
	{
		for (pg_atomic_uint64 *counter :
		     {&limit.deadlines_met, &limit.logged, &limit.cancels_sent, &limit.terminates_sent,
		      &limit.canceled, &limit.terminated, &limit.survived, &limit.gone, &limit.raced,
		      &limit.greatest_lateness})
			use(counter);
		for (pg_atomic_uint64 &range : limit.lateness)
			use(&range);
	}
}

void
init_gauges(Gauges &gauges)
{
	for (pg_atomic_uint64 *gauge :
	     {&gauges.mode, &gauges.limits, &gauges.next_scan, &gauges.last_heartbeat,
	      &gauges.last_scan, &gauges.sessions, &gauges.deadlines, &gauges.prepared_over_age,
	      &gauges.policy_time})
		pg_atomic_init_u64(gauge, 0);
	pg_atomic_init_u64(&gauges.stats_reset, static_cast<uint64>(GetCurrentTimestamp()));
}

} // namespace

Size
counters_size()
{
	return sizeof(CountersArea);
}

void
counters_init(void *memory, bool found)
{
	area = static_cast<CountersArea *>(memory);
	if (found)
		return;
	for_each_counter(area->counters, [](pg_atomic_uint64 *one) { pg_atomic_init_u64(one, 0); });
	init_gauges(area->gauges);
	SpinLockInit(&area->error_lock);
}

Counters &
shared_counters()
{
	return area->counters;
}

Gauges &
shared_gauges()
{
	return area->gauges;
}

void
reset_counters()
{
	for_each_counter(area->counters, [](pg_atomic_uint64 *one) { pg_atomic_write_u64(one, 0); });
	pg_atomic_write_u64(&area->gauges.stats_reset, static_cast<uint64>(GetCurrentTimestamp()));
}

void
note_error(const char *message, const char *failure)
{
	WorkerError error{.at = GetCurrentTimestamp(), .message = {}};

	snprintf(error.message.data(), error.message.size(), "%s%s%s",
	         failure != nullptr ? failure : "", failure != nullptr ? ": " : "", message);
	SpinLockAcquire(&area->error_lock);
	area->error = error;
	SpinLockRelease(&area->error_lock);
}

WorkerError
last_error()
{
	SpinLockAcquire(&area->error_lock);
	WorkerError error = area->error;
	SpinLockRelease(&area->error_lock);
	return error;
}

} // namespace session_guard
