/*
 * Which process is the worker of a kind.
 */
#pragma once

#include "pg/pg.h"

#include <cstddef>
#include <cstdint>

namespace session_guard
{

enum class WorkerKind : std::uint8_t
{
	Guard,
	History,
};
inline constexpr std::size_t worker_kind_count = 2;

/* One worker at a time owns the slot of its kind. */
struct WorkerSlot
{
	/* The process that owns it, or is about to; 0 if none does. */
	pg_atomic_uint32 owner;
	/* The worker that is connected and at work; 0 if none is. */
	pg_atomic_uint32 worker_pid;
	pg_atomic_uint64 worker_start;
	/* How often in a row a worker has failed at its start, or soon after (worker/start.cpp). */
	pg_atomic_uint32 failed_starts;
	/*
	 * 1 from the call that wakes the worker to give way (worker/give_way.h) until the
	 * worker reads the lock.
	 */
	pg_atomic_uint32 is_called_off;
	/* 1 from the request that wakes the worker for work until it looks for it. */
	pg_atomic_uint32 has_work;
};

Size worker_slots_size();
void worker_slots_init(void *memory, bool found);

/* Only where there is shared memory. */
WorkerSlot &worker_slot(WorkerKind kind);

/* Is the process one of the workers, connected and at work? */
bool is_worker(int pid);

/* Wake the worker of a kind, if one is at work. */
void wake(WorkerKind kind);

/*
 * The same, and note in a word that it was woken, which the worker clears when it looks
 * for what it was woken for.  Until then it is not woken once more.
 */
void wake_once(WorkerKind kind, pg_atomic_uint32 &was_woken);

/* Wake it for work, unless it was woken for that and has not looked for it yet. */
void request_work(WorkerKind kind);

/*
 * By the worker, before it sleeps: has work been requested since it last looked?  The
 * latch does not tell, since whatever waits inside of the server resets it.
 */
bool has_work(WorkerKind kind);

/* By the worker, before it looks for work: what comes from now on is worth another request. */
void begin_work(WorkerKind kind);

} // namespace session_guard
