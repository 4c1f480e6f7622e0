/*
 * Which processes wait for which, directly and behind others, and who is at the root of it.
 *
 * The graph is made of the server's lock table, read at one moment (status/locks.h).
 *
 * A chain of waits is followed as long as each process in it waits for a lock that its
 * holder is to blame for.  Who is at its end and waits for nothing is a root, and keeps
 * all of them waiting.  If the chain ends otherwise, at a process that waits for an
 * advisory lock on purpose or for a snapshot, nobody is to blame.
 *
 * Waits of maintenance, and of what is no session, make nobody a blocker; but a session
 * that waits behind them does.
 */
#pragma once

#include "core/blocking.h"
#include "core/session.h"
#include "core/time.h"
#include "core/tracking_state.h"
#include "core/wall_clock.h"

#include <cstdint>
#include <optional>
#include <span>
#include <type_traits>
#include <utility>

namespace session_guard
{

/* A wait, and since when a process has been in the way of it at least. */
struct KeptWait
{
	std::int32_t waiter;
	/* When the waiter began to wait, as the server has stamped it. */
	Timestamp stamp;
	/*
	 * When the last of the waits began that lead from the waiter to the process: before that
	 * the process was not in its way, or at least not by those.  Its stamp, and that moment.
	 */
	Timestamp since_stamp;
	Instant since;
};
static_assert(std::is_trivially_destructible_v<KeptWait>);

/* A process that waits, or that others wait for. */
struct WaitNode
{
	std::int32_t pid;
	/* Of a prepared transaction, its ID; otherwise 0. */
	std::uint32_t prepared_xid;
	/* The edges to those that it waits for, and from those that wait for it. */
	std::span<WaitEdge> out;
	std::span<WaitEdge> in;
	/* Its own wait, the last one of a parallel query: when it began. */
	Timestamp stamp;
	Instant since;
	/* It waits for more than one of the server's own short locks. */
	bool waits;
	/* The holder of what it waits for is to blame. */
	bool leads_on;
	/* A session waits, so that there is somebody to blame for. */
	bool counts;
	/* Nobody will end what keeps this one waiting, whoever else may be in its way. */
	bool is_kept_anyway;
	/* What it has been in the way of for longest, if anything. */
	bool keeps_any;
	KeptWait kept;
	/* For walks over the graph. */
	std::uint32_t visit;
	std::uint32_t next;
	bool is_passed;
	bool is_reached;
	KeptWait reached;
};
static_assert(std::is_trivially_destructible_v<WaitNode>);

class WaitGraph
{
  public:
	WaitGraph() = default;
	/*
	 * Both spans of edges hold the same ones, in their orders (see sort_edges()).  There must be
	 * as many nodes, and places for their order, as count_processes() says.  All are filled and
	 * used here, and must outlive the graph.  "Behind" are edges to those who are ahead in a
	 * queue though a holder is in the way (for_each_ahead()).
	 */
	WaitGraph(std::span<WaitEdge> by_waiter, std::span<WaitEdge> by_blocker,
	          std::span<const WaitEdge> behind, std::span<WaitNode> nodes,
	          std::span<std::uint32_t> order, Advisory advisory, const Clock &clock, Instant now);

	/* The edges of one waiter: each names a process that blocks it. */
	std::span<const WaitEdge> blockers_of(std::int32_t waiter) const;
	/* The edges of one blocker: each names a process that it blocks. */
	std::span<const WaitEdge> waiters_of(std::int32_t blocker) const;

	/* A process, if it waits or others wait for it; of prepared transactions, any. */
	const WaitNode *find(std::int32_t pid) const;

	std::span<const WaitNode>
	processes() const
	{
		return nodes_;
	}

	/*
	 * What this process has been in the way of for longest, directly or behind others;
	 * nullptr if it keeps nobody waiting whose wait counts, or waits itself.
	 */
	const KeptWait *kept_by(std::int32_t pid) const;

