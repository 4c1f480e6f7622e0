/*
 * Which processes wait for which, and which of them count as blocking.
 *
 * The graph is made of the server's lock table, read at one moment.  It knows
 * processes by pid; a parallel worker counts as its leader.
 */
#pragma once

#include "core/session.h"
#include "core/time.h"
#include "core/wall_clock.h"

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
};
static_assert(std::is_trivially_destructible_v<WaitEdge>);

/*
 * Does this wait make its blocker count as blocking?  Waits for locks on relations,
 * tuples, transactions and other objects do, and for advisory locks if those count,
 * unless the waiter is maintenance or no session at all.
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

class WaitGraph
{
  public:
	WaitGraph() = default;
	/* Both spans are to hold the same edges; they are sorted here, and must outlive the graph. */
	WaitGraph(std::span<WaitEdge> by_waiter, std::span<WaitEdge> by_blocker);

	/* The edges of one waiter: each names a process that blocks it. */
	std::span<const WaitEdge> blockers_of(std::int32_t waiter) const;
	/* The edges of one blocker: each names a process that it blocks. */
	std::span<const WaitEdge> waiters_of(std::int32_t blocker) const;

	/* The oldest wait that counts and that this process is directly in the way of; nullptr if
	 * there is none. */
	const WaitEdge *oldest_wait(std::int32_t blocker, Advisory advisory) const;

	/* How many processes it keeps waiting directly, of those whose waits count. */
	std::int32_t count_waiters(std::int32_t blocker, Advisory advisory) const;

	/* Does this process wait for no other one? */
	bool
	is_root(std::int32_t pid) const
	{
		return blockers_of(pid).empty();
	}

	/* Do both keep one process waiting, whose wait counts? */
	bool share_waiter(std::int32_t blocker, std::int32_t other, Advisory advisory) const;

	/*
	 * Since when this process has directly blocked the oldest wait that counts; none
	 * if it waits itself, as only the root of a chain counts as blocking.  That is
	 * never longer than the process has been busy, in its transaction or idle outside
	 * of one: before that another process may have held the lock, even an advisory one.
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

/* How a process stands in the way of others, by a graph that was read now. */
Blocking blocking_in(const WaitGraph &graph, std::int32_t pid, Advisory advisory,
                     const Clock &clock, Instant now);

} // namespace session_guard
