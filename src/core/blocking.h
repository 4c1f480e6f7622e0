/*
 * Who waits for whom, and who is to blame.
 *
 * The graph is made of the server's lock table, read at one moment.  It knows
 * processes by pid; a parallel worker counts as its leader.
 */
#pragma once

#include "core/time.h"

#include <optional>
#include <span>
#include <type_traits>

namespace session_guard
{

/* A prepared transaction has no process. */
inline constexpr std::int32_t prepared_transaction = 0;

/* One process waits for a lock that another one holds, or is ahead of it in the queue for. */
struct WaitEdge
{
	std::int32_t waiter;
	std::int32_t blocker;
	/* When it began to wait; unknown_time in the moment before the server notes it. */
	Timestamp since;
	/*
	 * Does this wait make the blocker a culprit?  It does for locks on
	 * relations, tuples, transactions and other objects, unless who waits is
	 * maintenance or no session at all.
	 */
	bool convicts;
};
static_assert(std::is_trivially_destructible_v<WaitEdge>);

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
	 * Since when the oldest wait that convicts has been blocked directly by
	 * this process, if the process is the root of a chain: who waits himself
	 * is a victim.
	 */
	std::optional<Timestamp> guilty_since(std::int32_t blocker) const;

  private:
	std::span<const WaitEdge> by_waiter_;
	std::span<const WaitEdge> by_blocker_;
};
static_assert(std::is_trivially_destructible_v<WaitGraph>);

} // namespace session_guard