	/*
	 * Since when a process has been in the way of that, but for no longer than it has been
	 * busy, in its transaction or idle outside of one: before that another process may have
	 * held the lock, even an advisory one.
	 */
	std::optional<Timestamp> blocking_since(std::int32_t pid, Timestamp busy_since) const;

	/*
	 * How many it keeps waiting, directly or behind others, whose waits count; without those that
	 * were left out.
	 */
	std::int32_t count_waiters(const WaitNode &root);

	/* Do both keep one process waiting, whose wait counts? */
	bool share_waiter(std::int32_t pid, std::int32_t other);

	/* Does that wait go on, and is this process in its way? */
	KnownWait state_of(std::int32_t waiter, Timestamp stamp, std::int32_t blocker);

	/* The roots that a process waits for in the end, each once, by their order. */
	template <typename Use>
	void
	for_each_root_above(std::int32_t waiter, Use use)
	{
		const WaitNode *node = find(waiter);

		if (node == nullptr)
			return;
		walk(index_of(*node), Direction::ToAnyBlockers,
		     [&](const WaitNode &above)
		     {
			     if (!above.waits)
				     use(above);
		     });
	}

	/*
	 * Leave out of account who waits for a root that nobody will end, or is behind one in a
	 * queue who does: the end of others would not help it.  What such a root itself keeps
	 * waiting is still counted.
	 */
	template <typename MayEnd>
	void
	leave_out_kept_anyway(MayEnd may_end)
	{
		for (WaitNode &node : nodes_)
			node.is_kept_anyway = !node.waits && node.keeps_any && !may_end(std::as_const(node));
		settle_without_kept_anyway();
	}

  private:
	/* Along the waits that somebody is to blame for, but for the last one. */
	enum class Direction : std::uint8_t
	{
		ToWaiters,
		ToBlockers,
		ToAnyBlockers,
	};

	std::uint32_t
	index_of(const WaitNode &node) const
	{
		return static_cast<std::uint32_t>(&node - nodes_.data());
	}

	WaitNode *find_process(std::int32_t pid, std::uint32_t prepared_xid) const;
	void describe(WaitNode &node, Advisory advisory, const Clock &clock, Instant now);
	void settle();
	void settle_without_kept_anyway();
	void keep_waiters_anyway();
	void pass(WaitNode &waiter);
	void reach_blockers(WaitNode &waiter, const KeptWait &kept);

	/* Visit all that wait for a process, or that it waits for, each once, without itself. */
	template <typename Visit>
	void
	walk(std::uint32_t from, Direction direction, Visit visit)
	{
		begin_walk();
		add_to_walk(from);
		for (std::uint32_t at = first_; at != nobody; at = nodes_[at].next)
		{
			if (at != from)
				visit(std::as_const(nodes_[at]));
			extend_walk(at, direction);
		}
	}
	void begin_walk();
	void add_to_walk(std::uint32_t index);
	void extend_walk(std::uint32_t at, Direction direction);

	static constexpr std::uint32_t nobody = UINT32_MAX;

	std::span<WaitEdge> by_waiter_;
	std::span<WaitEdge> by_blocker_;
	std::span<const WaitEdge> behind_;
	std::span<WaitNode> nodes_;
	std::span<std::uint32_t> order_;
	/* The number of the last walk, and its ends; the nodes between them are linked. */
	std::uint32_t walk_ = 0;
	std::uint32_t first_ = nobody;
	std::uint32_t last_ = nobody;
};
static_assert(std::is_trivially_destructible_v<WaitGraph>);

/* Put edges in their orders: by the waiter and then the blocker, and the other way round. */
void sort_edges(std::span<WaitEdge> by_waiter, std::span<WaitEdge> by_blocker);

/* How many processes there are at the ends of edges that are in their orders. */
std::size_t count_processes(std::span<WaitEdge> by_waiter, std::span<WaitEdge> by_blocker);

/*
 * How a session stands in the way of others, by a graph that was read then, and what has become
 * of the wait that is tracked.
 */
Blocking blocking_in(WaitGraph &graph, Instant read_at, SessionId session,
                     const TrackingState &tracking);

} // namespace session_guard
