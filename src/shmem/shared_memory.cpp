/*
 * Shared memory (see shared_memory.h).
 */
#include "shmem/shared_memory.h"

#include "settings/settings.h"

#include "shmem/client_message.h"
#include "shmem/present_time.h"

#include "action/events.h"

#include <algorithm>

namespace session_guard
{

namespace
{

Shared *state = nullptr;

/* Where the arrays behind the struct begin. */
struct Layout
{
	Size tracking_states;
	Size marks;
	Size published;
	Size reasons;
	Size events;
	Size end;
};

Layout
layout()
{
	Size end = MAXALIGN(sizeof(Shared));
	auto place = [&](Size size, Size count)
	{
		Size begin = end;

		end = add_size(end, MAXALIGN(mul_size(size, count)));
		return begin;
	};
	auto slots = static_cast<Size>(MaxBackends);
	Layout places{};

	places.tracking_states = place(sizeof(TrackingState), slots);
	places.marks = place(sizeof(pg_atomic_uint64), slots);
	places.published = place(sizeof(PublishedSlot), slots);
	places.reasons = place(sizeof(MessageSlot), slots);
	places.events = place(event_ring_size(), 1);
	places.end = end;
	return places;
}

Size
shared_size()
{
	return layout().end;
}

/* Call a function for each counter. */
template <typename Use>
void
for_each_counter(Counters &counters, Use use)
{
	for (pg_atomic_uint64 *counter :
	     {&counters.wake_ups, &counters.scans, &counters.scan_microseconds, &counters.evaluations,
	      &counters.lock_skips, &counters.requests, &counters.events_lost, &counters.history_rows,
	      &counters.history_failures})
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
	      &gauges.last_scan, &gauges.sessions, &gauges.deadlines, &gauges.policy_time})
		pg_atomic_init_u64(gauge, 0);
	pg_atomic_init_u64(&gauges.stats_reset, static_cast<uint64>(GetCurrentTimestamp()));
}

void
init_worker_slot(WorkerSlot &slot)
{
	for (pg_atomic_uint32 *word :
	     {&slot.owner, &slot.worker_pid, &slot.failed_starts, &slot.is_called_off})
		pg_atomic_init_u32(word, 0);
	pg_atomic_init_u64(&slot.worker_start, 0);
}

/* Find the arrays behind the struct, and begin them. */
void
init_arrays(Shared &fresh)
{
	Layout places = layout();
	auto base = reinterpret_cast<char *>(&fresh);

	fresh.tracking_states = reinterpret_cast<TrackingState *>(base + places.tracking_states);
	fresh.listener_marks = reinterpret_cast<pg_atomic_uint64 *>(base + places.marks);
	fresh.published = reinterpret_cast<PublishedSlot *>(base + places.published);
	fresh.reasons = reinterpret_cast<MessageSlot *>(base + places.reasons);
	fresh.events = reinterpret_cast<EventRing *>(base + places.events);
	for (int slot = 0; slot < MaxBackends; slot++)
	{
		pg_atomic_init_u64(&fresh.listener_marks[slot], 0);
		init_message(fresh.reasons[slot]);
	}
	init_published(fresh.published, MaxBackends);
	init_event_ring(*fresh.events);
}

void
init_shared(void *memory)
{
	auto fresh = static_cast<Shared *>(memory);

	for (WorkerSlot &slot : fresh->worker_slots)
		init_worker_slot(slot);
	pg_atomic_init_u32(&fresh->stored_changes, 0);
	pg_atomic_init_u32(&fresh->guard_was_called, 0);
	for_each_counter(fresh->counters, [](pg_atomic_uint64 *one) { pg_atomic_init_u64(one, 0); });
	init_gauges(fresh->gauges);
	SpinLockInit(&fresh->last_error.lock);
	fresh->configured = configured_policy();
	(void)read_clocks(fresh->clock);
	init_arrays(*fresh);
}

const SharedArea area{.name = "pg_session_guard",
                      .size = shared_size,
                      .init = init_shared,
                      .pointer = reinterpret_cast<void **>(&state)};

} // namespace

void
request_shared_memory()
{
	register_shared_area(area);
}

Shared *
shared()
{
	return state;
}

Shared &
shared_or_error()
{
	if (state == nullptr)
		ereport(ERROR,
		        (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
		         errmsg("pg_session_guard must be loaded via \"shared_preload_libraries\"")));
	return *state;
}

WorkerSlot &
worker_slot(WorkerKind kind)
{
	return state->worker_slots[static_cast<std::size_t>(kind)];
}

bool
is_worker(int pid)
{
	return state != nullptr &&
	       std::ranges::any_of(
	           state->worker_slots, [&](WorkerSlot &slot)
	           { return pg_atomic_read_u32(&slot.worker_pid) == static_cast<uint32>(pid); });
}

void
wake(WorkerKind kind)
{
	auto pid = static_cast<int>(pg_atomic_read_u32(&worker_slot(kind).worker_pid));
	PGPROC *worker = pid != 0 ? BackendPidGetProc(pid) : nullptr;

	if (worker != nullptr)
		SetLatch(&worker->procLatch);
}

void
note_error(const char *message)
{
	LastError &error = state->last_error;
	Timestamp now = GetCurrentTimestamp();

	SpinLockAcquire(&error.lock);
	error.at = now;
	strlcpy(error.message.data(), message, error.message.size());
	SpinLockRelease(&error.lock);
}

void
reset_counters()
{
	for_each_counter(state->counters, [](pg_atomic_uint64 *one) { pg_atomic_write_u64(one, 0); });
	pg_atomic_write_u64(&state->gauges.stats_reset, static_cast<uint64>(GetCurrentTimestamp()));
}

TrackingState &
tracking_of(int slot)
{
	return state->tracking_states[slot];
}

pg_atomic_uint64 &
listener_mark(int slot)
{
	return state->listener_marks[slot];
}

PublishedSlot &
published_slot(int slot)
{
	return state->published[slot];
}

} // namespace session_guard
