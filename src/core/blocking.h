/*
 * Who is in the way of a process that waits for a lock, and whether that makes it a
 * blocker.
 *
 * Processes are known by pid; a parallel worker counts as its leader.
 */
#pragma once

#include "core/time.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <type_traits>

namespace session_guard
{

/* A prepared transaction has no process. */
inline constexpr std::int32_t prepared_transaction = 0;

/* The kinds of locks that processes wait for, as far as they differ in whether they count. */
enum class WaitedLock : std::uint8_t
{
	/* A relation, tuple, transaction or other object. */
	Ordinary,
	Advisory,
	/* The end of a transaction that may see what is to go: a virtual transaction. */
	Snapshot,
	/* One of the server's own short locks. */
	Own,
};

/* The kinds of processes that wait. */
enum class WhoWaits : std::uint8_t
{
	Session,
	/* A session that runs a maintenance command, or autovacuum. */
	Maintenance,
	/* The startup process of a standby. */
	NoSession,
};

/* Does a wait for an advisory lock count? */
enum class Advisory : std::uint8_t
{
	Ignored,
	Counts,
};

constexpr Advisory
advisory_if(bool counts)
{
	return counts ? Advisory::Counts : Advisory::Ignored;
}

/* One process waits for a lock that another one holds, or waits for ahead of it in the queue. */
struct WaitEdge
{
	std::int32_t waiter;
	std::int32_t blocker;
	/* When it began to wait; unknown_time in the moment before the server notes it. */
	Timestamp since;
	WaitedLock lock;
	WhoWaits kind;
	/* The transaction ID of a blocker that is a prepared transaction; otherwise 0. */
	std::uint32_t prepared_xid = 0;
	/* Filled in by a graph: the place there of the process at the other end. */
	std::uint32_t other_end = 0;
};
static_assert(std::is_trivially_destructible_v<WaitEdge>);

/*
 * Is it its holder's fault that somebody waits for such a lock?  For locks on relations,
 * tuples, transactions and other objects it is, and for advisory locks if those count.
 */
constexpr bool
blames_holder(WaitedLock lock, Advisory advisory)
{
	return lock == WaitedLock::Ordinary ||
	       (lock == WaitedLock::Advisory && advisory == Advisory::Counts);
}

/* Modes of one lock; a bit for each. */
using LockModes = std::uint32_t;

/* One process that holds modes of a lock. */
struct LockHolder
{
	/* The leader of its lock group: the processes of a parallel query are not in each other's way.
	 */
	std::int32_t leader;
	LockModes held;
	/* Of a prepared transaction, its ID; otherwise 0. */
	std::uint32_t prepared_xid = 0;
};
static_assert(std::is_trivially_destructible_v<LockHolder>);

/* One process in the queue of a lock. */
struct LockWaiter
{
	std::int32_t leader;
	/* The mode that it waits for, and the modes that are in the way of that. */
	LockModes wanted;
	LockModes conflicting;
};
static_assert(std::is_trivially_destructible_v<LockWaiter>);

/*
 * Call a function with each process that blocks the one at a position of a lock's
 * queue, and the ID of a prepared transaction; a parallel query may be given several
 * times.
 *
 * These are the holders of a conflicting mode.  Only a process that no holder
 * blocks is blocked by those ahead of it in the queue that wait for such a mode.
 * pg_blocking_pids() names these in any case; but as long as a holder stays, their
 * end would not help.
 *
 * The queue must be in the order in which the server keeps it.  That is not the
 * order in which the waits began: a process that holds a mode which another one
 * waits for is queued ahead of that one, and the search for deadlocks may rearrange
 * the queue.
 */
template <typename Visit>
void
for_each_blocker(std::span<const LockHolder> holders, std::span<const LockWaiter> queue,
                 std::size_t position, Visit visit)
{
	const LockWaiter &waiter = queue[position];
	bool is_held = false;

	for (const LockHolder &holder : holders)
		if (holder.leader != waiter.leader && (holder.held & waiter.conflicting) != 0)
		{
			visit(holder.leader, holder.prepared_xid);
			is_held = true;
		}
	if (is_held)
		return;
	for (const LockWaiter &ahead : queue.first(position))
		if (ahead.leader != waiter.leader && (ahead.wanted & waiter.conflicting) != 0)
			visit(ahead.leader, 0U);
}

/*
 * Call a function with those ahead of the process at a position of the queue that wait for a
 * mode in its way, though a holder is in its way, too: if that one goes, these are next.  Two
 * for each mode are enough: all that wait for the same mode have the same holders in their way,
 * but for itself one that holds a mode already.
 */
template <typename Visit>
void
for_each_ahead(std::span<const LockWaiter> queue, std::size_t position, Visit visit)
{
	const LockWaiter &waiter = queue[position];
	LockModes seen = 0;
	LockModes seen_twice = 0;

	for (const LockWaiter &ahead : queue.first(position))
	{
		if (ahead.leader == waiter.leader || (ahead.wanted & waiter.conflicting & ~seen_twice) == 0)
			continue;
		visit(ahead.leader);
		seen_twice |= seen & ahead.wanted;
		seen |= ahead.wanted;
	}
}

} // namespace session_guard
