/*
 * Which processes wait for which (see wait_graph.h).
 */
#include "core/wait_graph.h"

#include <algorithm>
#include <tuple>

namespace session_guard
{

namespace
{

/* A prepared transaction is known by its ID. */
using ProcessKey = std::tuple<std::int32_t, std::uint32_t>;

ProcessKey
waiter_key(const WaitEdge &edge)
{
	return {edge.waiter, 0};
}

ProcessKey
blocker_key(const WaitEdge &edge)
{
	return {edge.blocker, edge.prepared_xid};
}

ProcessKey
key_of(const WaitNode &node)
{
	return {node.pid, node.prepared_xid};
}

/* Take the edges of one process off the front. */
template <typename Key, typename KeyOf>
std::span<WaitEdge>
take_edges(std::span<WaitEdge> &edges, const Key &key, KeyOf key_of_edge)
{
	std::size_t count = 0;

	while (count < edges.size() && key_of_edge(edges[count]) == key)
		count++;
	std::span<WaitEdge> taken = edges.first(count);
	edges = edges.last(edges.size() - count);
	return taken;
}

/* Call a function with the edges of each process in their order: out of it, and into it. */
template <typename Use>
void
for_each_process(std::span<WaitEdge> by_waiter, std::span<WaitEdge> by_blocker, Use use)
{
	while (!by_waiter.empty() || !by_blocker.empty())
	{
		ProcessKey key =
		    by_blocker.empty() ? waiter_key(by_waiter.front()) : blocker_key(by_blocker.front());
		if (!by_waiter.empty())
			key = std::min(key, waiter_key(by_waiter.front()));
		std::span<WaitEdge> out = take_edges(by_waiter, key, waiter_key);
		use(key, out, take_edges(by_blocker, key, blocker_key));
	}
}

template <std::int32_t WaitEdge::*key>
std::span<const WaitEdge>
edges_with(std::span<const WaitEdge> edges, std::int32_t pid)
{
	auto begin = std::ranges::lower_bound(edges, pid, {}, key);
	auto end = std::ranges::upper_bound(edges, pid, {}, key);

	return {begin, end};
}

} // namespace

void
sort_edges(std::span<WaitEdge> by_waiter, std::span<WaitEdge> by_blocker)
{
	std::ranges::sort(
	    by_waiter, {},
	    [](const WaitEdge &edge)
	    { return std::tuple(edge.waiter, edge.blocker, edge.prepared_xid, edge.since); });
	std::ranges::sort(
	    by_blocker, {},
	    [](const WaitEdge &edge)
	    { return std::tuple(edge.blocker, edge.prepared_xid, edge.waiter, edge.since); });
}

std::size_t
count_processes(std::span<WaitEdge> by_waiter, std::span<WaitEdge> by_blocker)
{
	std::size_t count = 0;

	for_each_process(by_waiter, by_blocker,
	                 [&](const ProcessKey &, std::span<WaitEdge>, std::span<WaitEdge>)
	                 { count++; });
	return count;
}

WaitGraph::WaitGraph(std::span<WaitEdge> by_waiter, std::span<WaitEdge> by_blocker,
                     std::span<const WaitEdge> behind, std::span<WaitNode> nodes,
                     std::span<std::uint32_t> order, Advisory advisory, const Clock &clock,
                     Instant now)
    : by_waiter_(by_waiter), by_blocker_(by_blocker), behind_(behind), nodes_(nodes), order_(order)
{
	std::uint32_t count = 0;

	for_each_process(by_waiter, by_blocker,
	                 [&](const ProcessKey &key, std::span<WaitEdge> out, std::span<WaitEdge> in)
	                 {
		                 auto [pid, prepared_xid] = key;

		                 order_[count] = count;
		                 nodes_[count] = {};
		                 nodes_[count].pid = pid;
		                 nodes_[count].prepared_xid = prepared_xid;
		                 nodes_[count].out = out;
		                 nodes_[count].in = in;
		                 describe(nodes_[count], advisory, clock, now);
		                 count++;
	                 });
	for (WaitEdge &edge : by_waiter)
		edge.other_end = index_of(*find_process(edge.blocker, edge.prepared_xid));
	for (WaitEdge &edge : by_blocker)
		edge.other_end = index_of(*find_process(edge.waiter, 0));
	std::ranges::sort(order_, {}, [&](std::uint32_t index) { return nodes_[index].since; });
	settle();
	for (WaitNode &node : nodes_)
	{
		node.keeps_any = node.is_reached;
		node.kept = node.reached;
	}
}

/*
 * What its waits say about a process.  A parallel query waits by several processes: it
 * counts from the last of these waits, and only if all of them count.
 */
void
WaitGraph::describe(WaitNode &node, Advisory advisory, const Clock &clock, Instant now)
{
	node.leads_on = true;
	node.counts = true;
	node.since = beginning;
	for (const WaitEdge &edge : node.out)
	{
		if (edge.lock == WaitedLock::Own)
			continue;
		Instant since = edge.since == unknown_time ? now : time_of(clock, edge.since, now);

		node.waits = true;
		node.leads_on = node.leads_on && blames_holder(edge.lock, advisory);
		/* In the moment before the server notes its start it has lasted for no time. */
		node.counts = node.counts && edge.kind == WhoWaits::Session && edge.since != unknown_time;
		if (since >= node.since)
		{
			node.since = since;
			node.stamp = edge.since;
		}
	}
	node.leads_on = node.leads_on && node.waits;
	node.counts = node.counts && node.leads_on;
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

WaitNode *
WaitGraph::find_process(std::int32_t pid, std::uint32_t prepared_xid) const
{
	auto found = std::ranges::lower_bound(nodes_, ProcessKey(pid, prepared_xid), {}, key_of);

	return found != nodes_.end() && found->pid == pid ? &*found : nullptr;
}

const WaitNode *
WaitGraph::find(std::int32_t pid) const
{
	return find_process(pid, 0);
}

const KeptWait *
WaitGraph::kept_by(std::int32_t pid) const
{
	const WaitNode *node = find(pid);

	return node != nullptr && !node->waits && node->keeps_any ? &node->kept : nullptr;
}

std::optional<Timestamp>
WaitGraph::blocking_since(std::int32_t pid, Timestamp busy_since) const
{
	const KeptWait *kept = kept_by(pid);

	return kept != nullptr ? std::optional(std::max(kept->since_stamp, busy_since)) : std::nullopt;
}

std::int32_t
WaitGraph::count_waiters(const WaitNode &root)
{
	std::int32_t count = 0;

	walk(index_of(root), Direction::ToWaiters,
	     [&](const WaitNode &waiter)
	     {
		     bool is_left_out = waiter.is_kept_anyway && !root.is_kept_anyway;

		     count += waiter.counts && !is_left_out ? 1 : 0;
	     });
	return count;
}

bool
WaitGraph::share_waiter(std::int32_t pid, std::int32_t other)
{
	WaitNode *one = find_process(pid, 0);
	WaitNode *another = find_process(other, 0);
	bool is_shared = false;

	if (one == nullptr || another == nullptr)
		return false;
	for (WaitNode &node : nodes_)
		node.is_passed = false;
	walk(index_of(*one), Direction::ToWaiters,
	     [&](const WaitNode &waiter) { nodes_[index_of(waiter)].is_passed = waiter.counts; });
	walk(index_of(*another), Direction::ToWaiters,
	     [&](const WaitNode &waiter) { is_shared = is_shared || waiter.is_passed; });
	return is_shared;
}

KnownWait
WaitGraph::state_of(std::int32_t waiter, Timestamp stamp, std::int32_t blocker)
{
	const WaitNode *node = find(waiter);
	KnownWait state = KnownWait::ForAnother;

	if (node == nullptr || !node->counts || node->stamp != stamp)
		return KnownWait::Over;
	walk(index_of(*node), Direction::ToBlockers,
	     [&](const WaitNode &above)
	     {
		     if (above.pid == blocker && (above.is_kept_anyway || !node->is_kept_anyway))
			     state = KnownWait::ForThisOne;
	     });
	return state;
}

/*
 * Find what each process has been in the way of for longest.
 *
 * The waits are gone through from the oldest to the youngest, and each is told to those in
 * its way.  So the first that a process is told of is the one that it has been in the way of
 * for longest; and who waits behind it, for as long, has begun to wait before.
 */
void
WaitGraph::settle()
{
	for (WaitNode &node : nodes_)
		node.is_passed = node.is_reached = false;
	for (std::uint32_t index : order_)
		if (nodes_[index].leads_on && !nodes_[index].is_kept_anyway)
			pass(nodes_[index]);
}

void
WaitGraph::pass(WaitNode &waiter)
{
	KeptWait kept{.waiter = waiter.pid,
	              .stamp = waiter.stamp,
	              .since_stamp = waiter.stamp,
	              .since = waiter.since};

	waiter.is_passed = true;
	/* All before it are older: the wait behind it goes on to others from now on only. */
	if (waiter.is_reached)
	{
		kept.waiter = waiter.reached.waiter;
		kept.stamp = waiter.reached.stamp;
		if (waiter.stamp == unknown_time)
			return;
	}
	if (waiter.is_reached || waiter.counts)
		reach_blockers(waiter, kept);
}

/*
 * Tell those in the way of a process of a wait; and those in their way, if they have waited for
 * longer without telling of a wait: maintenance.
 */
void
WaitGraph::reach_blockers(WaitNode &waiter, const KeptWait &kept)
{
	begin_walk();
	add_to_walk(index_of(waiter));
	for (std::uint32_t at = first_; at != nobody; at = nodes_[at].next)
		for (const WaitEdge &edge : nodes_[at].out)
		{
			WaitNode &blocker = nodes_[edge.other_end];

			if (edge.lock == WaitedLock::Own || blocker.is_reached)
				continue;
			blocker.is_reached = true;
			blocker.reached = kept;
			if (blocker.is_passed)
				add_to_walk(edge.other_end);
		}
}

/* Whoever waits for one that waits anyway does, too. */
void
WaitGraph::keep_waiters_anyway()
{
	begin_walk();
	for (const WaitNode &node : nodes_)
		if (node.is_kept_anyway)
			add_to_walk(index_of(node));
	for (std::uint32_t at = first_; at != nobody; at = nodes_[at].next)
	{
		nodes_[at].is_kept_anyway = true;
		extend_walk(at, Direction::ToWaiters);
	}
}

void
WaitGraph::settle_without_kept_anyway()
{
	if (std::ranges::none_of(nodes_, &WaitNode::is_kept_anyway))
		return;
	for (bool goes_on = true; goes_on;)
	{
		goes_on = false;
		keep_waiters_anyway();
		for (const WaitEdge &edge : behind_)
		{
			WaitNode *waiter = find_process(edge.waiter, 0);
			const WaitNode *ahead = find_process(edge.blocker, 0);

			if (waiter != nullptr && ahead != nullptr && ahead->is_kept_anyway &&
			    !waiter->is_kept_anyway)
				goes_on = waiter->is_kept_anyway = true;
		}
	}
	settle();
	for (WaitNode &node : nodes_)
		if (!node.is_kept_anyway)
		{
			node.keeps_any = node.is_reached;
			node.kept = node.reached;
		}
}

void
WaitGraph::begin_walk()
{
	walk_++;
	first_ = last_ = nobody;
}

/* Put a process at the end of the walk if it has not been visited yet. */
void
WaitGraph::add_to_walk(std::uint32_t index)
{
	if (nodes_[index].visit == walk_)
		return;
	nodes_[index].visit = walk_;
	nodes_[index].next = nobody;
	(last_ == nobody ? first_ : nodes_[last_].next) = index;
	last_ = index;
}

void
WaitGraph::extend_walk(std::uint32_t at, Direction direction)
{
	if (direction == Direction::ToWaiters)
	{
		for (const WaitEdge &edge : nodes_[at].in)
			if (edge.lock != WaitedLock::Own && nodes_[edge.other_end].leads_on)
				add_to_walk(edge.other_end);
		return;
	}
	if (direction == Direction::ToBlockers && !nodes_[at].leads_on)
		return;
	for (const WaitEdge &edge : nodes_[at].out)
		if (edge.lock != WaitedLock::Own)
			add_to_walk(edge.other_end);
}

Blocking
blocking_in(WaitGraph &graph, Instant read_at, SessionId session, const TrackingState &tracking)
{
	const TrackedBlocking &known = tracking.blocking;
	const WaitNode *node = graph.find(session.pid);
	const KeptWait *kept = graph.kept_by(session.pid);
	Blocking blocking{.is_known = true,
	                  .read_at = read_at,
	                  .is_root = node == nullptr || !node->waits,
	                  .known = KnownWait::Over,
	                  .waiters = 0,
	                  .waiter = 0,
	                  .stamp = unknown_time,
	                  .since = unknown_time};

	if (tracking.session == session && known.stamp != unknown_time)
		blocking.known = graph.state_of(known.waiter, known.stamp, session.pid);
	if (kept != nullptr)
	{
		blocking.waiter = kept->waiter;
		blocking.stamp = kept->stamp;
		blocking.since = kept->since;
	}
	return blocking;
}

} // namespace session_guard
