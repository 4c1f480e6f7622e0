/*
 * Which processes wait for which (see blocking.h).
 */
#include "core/blocking.h"

#include <algorithm>
#include <tuple>

namespace session_guard
{

namespace
{

template <std::int32_t WaitEdge::*key>
std::span<const WaitEdge>
edges_with(std::span<const WaitEdge> edges, std::int32_t pid)
{
	auto begin = std::ranges::lower_bound(edges, pid, {}, key);
	auto end = std::ranges::upper_bound(edges, pid, {}, key);

	return {begin, end};
}

} // namespace

WaitGraph::WaitGraph(std::span<WaitEdge> by_waiter, std::span<WaitEdge> by_blocker)
    : by_waiter_(by_waiter), by_blocker_(by_blocker)
{
	std::ranges::sort(by_waiter, {},
	                  [](const WaitEdge &edge) { return std::tuple(edge.waiter, edge.blocker); });
	std::ranges::sort(by_blocker, {},
	                  [](const WaitEdge &edge) { return std::tuple(edge.blocker, edge.waiter); });
}

std::span<const WaitEdge>
WaitGraph::blockers_of(std::int32_t waiter) const
{
	return edges_with<&WaitEdge::waiter>(by_waiter_, waiter);
}

std::span<const WaitEdge>
WaitGraph::waiters_of(std::int32_t blocker) const
{
	return edges_with<&WaitEdge::blocker>(by_blocker_, blocker);
}

const WaitEdge *
WaitGraph::oldest_wait(std::int32_t blocker, Advisory advisory) const
{
	const WaitEdge *oldest = nullptr;

	for (const WaitEdge &edge : waiters_of(blocker))
		if (counts_as_blocking(edge, advisory) && edge.since != unknown_time &&
		    (oldest == nullptr || edge.since < oldest->since))
			oldest = &edge;
	return oldest;
}

std::int32_t
WaitGraph::count_waiters(std::int32_t blocker, Advisory advisory) const
{
	std::int32_t count = 0;
	const WaitEdge *last = nullptr;

	/* One that waits for several processes of a parallel query has an edge for each. */
	for (const WaitEdge &edge : waiters_of(blocker))
		if (counts_as_blocking(edge, advisory))
		{
			count += last == nullptr || last->waiter != edge.waiter;
			last = &edge;
		}
	return count;
}

bool
WaitGraph::share_waiter(std::int32_t blocker, std::int32_t other, Advisory advisory) const
{
	std::span<const WaitEdge> others = waiters_of(other);

	return std::ranges::any_of(waiters_of(blocker),
	                           [&](const WaitEdge &edge)
	                           {
		                           return counts_as_blocking(edge, advisory) &&
		                                  std::ranges::binary_search(others, edge.waiter, {},
		                                                             &WaitEdge::waiter);
	                           });
}

std::optional<Timestamp>
WaitGraph::blocking_since(std::int32_t blocker, Timestamp busy_since, Advisory advisory) const
{
	const WaitEdge *oldest = is_root(blocker) ? oldest_wait(blocker, advisory) : nullptr;

	return oldest != nullptr ? std::optional(std::max(oldest->since, busy_since)) : std::nullopt;
}

Blocking
blocking_in(const WaitGraph &graph, std::int32_t pid, Advisory advisory, const Clock &clock,
            Instant now)
{
	Blocking blocking{.is_known = true,
	                  .is_root = graph.is_root(pid),
	                  .waiters = 0,
	                  .oldest_waiter = 0,
	                  .stamp = unknown_time,
	                  .since = unknown_time};

	if (const WaitEdge *oldest = graph.oldest_wait(pid, advisory))
	{
		blocking.waiters = graph.count_waiters(pid, advisory);
		blocking.oldest_waiter = oldest->waiter;
		blocking.stamp = oldest->since;
		blocking.since = time_of(clock, oldest->since, now);
	}
	return blocking;
}

} // namespace session_guard
