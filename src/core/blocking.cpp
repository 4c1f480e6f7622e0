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

std::optional<Timestamp>
WaitGraph::blocking_since(std::int32_t blocker, Timestamp busy_since, Advisory advisory) const
{
	std::optional<Timestamp> oldest;

	if (!blockers_of(blocker).empty())
		return std::nullopt;
	for (const WaitEdge &edge : waiters_of(blocker))
		if (counts_as_blocking(edge, advisory) && edge.since != unknown_time)
			oldest = std::min(oldest.value_or(never), std::max(edge.since, busy_since));
	return oldest;
}

} // namespace session_guard
