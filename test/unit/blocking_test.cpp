/*
 * Who waits for whom, who is to blame for it, and the words for what became of them.
 */
#include "core/action.h"
#include "core/blocking.h"

#include "unit/builders.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <initializer_list>
#include <random>
#include <string>
#include <vector>

namespace session_guard::test
{
namespace
{

using Pids = std::vector<std::int32_t>;

constexpr std::int32_t a = 101;
constexpr std::int32_t b = 102;
constexpr std::int32_t c = 103;
constexpr std::int32_t d = 104;
constexpr std::int32_t bystander = 199;

WaitEdge
waits(std::int32_t waiter, std::int32_t blocker, Timestamp since = noon)
{
	return {.waiter = waiter,
	        .blocker = blocker,
	        .since = since,
	        .lock = WaitedLock::Ordinary,
	        .kind = WhoWaits::Session};
}

WaitEdge
of_kind(WaitedLock lock, WhoWaits kind, std::int32_t waiter, std::int32_t blocker)
{
	return {.waiter = waiter, .blocker = blocker, .since = noon, .lock = lock, .kind = kind};
}

/* A wait of maintenance: it holds up, but nobody is to blame. */
WaitEdge
waits_by_nobodys_fault(std::int32_t waiter, std::int32_t blocker, Timestamp since = noon)
{
	WaitEdge edge = waits(waiter, blocker, since);

	edge.kind = WhoWaits::Maintenance;
	return edge;
}

/* A graph and the edges that it stands on. */
class Waits
{
  public:
	Waits(std::initializer_list<WaitEdge> edges)
	    : by_waiter_(edges), by_blocker_(edges), graph_(by_waiter_, by_blocker_)
	{
	}
	explicit Waits(const std::vector<WaitEdge> &edges)
	    : by_waiter_(edges), by_blocker_(edges), graph_(by_waiter_, by_blocker_)
	{
	}
	/* The graph points into its own edges. */
	Waits(const Waits &) = delete;
	Waits &operator=(const Waits &) = delete;

	Pids
	blockers_of(std::int32_t waiter) const
	{
		Pids pids;

		for (const WaitEdge &edge : graph_.blockers_of(waiter))
		{
			EXPECT_EQ(edge.waiter, waiter);
			pids.push_back(edge.blocker);
		}
		return pids;
	}
	Pids
	waiters_of(std::int32_t blocker) const
	{
		Pids pids;

		for (const WaitEdge &edge : graph_.waiters_of(blocker))
		{
			EXPECT_EQ(edge.blocker, blocker);
			pids.push_back(edge.waiter);
		}
		return pids;
	}
	std::optional<Timestamp>
	blocking_since(std::int32_t blocker, Timestamp xact_start = beginning,
	               Advisory advisory = Advisory::Ignored) const
	{
		return graph_.blocking_since(blocker, xact_start, advisory);
	}

