/*
 * Who waits for whom, and who is to blame.
 *
 * The graph is made of the server's lock table, read at one moment.  It knows
 * processes by pid; a parallel worker counts as its leader.
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

/* What is waited for, as far as it matters who is to blame. */
enum class WaitedLock : std::uint8_t
{
	/* A relation, tuple, transaction or other object. */
	Ordinary,
	Advisory,
	/* The end of a transaction that may see what is to go: a virtual transaction. */
	Snapshot,
	/* One of the server's own short ones. */
	Own,
};

/* Who waits. */
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

/* One process waits for a lock that another one holds, or is ahead of it in the queue for. */
struct WaitEdge
{
	std::int32_t waiter;
	std::int32_t blocker;
	/* When it began to wait; unknown_time in the moment before the server notes it. */
	Timestamp since;
	WaitedLock lock;
	WhoWaits kind;
};
static_assert(std::is_trivially_destructible_v<WaitEdge>);

/*
 * Does this wait make the blocker a culprit?  It does for locks on relations,
 * tuples, transactions and other objects, and advisory ones if they count, unless
 * who waits is maintenance or no session at all.
 */
constexpr bool
counts_as_blocking(const WaitEdge &edge, Advisory advisory)
{
	return edge.kind == WhoWaits::Session &&
	       (edge.lock == WaitedLock::Ordinary ||
	        (edge.lock == WaitedLock::Advisory && advisory == Advisory::Counts));
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
 * Call a function with each process that blocks the one at a position of a
 * lock's queue; a parallel query may come up several times.
 *
 * These are the holders of a mode that conflicts.  Only whom no holder blocks is
 * blocked by those ahead of it in the queue that wait for such a mode.
 * pg_blocking_pids() names these in any case; but as long as a holder stays,
 * nothing would be gained by their end.
 *
 * The queue must be in the order in which the server keeps it, and that is not
 * the order in which the waits began: who holds a mode that somebody in the
 * queue waits for goes ahead of that one, and the search for deadlocks may put
 * the queue in another order.
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
			visit(holder.leader);
			is_held = true;
		}
	if (is_held)
		return;
	for (const LockWaiter &ahead : queue.first(position))
		if (ahead.leader != waiter.leader && (ahead.wanted & waiter.conflicting) != 0)
			visit(ahead.leader);
}

class WaitGraph
{
  public:
	WaitGraph() = default;
	/* Both spans are to hold the same edges; they are sorted here, and must outlive the graph. */
	WaitGraph(std::span<WaitEdge> by_waiter, std::span<WaitEdge> by_blocker);

	/* The edges of one waiter: each names somebody who blocks it. */
	std::span<const WaitEdge> blockers_of(std::int32_t waiter) const;
	/* The edges of one blocker: each names somebody whom it blocks. */
	std::span<const WaitEdge> waiters_of(std::int32_t blocker) const;

	/*
	 * Since when the oldest wait that counts_as_blocking has been blocked directly by
	 * this process, if the process is the root of a chain: who waits himself
	 * is a victim.  It has blocked nobody for longer than it has been at what it
	 * does: in its transaction, or idle outside of one.  Before that somebody else
	 * may have held the lock, an advisory one of the session included.
	 */
	std::optional<Timestamp> blocking_since(std::int32_t blocker, Timestamp busy_since,
	                                        Advisory advisory = Advisory::Ignored) const;

	std::span<const WaitEdge>
	edges() const
	{
		return by_waiter_;
	}

  private:
	std::span<const WaitEdge> by_waiter_;
	std::span<const WaitEdge> by_blocker_;
};
static_assert(std::is_trivially_destructible_v<WaitGraph>);

} // namespace session_guard
