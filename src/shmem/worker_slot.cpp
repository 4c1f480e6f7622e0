/*
 * Which process is the worker of a kind (see worker_slot.h).
 */
#include "shmem/worker_slot.h"

#include <algorithm>
#include <array>

namespace session_guard
{

namespace
{

using WorkerSlots = std::array<WorkerSlot, worker_kind_count>;

WorkerSlots *slots = nullptr;

} // namespace

Size
worker_slots_size()
{
	return sizeof(WorkerSlots);
}

void
worker_slots_init(void *memory, bool found)
{
	slots = static_cast<WorkerSlots *>(memory);
	if (found)
		return;
	for (WorkerSlot &slot : *slots)
	{
		for (pg_atomic_uint32 *word : {&slot.owner, &slot.worker_pid, &slot.failed_starts,
		                               &slot.is_called_off, &slot.has_work})
			pg_atomic_init_u32(word, 0);
		pg_atomic_init_u64(&slot.worker_start, 0);
	}
}

WorkerSlot &
worker_slot(WorkerKind kind)
{
	return (*slots)[static_cast<std::size_t>(kind)];
}

bool
is_worker(int pid)
{
	return slots != nullptr &&
	       std::ranges::any_of(
	           *slots, [&](WorkerSlot &slot)
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
wake_once(WorkerKind kind, pg_atomic_uint32 &was_woken)
{
	if (pg_atomic_exchange_u32(&was_woken, 1) == 0)
		wake(kind);
}

void
request_work(WorkerKind kind)
{
	wake_once(kind, worker_slot(kind).has_work);
}

bool
has_work(WorkerKind kind)
{
	return pg_atomic_read_u32(&worker_slot(kind).has_work) != 0;
}

void
begin_work(WorkerKind kind)
{
	(void)pg_atomic_exchange_u32(&worker_slot(kind).has_work, 0);
}

} // namespace session_guard