  private:
	std::vector<WaitEdge> by_waiter_;
	std::vector<WaitEdge> by_blocker_;
	WaitGraph graph_;
};

TEST(Waits, OfNoProcessMakeNoneBlocking)
{
	WaitGraph none;
	Waits empty{};

	EXPECT_TRUE(none.blockers_of(a).empty());
	EXPECT_TRUE(none.waiters_of(a).empty());
	EXPECT_EQ(none.blocking_since(a, beginning), std::nullopt);
	EXPECT_EQ(empty.blockers_of(a), Pids{});
	EXPECT_EQ(empty.waiters_of(a), Pids{});
	EXPECT_EQ(empty.blocking_since(a, beginning), std::nullopt);
}

TEST(Waits, AreKnownFromBothEnds)
{
	Waits waits_for{waits(a, b)};

	EXPECT_EQ(waits_for.blockers_of(a), Pids{b});
	EXPECT_EQ(waits_for.waiters_of(b), Pids{a});
	EXPECT_EQ(waits_for.blockers_of(b), Pids{});
	EXPECT_EQ(waits_for.waiters_of(a), Pids{});
}

TEST(Waits, OfOthersAreNobodyElses)
{
	Waits waits_for{waits(a, b), waits(c, d)};

	for (std::int32_t pid : {bystander, std::int32_t{1}, a - 1, d + 1})
	{
		EXPECT_EQ(waits_for.blockers_of(pid), Pids{});
		EXPECT_EQ(waits_for.waiters_of(pid), Pids{});
		EXPECT_EQ(waits_for.blocking_since(pid), std::nullopt);
	}
}

TEST(Waits, NameBlockersAndWaitersInOrder)
{
	std::vector<WaitEdge> edges{waits(c, b), waits(a, d), waits(c, d), waits(b, d),
	                            waits(a, c), waits(a, b), waits(c, a)};
	auto before = [](const WaitEdge &x, const WaitEdge &y)
	{ return std::pair(x.waiter, x.blocker) < std::pair(y.waiter, y.blocker); };

	std::ranges::sort(edges, before);
	do
	{
		Waits waits_for(edges);

		ASSERT_EQ(waits_for.blockers_of(a), (Pids{b, c, d}));
		ASSERT_EQ(waits_for.blockers_of(b), Pids{d});
		ASSERT_EQ(waits_for.blockers_of(c), (Pids{a, b, d}));
		ASSERT_EQ(waits_for.waiters_of(a), Pids{c});
		ASSERT_EQ(waits_for.waiters_of(b), (Pids{a, c}));
		ASSERT_EQ(waits_for.waiters_of(d), (Pids{a, b, c}));
	} while (std::ranges::next_permutation(edges, before).found);
}

TEST(Waits, OnTwoLocksOfOneProcessAreTwoEdges)
{
	Waits waits_for{waits(a, b, noon + second), waits(c, b), waits(a, b, noon)};

	EXPECT_EQ(waits_for.blockers_of(a), (Pids{b, b}));
	EXPECT_EQ(waits_for.waiters_of(b), (Pids{a, a, c}));
	EXPECT_EQ(waits_for.blocking_since(b), noon);
}

TEST(BlockingSince, TheWaitBegan)
{
	Waits waits_for{waits(a, b, noon)};

	EXPECT_EQ(waits_for.blocking_since(b), noon);
	EXPECT_EQ(waits_for.blocking_since(a), std::nullopt);
}

TEST(BlockingSince, TheOldestOfSeveralWaitsWhereverItIs)
{
	Timestamp oldest = noon - hour;

	for (std::int32_t first : {a, b, c})
	{
		Waits waits_for{waits(a, d, first == a ? oldest : noon),
		                waits(b, d, first == b ? oldest : noon + second),
		                waits(c, d, first == c ? oldest : noon + minute)};

		EXPECT_EQ(waits_for.blocking_since(d), oldest);
	}
}

TEST(BlockingSince, AWaitBeforeTheYear2000)
{
	Waits waits_for{waits(a, b, -hour), waits(c, b, noon)};

	EXPECT_EQ(waits_for.blocking_since(b), -hour);
}

/* a -> b -> c: a process that is blocked itself is no root. */
TEST(BlockingSince, IsKnownOfTheRootOfAChainOnly)
{
	Waits waits_for{waits(a, b, noon), waits(b, c, noon + second)};

	EXPECT_EQ(waits_for.blocking_since(a), std::nullopt);
	EXPECT_EQ(waits_for.blocking_since(b), std::nullopt);
	EXPECT_EQ(waits_for.blocking_since(c), noon + second);
}

/* The wait of a lasts longer, but a does not wait for c. */
TEST(BlockingSince, ItBlocksDirectly)
{
	Waits waits_for{waits(a, b, noon - hour), waits(b, c, noon), waits(d, c, noon + second)};

	EXPECT_EQ(waits_for.blocking_since(c), noon);
}

TEST(BlockingSince, IsKnownOfAllRoots)
{
	Waits waits_for{waits(a, b, noon), waits(a, c, noon), waits(d, c, noon - second)};

	EXPECT_EQ(waits_for.blocking_since(b), noon);
	EXPECT_EQ(waits_for.blocking_since(c), noon - second);
}

/* A holder, and who is ahead of the third in the queue for the same lock. */
TEST(BlockingSince, IsNoneForAProcessAheadInTheQueue)
{
	Waits waits_for{waits(b, a, noon), waits(c, b, noon + second)};

	EXPECT_EQ(waits_for.blocking_since(a), noon);
	EXPECT_EQ(waits_for.blocking_since(b), std::nullopt);
}

/* The server's deadlock detector ends a cycle; whoever hangs on it waits for that. */
TEST(BlockingSince, IsNoneInACycle)
{
	Waits waits_for{waits(a, b), waits(b, c), waits(c, a), waits(d, a)};

	for (std::int32_t pid : {a, b, c, d})
		EXPECT_EQ(waits_for.blocking_since(pid), std::nullopt);
}

TEST(BlockingSince, IsKnownOfARootThatACycleWaitsForToo)
{
	Waits waits_for{waits(a, b), waits(b, a), waits(b, d, noon + second)};

	EXPECT_EQ(waits_for.blocking_since(a), std::nullopt);
	EXPECT_EQ(waits_for.blocking_since(b), std::nullopt);
	EXPECT_EQ(waits_for.blocking_since(d), noon + second);
}

TEST(BlockingSince, IsNoneForAWaitThatDoesNotCount)
{
	Waits waits_for{waits_by_nobodys_fault(a, b), waits_by_nobodys_fault(c, b)};

	EXPECT_EQ(waits_for.blocking_since(b), std::nullopt);
	EXPECT_EQ(waits_for.waiters_of(b), (Pids{a, c}));
}

TEST(BlockingSince, IsTheOldestWaitThatCounts)
{
	Waits waits_for{waits_by_nobodys_fault(a, d, noon - hour), waits(b, d, noon),
	                waits_by_nobodys_fault(c, d, noon - minute)};

	EXPECT_EQ(waits_for.blocking_since(d), noon);
}

/* A process that waits for an advisory lock, or runs maintenance, is no root either. */
TEST(BlockingSince, IsNoneForABlockerThatWaitsForAnythingItself)
{
	Waits waits_for{waits(a, b, noon), waits_by_nobodys_fault(b, c, noon - hour)};

	EXPECT_EQ(waits_for.blocking_since(b), std::nullopt);
	EXPECT_EQ(waits_for.blocking_since(c), std::nullopt);
}

/* In the moment before the server notes when a wait began, it has lasted for no time. */
TEST(BlockingSince, IsNoneForAWaitOfUnknownStart)
{
	Waits waits_for{waits(a, b, unknown_time)};

	EXPECT_EQ(waits_for.blocking_since(b), std::nullopt);
	EXPECT_EQ(waits_for.waiters_of(b), Pids{a});
}

TEST(BlockingSince, TheOldestKnownStart)
{
	Waits waits_for{waits(a, d, unknown_time), waits(b, d, noon), waits(c, d, unknown_time)};

	EXPECT_EQ(waits_for.blocking_since(d), noon);
}

TEST(BlockingSince, IsNoneForABlockerThatWaitsSinceAnUnknownTime)
{
	Waits waits_for{waits(a, b, noon), waits(b, c, unknown_time)};

	EXPECT_EQ(waits_for.blocking_since(b), std::nullopt);
}

/* It has no process to end; but it is to blame, so that nobody ends in its place. */
TEST(BlockingSince, IsKnownOfAPreparedTransactionAtTheRoot)
{
	Waits waits_for{waits(a, prepared_transaction, noon), waits(b, a, noon + second)};

	EXPECT_EQ(waits_for.blockers_of(a), Pids{prepared_transaction});
	EXPECT_EQ(waits_for.waiters_of(prepared_transaction), Pids{a});
	EXPECT_EQ(waits_for.blocking_since(prepared_transaction), noon);
	EXPECT_EQ(waits_for.blocking_since(a), std::nullopt);
}

TEST(BlockingSince, IsKnownOfALivingRootBesideAPreparedTransaction)
{
	Waits waits_for{waits(a, prepared_transaction, noon - hour), waits(a, b, noon - hour),
	                waits(c, b, noon)};

	EXPECT_EQ(waits_for.blockers_of(a), (Pids{prepared_transaction, b}));
	EXPECT_EQ(waits_for.blocking_since(b), noon - hour);
}

TEST(BlockingSince, IsFoundAmongAThousandWaiters)
{
	std::vector<WaitEdge> edges;

	for (std::int32_t waiter = 2000; waiter > 1000; waiter--)
		edges.push_back(waits(waiter, waiter % 2 == 0 ? a : b, noon + waiter));
	Waits waits_for(edges);

	EXPECT_EQ(waits_for.waiters_of(a).size(), 500U);
	EXPECT_EQ(waits_for.waiters_of(b).size(), 500U);
	EXPECT_EQ(waits_for.blocking_since(a), noon + 1002);
	EXPECT_EQ(waits_for.blocking_since(b), noon + 1001);
	EXPECT_EQ(waits_for.blockers_of(1500), Pids{a});
}

TEST(Blocking, IsWhatTheOldestWaitThatCountsTells)
{
	std::vector<WaitEdge> edges{waits(a, d, noon + second), waits(b, d, noon),
	                            waits_by_nobodys_fault(c, d, noon - hour),
	                            of_kind(WaitedLock::Advisory, WhoWaits::Session, bystander, d)};
	edges.back().since = noon - day;
	std::vector<WaitEdge> by_blocker = edges;
	WaitGraph graph(edges, by_blocker);
	Clock clock{};

	Blocking of_d = blocking_in(graph, d, Advisory::Ignored, clock, noon + minute);
	EXPECT_TRUE(of_d.is_known);
	EXPECT_TRUE(of_d.is_root);
	EXPECT_EQ(of_d.waiters, 2);
	EXPECT_EQ(of_d.oldest_waiter, b);
	EXPECT_EQ(of_d.stamp, noon);
	EXPECT_EQ(of_d.since, noon);
	Blocking with_advisory = blocking_in(graph, d, Advisory::Counts, clock, noon + minute);
	EXPECT_EQ(with_advisory.waiters, 3);
	EXPECT_EQ(with_advisory.oldest_waiter, bystander);

	Blocking of_a = blocking_in(graph, a, Advisory::Ignored, clock, noon + minute);
	EXPECT_TRUE(of_a.is_known);
	EXPECT_FALSE(of_a.is_root);
	EXPECT_EQ(of_a.waiters, 0);
	EXPECT_EQ(of_a.since, unknown_time);
}

TEST(Waiters, OfAParallelQueryCountOnce)
{
	std::vector<WaitEdge> edges{waits(a, d), waits(a, d), waits(b, d), waits(b, d), waits(b, d)};
	std::vector<WaitEdge> by_blocker = edges;
	WaitGraph graph(edges, by_blocker);

	EXPECT_EQ(graph.count_waiters(d, Advisory::Ignored), 2);
	EXPECT_EQ(graph.count_waiters(a, Advisory::Ignored), 0);
}

TEST(Waiters, AreSharedByThoseWhoAreInTheWayOfOne)
{
	std::vector<WaitEdge> edges{waits(a, b), waits(a, c), waits(bystander, d),
	                            waits_by_nobodys_fault(bystander, c)};
	std::vector<WaitEdge> by_blocker = edges;
	WaitGraph graph(edges, by_blocker);

	EXPECT_TRUE(graph.share_waiter(b, c, Advisory::Ignored));
	EXPECT_TRUE(graph.share_waiter(c, b, Advisory::Ignored));
	EXPECT_FALSE(graph.share_waiter(b, d, Advisory::Ignored));
	EXPECT_FALSE(graph.share_waiter(c, d, Advisory::Ignored));
	EXPECT_FALSE(graph.share_waiter(a, b, Advisory::Ignored));
}

TEST(OutcomeName, IsTheWordThatSqlLogAndHistoryUse)
{
	EXPECT_EQ(name_of(Outcome::Canceled), "canceled");
	EXPECT_EQ(name_of(Outcome::Terminated), "terminated");
	EXPECT_EQ(name_of(Outcome::Signaled), "signaled");
	EXPECT_EQ(name_of(Outcome::Gone), "gone");
	EXPECT_EQ(name_of(Outcome::Raced), "raced");
	EXPECT_EQ(name_of(Outcome::Spared), "spared");
	EXPECT_EQ(name_of(Outcome::Denied), "denied");
	EXPECT_EQ(name_of(Outcome::Survived), "survived");
	EXPECT_EQ(name_of(Outcome::DryRun), "dry run");
}

TEST(OutcomeName, EndsWithANul)
{
	for (std::string_view name : outcome_names)
		EXPECT_EQ(std::string(name.data()), name);
}

/* ---- Who blocks one in the queue of a lock. ---- */

constexpr LockModes weak = 1U << 1;
constexpr LockModes medium = 1U << 2;
constexpr LockModes strong = 1U << 3;

/* Strong conflicts with all, medium with itself and strong. */
LockModes
conflicts_of(LockModes mode)
{
	return mode == strong ? weak | medium | strong : mode == medium ? medium | strong : strong;
}

LockWaiter
wants(std::int32_t leader, LockModes mode)
{
	return {.leader = leader, .wanted = mode, .conflicting = conflicts_of(mode)};
}

Pids
blockers(const std::vector<LockHolder> &holders, const std::vector<LockWaiter> &queue,
         std::size_t position)
{
	Pids pids;

	for_each_blocker(holders, queue, position,
	                 [&](std::int32_t leader, std::uint32_t) { pids.push_back(leader); });
	std::ranges::sort(pids);
	auto same = std::ranges::unique(pids);
	pids.erase(same.begin(), same.end());
	return pids;
}

TEST(Queue, IsHeldUpByHoldersOfWhatConflicts)
{
	std::vector<LockHolder> holders{{a, weak}, {b, weak | medium}, {bystander, 0}};

	EXPECT_EQ(blockers(holders, {wants(c, medium)}, 0), Pids{b});
	EXPECT_EQ(blockers(holders, {wants(c, strong)}, 0), (Pids{a, b}));
	EXPECT_EQ(blockers(holders, {wants(c, weak)}, 0), Pids{});
}

TEST(Queue, IsNotBlamedWhereAHolderIsInTheWay)
{
	std::vector<LockHolder> holders{{a, medium}};

	EXPECT_EQ(blockers(holders, {wants(b, strong), wants(c, medium)}, 1), Pids{a});
}

TEST(Queue, HoldsUpWhomNoHolderDoes)
{
	std::vector<LockHolder> holders{{a, weak}};
	std::vector<LockWaiter> queue{wants(b, strong), wants(c, weak), wants(d, medium)};

	EXPECT_EQ(blockers(holders, queue, 0), Pids{a});
	/* Whoever is behind is in nobody's way, nor is one that wants what does not conflict. */
	EXPECT_EQ(blockers(holders, queue, 1), Pids{b});
	EXPECT_EQ(blockers(holders, queue, 2), Pids{b});
}

TEST(Queue, CountsAsItStandsWhoeverCameLater)
{
	std::vector<LockHolder> holders{{a, weak}, {d, weak}};

	/* a has gone ahead of b, who waits for the end of its lock. */
	EXPECT_EQ(blockers(holders, {wants(a, strong), wants(b, strong), wants(c, weak)}, 2),
	          (Pids{a, b}));
}

TEST(Queue, IsNotHeldUpByTheSameParallelQuery)
{
	std::vector<LockHolder> holders{{a, strong}, {b, weak}};

	EXPECT_EQ(blockers(holders, {wants(a, weak)}, 0), Pids{});
	EXPECT_EQ(blockers(holders, {wants(a, strong), wants(a, strong)}, 1), Pids{b});
	EXPECT_EQ(blockers({}, {wants(a, strong), wants(a, strong)}, 1), Pids{});
}

TEST(Queue, NamesPreparedTransactions)
{
	EXPECT_EQ(blockers({{prepared_transaction, strong}, {a, weak}}, {wants(b, medium)}, 0),
	          Pids{prepared_transaction});
}

/*
 * One lock as the server has it, and what pg_blocking_pids() says of it
 * (lockfuncs.c), whether by a mode that is held or by the queue.
 */
struct Claim
{
	std::int32_t leader;
	LockModes held;
	/* 0 if it does not wait. */
	LockModes wanted;
	std::size_t position;
};

Pids
blocking_pids(const std::vector<Claim> &claims, const Claim &blocked, bool by_queue_too)
{
	Pids pids;

	for (const Claim &claim : claims)
	{
		if (claim.leader == blocked.leader)
			continue;
		bool by_hold = (claim.held & conflicts_of(blocked.wanted)) != 0;
		bool by_queue =
		    (claim.wanted & conflicts_of(blocked.wanted)) != 0 && claim.position < blocked.position;
		if (by_hold || (by_queue_too && by_queue))
			pids.push_back(claim.leader);
	}
	std::ranges::sort(pids);
	auto same = std::ranges::unique(pids);
	pids.erase(same.begin(), same.end());
	return pids;
}

TEST(Queue, AgreesWithTheServer)
{
	std::mt19937 random(12);
	int by_holders = 0;
	int by_queue = 0;
	int by_more_than_named = 0;
	auto up_to = [&](unsigned most) { return static_cast<unsigned>(random()) % (most + 1); };

	for (int i = 0; i < 20000; i++)
	{
		std::vector<Claim> claims;
		std::vector<std::size_t> order(up_to(7));

		for (unsigned held = up_to(4); held > 0; held--)
			claims.push_back({.leader = static_cast<std::int32_t>(100 + up_to(9)),
			                  .held = up_to(2) == 0 ? up_to(7) << 1 : weak,
			                  .wanted = 0,
			                  .position = 0});
		/* Some of those hold something, too. */
		for (std::size_t position = 0; position < order.size(); position++)
			claims.push_back({.leader = static_cast<std::int32_t>(100 + up_to(9)),
			                  .held = up_to(3) == 0 ? weak : 0,
			                  .wanted = 1U << (1 + up_to(2)),
			                  .position = position});
		/* The server lists the claims on a lock in no order of its own. */
		std::ranges::shuffle(claims, random);

		std::vector<LockHolder> holders;
		std::vector<LockWaiter> queue(order.size());
		for (const Claim &claim : claims)
		{
			if (claim.held != 0)
				holders.push_back({.leader = claim.leader, .held = claim.held});
			if (claim.wanted != 0)
				queue[claim.position] = wants(claim.leader, claim.wanted);
		}
		for (const Claim &claim : claims)
		{
			if (claim.wanted == 0)
				continue;
			Pids holding = blocking_pids(claims, claim, false);
			Pids all = blocking_pids(claims, claim, true);

			ASSERT_EQ(blockers(holders, queue, claim.position), holding.empty() ? all : holding)
			    << "case " << i;
			by_holders += holding.empty() ? 0 : 1;
			by_queue += holding.empty() && !all.empty() ? 1 : 0;
			by_more_than_named += !holding.empty() && all != holding ? 1 : 0;
		}
	}
	EXPECT_GT(by_holders, 1000);
	EXPECT_GT(by_queue, 1000);
	EXPECT_GT(by_more_than_named, 1000);
}

TEST(Blame, IsForOrdinaryLocksThatSessionsWaitFor)
{
	constexpr std::array locks{WaitedLock::Ordinary, WaitedLock::Advisory, WaitedLock::Snapshot,
	                           WaitedLock::Own};
	constexpr std::array kinds{WhoWaits::Session, WhoWaits::Maintenance, WhoWaits::NoSession};

	for (WaitedLock lock : locks)
		for (WhoWaits kind : kinds)
		{
			Waits waits_for{of_kind(lock, kind, a, b)};
			bool is_session = kind == WhoWaits::Session;
			bool is_advisory = lock == WaitedLock::Advisory;

			EXPECT_EQ(waits_for.blocking_since(b).has_value(),
			          is_session && lock == WaitedLock::Ordinary);
			EXPECT_EQ(waits_for.blocking_since(b, beginning, Advisory::Counts).has_value(),
			          is_session && (is_advisory || lock == WaitedLock::Ordinary));
		}
}

TEST(Blame, BeginsWithTheTransactionThatHoldsTheLock)
{
	Waits waits_for{waits(a, b, noon), waits(c, b, noon + second)};

	EXPECT_EQ(waits_for.blocking_since(b, noon - minute), noon);
	EXPECT_EQ(waits_for.blocking_since(b, noon + minute), noon + minute);
}

TEST(Blame, ForAnAdvisoryLockBeginsWithTheTransactionToo)
{
	Waits waits_for{of_kind(WaitedLock::Advisory, WhoWaits::Session, a, b),
	                waits(c, b, noon - hour)};

	EXPECT_EQ(waits_for.blocking_since(b, noon + minute, Advisory::Counts), noon + minute);
	EXPECT_EQ(waits_for.blocking_since(b, noon - minute, Advisory::Counts), noon - minute);
	EXPECT_EQ(waits_for.blocking_since(b, noon + minute), noon + minute);
	/* A process that waits is no root, even if it waits for an advisory lock that does not count.
	 */
	Waits chain{of_kind(WaitedLock::Advisory, WhoWaits::Session, b, c), waits(a, b)};
	EXPECT_EQ(chain.blocking_since(b), std::nullopt);
	EXPECT_EQ(chain.blocking_since(c), std::nullopt);
	EXPECT_EQ(chain.blocking_since(c, beginning, Advisory::Counts), noon);
}

} // namespace
} // namespace session_guard::test
