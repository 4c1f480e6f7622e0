/*
 * Who waits for whom (see locks.h).
 */
#include "status/locks.h"

#include "pg/compat.h"
#include "pg/growing_array.h"

#include "status/backend_status.h"
#include "status/process_wait.h"

#include <optional>
#include <span>

namespace session_guard
{

namespace
{

/* A process in the queue of a lock, and what tells the kind of its wait. */
struct Waiting
{
	Timestamp since;
	int pid;
	/* Its place in the backend-status array; -1 if it has none, as the startup process. */
	int slot;
	bool is_maintenance_process;
};

/* A lock that somebody waits for: how many of the holders and waiters are its own. */
struct ContendedLock
{
	LockTagType kind;
	std::size_t holders;
	std::size_t waiters;
};

/* All such locks, one after the other. */
struct Contended
{
	GrowingArray<ContendedLock> locks;
	GrowingArray<LockHolder> holders;
	GrowingArray<LockWaiter> queue;
	/* For each in the queue. */
	GrowingArray<Waiting> waiting;
};

/* Edges in the making. */
using Edges = GrowingArray<WaitEdge>;

const PGPROC *
leader_of(const PGPROC *process)
{
	return process->lockGroupLeader != nullptr ? process->lockGroupLeader : process;
}

/* What tells the kind of a wait; a parallel worker waits for its leader. */
Waiting
waiting_of(const PGPROC *process)
{
	constexpr int maintenance = PROC_IS_AUTOVACUUM | PROC_IN_VACUUM | PROC_IN_SAFE_IC;
	const PGPROC *leader = leader_of(process);
	int slot = slot_of_proc(leader);
	/* Before 17 the startup process has a number like a backend's, for its virtual transactions;
	 * but its place among all processes is behind theirs. */
	bool is_backend = leader - ProcGlobal->allProcs < slot_count();

	return {.since = wait_start_of(process),
	        .pid = leader->pid,
	        .slot = is_backend && slot < slot_count() ? slot : -1,
	        .is_maintenance_process = (leader->statusFlags & maintenance) != 0};
}

/* A prepared transaction has a PGPROC of its own, without a process. */
LockHolder
holder_of(const PROCLOCK &claim)
{
	const PGPROC *leader = claim.groupLeader;

	return {.leader = leader->pid,
	        .held = static_cast<LockModes>(claim.holdMask),
	        .prepared_xid = leader->pid == prepared_transaction ? leader->xid : 0};
}

/* Copy who holds a lock and who waits for it. */
void
copy_lock(const LOCK *lock, Contended &contended)
{
	const LOCKMASK *conflicts = GetLocksMethodTable(lock)->conflictTab;
	ContendedLock copied{
	    .kind = static_cast<LockTagType>(lock->tag.locktag_type), .holders = 0, .waiters = 0};

	for (auto claim = first_claim(lock); claim != nullptr; claim = next_claim(lock, claim))
	{
		if (claim->holdMask == 0)
			continue;
		contended.holders.add(holder_of(*claim));
		copied.holders++;
	}
	for (auto process = first_in_queue(lock); process != nullptr;
	     process = next_in_queue(lock, process))
	{
		LOCKMODE mode = process->waitLockMode;

		contended.queue.add({.leader = leader_of(process)->pid,
		                     .wanted = static_cast<LockModes>(LOCKBIT_ON(mode)),
		                     .conflicting = static_cast<LockModes>(conflicts[mode])});
		contended.waiting.add(waiting_of(process));
		copied.waiters++;
	}
	contended.locks.add(copied);
}

/*
 * Copy all locks that somebody waits for, as of one moment.
 *
 * A lock is found by the first of those that wait for it.  Locks taken by the
 * fast path are in no table; but a process that asks for a mode in conflict with
 * them moves them there before it waits.
 */
Contended
copy_contended_locks()
{
	Contended contended;

	for (int partition = 0; partition < NUM_LOCK_PARTITIONS; partition++)
		LWLockAcquire(LockHashPartitionLockByIndex(partition), LW_SHARED);
	for (uint32 i = 0; i < ProcGlobal->allProcCount; i++)
	{
		const PGPROC *process = &ProcGlobal->allProcs[i];

		if (process->waitLock != nullptr && process == first_in_queue(process->waitLock))
			copy_lock(process->waitLock, contended);
	}
	/* In reverse, as the server does: a process that waits for all of them gets the first one
	 * last. */
	for (int partition = NUM_LOCK_PARTITIONS; --partition >= 0;)
		LWLockRelease(LockHashPartitionLockByIndex(partition));
	return contended;
}

WaitedLock
kind_of_lock(LockTagType kind)
{
	switch (kind)
	{
		case LOCKTAG_RELATION:
		case LOCKTAG_TUPLE:
		case LOCKTAG_TRANSACTION:
		case LOCKTAG_OBJECT:
			return WaitedLock::Ordinary;
		case LOCKTAG_ADVISORY:
			return WaitedLock::Advisory;
		case LOCKTAG_VIRTUALTRANSACTION:
			return WaitedLock::Snapshot;
		default:
			return WaitedLock::Own;
	}
}

/*
 * What kind of process waits for a lock.  A command that reports no progress yet is
 * known by the flags of its process, or by its text.
 */
WhoWaits
kind_of_waiter(const Waiting &waiting, Patience patience)
{
	if (waiting.slot < 0)
		return WhoWaits::NoSession;
	return waiting.is_maintenance_process || is_maintaining(waiting.slot, waiting.pid, patience)
	           ? WhoWaits::Maintenance
	           : WhoWaits::Session;
}

/* Add an edge for each of those that block the waiter at a position of the queue. */
void
add_blockers(Edges &edges, LockTagType kind, std::span<const LockHolder> holders,
             std::span<const LockWaiter> queue, std::size_t position, const Waiting &waiting,
             Patience patience)
{
	WaitedLock lock = kind_of_lock(kind);
	std::optional<WhoWaits> who;

	for_each_blocker(holders, queue, position,
	                 [&](std::int32_t blocker, std::uint32_t prepared_xid)
	                 {
		                 if (!who)
			                 who = lock == WaitedLock::Own ? WhoWaits::Session
			                                               : kind_of_waiter(waiting, patience);
		                 edges.add({.waiter = waiting.pid,
		                            .blocker = blocker,
		                            .since = waiting.since,
		                            .lock = lock,
		                            .kind = *who,
		                            .prepared_xid = prepared_xid});
	                 });
}

/* Add an edge to those ahead of the waiter at a position of the queue. */
void
add_those_ahead(Edges &behind, LockTagType kind, std::span<const LockWaiter> queue,
                std::size_t position, const Waiting &waiting)
{
	for_each_ahead(queue, position,
	               [&](std::int32_t ahead)
	               {
		               behind.add({.waiter = waiting.pid,
		                           .blocker = ahead,
		                           .since = waiting.since,
		                           .lock = kind_of_lock(kind),
		                           .kind = WhoWaits::Session});
	               });
}

Edges
copy_of(const Edges &edges)
{
	Edges copy;

	for (const WaitEdge &edge : edges.all())
		copy.add(edge);
	return copy;
}

} // namespace

WaitGraph
read_wait_graph(Patience patience, Advisory advisory, const Clock &clock, Instant now)
{
	Contended contended = copy_contended_locks();
	std::span<const LockHolder> holders = contended.holders.all();
	std::span<const LockWaiter> queue = contended.queue.all();
	std::span<const Waiting> waiting = contended.waiting.all();
	Edges edges;
	Edges behind;

	for (const ContendedLock &lock : contended.locks.all())
	{
		for (std::size_t i = 0; i < lock.waiters; i++)
		{
			add_blockers(edges, lock.kind, holders.first(lock.holders), queue.first(lock.waiters),
			             i, waiting[i], patience);
			add_those_ahead(behind, lock.kind, queue.first(lock.waiters), i, waiting[i]);
		}
		holders = holders.subspan(lock.holders);
		queue = queue.subspan(lock.waiters);
		waiting = waiting.subspan(lock.waiters);
	}
	Edges copy = copy_of(edges);
	sort_edges(edges.all(), copy.all());
	std::size_t count = count_processes(edges.all(), copy.all());
	return {edges.all(),
	        copy.all(),
	        behind.all(),
	        {static_cast<WaitNode *>(palloc(count * sizeof(WaitNode))), count},
	        {static_cast<std::uint32_t *>(palloc(count * sizeof(std::uint32_t))), count},
	        advisory,
	        clock,
	        now};
}

bool
read_session_of(const WaitNode &process, BackendSnapshot &snapshot, Patience patience)
{
	return process.pid != prepared_transaction && read_process(process.pid, snapshot, patience) &&
	       is_guarded(snapshot);
}

Timestamp
oldest_lock_wait()
{
	Timestamp oldest = unknown_time;

	for (uint32 i = 0; i < ProcGlobal->allProcCount; i++)
	{
		const PGPROC *process = &ProcGlobal->allProcs[i];
		Timestamp since = process->waitLock != nullptr ? wait_start_of(process) : unknown_time;

		if (since != unknown_time && (oldest == unknown_time || since < oldest))
			oldest = since;
	}
	return oldest;
}

} // namespace session_guard
