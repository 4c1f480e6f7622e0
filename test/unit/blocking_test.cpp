/*
 * Who waits for whom, who is to blame for it, and the words for what became of them.
 */
#include "core/action.h"
#include "core/wait_graph.h"

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

/* A graph and the memory that it stands on. */
class Waits
{
  public:
	Waits(std::initializer_list<WaitEdge> edges, Advisory advisory = Advisory::Ignored)
	    : Waits(std::vector<WaitEdge>(edges), advisory)
	{
	}
	explicit Waits(const std::vector<WaitEdge> &edges, Advisory advisory = Advisory::Ignored,
	               const std::vector<WaitEdge> &behind = {})
	    : by_waiter_(edges), by_blocker_(edges), behind_(behind)
	{
		sort_edges(by_waiter_, by_blocker_);
		nodes_.resize(count_processes(by_waiter_, by_blocker_));
		order_.resize(nodes_.size());
		graph_ =
		    WaitGraph(by_waiter_, by_blocker_, behind_, nodes_, order_, advisory, Clock{}, now);
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
	Pids
	roots_above(std::int32_t waiter)
	{
		Pids pids;

		graph_.for_each_root_above(waiter, [&](const WaitNode &root) { pids.push_back(root.pid); });
		std::ranges::sort(pids);
		return pids;
	}
	std::optional<Timestamp>
	blocking_since(std::int32_t blocker, Timestamp xact_start = beginning) const
	{
		return graph_.blocking_since(blocker, xact_start);
	}
	/* Whose wait it has been in the way of for longest; 0 if of nobody's. */
	std::int32_t
	keeps(std::int32_t blocker) const
	{
		const KeptWait *kept = graph_.kept_by(blocker);

		return kept != nullptr ? kept->waiter : 0;
	}
	std::int32_t
	count_waiters(std::int32_t blocker)
	{
		const WaitNode *node = graph_.find(blocker);

		return node != nullptr ? graph_.count_waiters(*node) : 0;
	}
	/* Nobody will end these roots. */
	void
	leave_out(const Pids &not_to_end)
	{
		graph_.leave_out_kept_anyway(
		    [&](const WaitNode &root)
		    { return std::ranges::find(not_to_end, root.pid) == not_to_end.end(); });
	}
	Blocking
	blocking(std::int32_t pid, std::int32_t known_waiter = 0, Timestamp known = unknown_time)
	{
		SessionId session{.pid = pid, .backend_start = noon};
		TrackingState tracking{};

		tracking.session = session;
		tracking.blocking.waiter = known_waiter;
		tracking.blocking.stamp = known;
		return blocking_in(graph_, now, session, tracking);
	}
	bool
	share_waiter(std::int32_t one, std::int32_t other)
	{
		return graph_.share_waiter(one, other);
	}

	static constexpr Instant now = noon + day;

  private:
	std::vector<WaitEdge> by_waiter_;
	std::vector<WaitEdge> by_blocker_;
	std::vector<WaitEdge> behind_;
	std::vector<WaitNode> nodes_;
	std::vector<std::uint32_t> order_;
	WaitGraph graph_;
};

TEST(Waits, OfNoProcessMakeNoneBlocking)
{
	WaitGraph none;
	Waits empty{};

	EXPECT_TRUE(none.blockers_of(a).empty());
	EXPECT_TRUE(none.waiters_of(a).empty());
	EXPECT_EQ(none.kept_by(a), nullptr);
	EXPECT_EQ(empty.blockers_of(a), Pids{});
	EXPECT_EQ(empty.waiters_of(a), Pids{});
	EXPECT_EQ(empty.blocking_since(a), std::nullopt);
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

/* Two processes of a parallel query wait: it is kept waiting since the second does. */
TEST(Waits, OnTwoLocksOfOneProcessAreTwoEdges)
{
	Waits waits_for{waits(a, b, noon + second), waits(c, b, noon + minute), waits(a, b, noon)};

	EXPECT_EQ(waits_for.blockers_of(a), (Pids{b, b}));
	EXPECT_EQ(waits_for.waiters_of(b), (Pids{a, a, c}));
	EXPECT_EQ(waits_for.blocking_since(b), noon + second);
	EXPECT_EQ(waits_for.count_waiters(b), 2);
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

/* The wait of a lasts longer, but c has been in its way only since b waits. */
TEST(BlockingSince, ItIsInTheWayOfThoseBehindFromThenOn)
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

/* Behind a CREATE INDEX that waits: that is nobody's fault, but a would go on if c did. */
TEST(BlockingSince, WhatWaitsBehindMaintenanceBegan)
{
	Waits waits_for{waits(a, b, noon), waits_by_nobodys_fault(b, c, noon - hour)};
	Waits later{waits(a, b, noon), waits_by_nobodys_fault(b, c, noon + second)};

	EXPECT_EQ(waits_for.blocking_since(b), std::nullopt);
	EXPECT_EQ(waits_for.blocking_since(c), noon);
	EXPECT_EQ(waits_for.keeps(c), a);
	EXPECT_EQ(waits_for.count_waiters(c), 1);
	EXPECT_EQ(later.blocking_since(c), noon + second);
	EXPECT_EQ(later.keeps(c), a);
}

TEST(BlockingSince, WhatWaitsBehindALongQueueOfMaintenanceBegan)
{
	Waits waits_for{waits_by_nobodys_fault(a, b, noon - second),
	                waits_by_nobodys_fault(b, c, noon - minute),
	                waits_by_nobodys_fault(c, d, noon - hour), waits(bystander, a, noon)};

	EXPECT_EQ(waits_for.blocking_since(d), noon);
	EXPECT_EQ(waits_for.keeps(d), bystander);
}

/* Where nobody is to blame the chain ends: not b, which waits, nor whom it waits for. */
TEST(BlockingSince, IsNoneBeyondAWaitThatNobodyIsToBlameFor)
{
	for (WaitedLock lock : {WaitedLock::Advisory, WaitedLock::Snapshot})
	{
		Waits waits_for{waits(a, b), of_kind(lock, WhoWaits::Session, b, c)};

		EXPECT_EQ(waits_for.blocking_since(b), std::nullopt);
		EXPECT_EQ(waits_for.blocking_since(c), std::nullopt);
		EXPECT_EQ(waits_for.roots_above(a), Pids{c});
	}
	Waits counted({waits(a, b), of_kind(WaitedLock::Advisory, WhoWaits::Session, b, c)},
	              Advisory::Counts);
	EXPECT_EQ(counted.blocking_since(c), noon);
}

/* The server's own locks are held for a moment, whatever else happens. */
TEST(BlockingSince, IsKnownOfWhoWaitsForALockOfTheServer)
{
	Waits waits_for{waits(a, b), of_kind(WaitedLock::Own, WhoWaits::Session, b, c)};

	EXPECT_EQ(waits_for.blocking_since(b), noon);
	EXPECT_EQ(waits_for.blocking_since(c), std::nullopt);
	EXPECT_EQ(waits_for.roots_above(a), Pids{b});
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
	Waits waits_for(edges);
	Waits with_advisory(edges, Advisory::Counts);

	Blocking of_d = waits_for.blocking(d);
	EXPECT_TRUE(of_d.is_known);
	EXPECT_TRUE(of_d.is_root);
	EXPECT_EQ(of_d.waiter, b);
	EXPECT_EQ(of_d.stamp, noon);
	EXPECT_EQ(of_d.since, noon);
	EXPECT_EQ(waits_for.count_waiters(d), 2);
	EXPECT_EQ(with_advisory.count_waiters(d), 3);
	EXPECT_EQ(with_advisory.keeps(d), bystander);

	Blocking of_a = waits_for.blocking(a);
	EXPECT_TRUE(of_a.is_known);
	EXPECT_FALSE(of_a.is_root);
	EXPECT_EQ(of_a.stamp, unknown_time);
	EXPECT_TRUE(waits_for.blocking(1).is_root);
}

/* What waits again and again is known by who has waited behind it all the time. */
TEST(Blocking, IsOfWhoHasWaitedForLongestAmongThoseWhoWaitBehindOne)
{
	Waits waits_for{waits(a, b, noon), waits(b, c, noon + minute)};

	EXPECT_EQ(waits_for.keeps(c), a);
	EXPECT_EQ(waits_for.blocking(c).stamp, noon);
	EXPECT_EQ(waits_for.blocking(c).since, noon + minute);
}

TEST(Blocking, SaysWhatHasBecomeOfAWait)
{
	Waits waits_for{waits(a, b, noon), waits(b, c, noon + minute), waits(bystander, d)};

	EXPECT_EQ(waits_for.blocking(c, a, noon).known, KnownWait::ForThisOne);
	EXPECT_EQ(waits_for.blocking(b, a, noon).known, KnownWait::ForThisOne);
	EXPECT_EQ(waits_for.blocking(d, a, noon).known, KnownWait::ForAnother);
	EXPECT_EQ(waits_for.blocking(c, bystander, noon).known, KnownWait::ForAnother);
	EXPECT_EQ(waits_for.blocking(c, a, noon - second).known, KnownWait::Over);
	EXPECT_EQ(waits_for.blocking(c, c, noon).known, KnownWait::Over);
	EXPECT_EQ(waits_for.blocking(c, 1, noon).known, KnownWait::Over);
	EXPECT_EQ(waits_for.blocking(c).known, KnownWait::Over);
}

TEST(Waiters, OfAParallelQueryCountOnce)
{
	Waits waits_for{waits(a, d), waits(a, d), waits(b, d), waits(b, d), waits(b, d)};

	EXPECT_EQ(waits_for.count_waiters(d), 2);
	EXPECT_EQ(waits_for.count_waiters(a), 0);
}

TEST(Waiters, BehindOthersCountOnceHoweverTheyComeThere)
{
	Waits waits_for{waits(a, b), waits(a, c), waits(b, d), waits(c, d), waits(bystander, a)};

	EXPECT_EQ(waits_for.count_waiters(d), 4);
	EXPECT_EQ(waits_for.count_waiters(c), 2);
}

TEST(Waiters, AreSharedByThoseWhoAreInTheWayOfOne)
{
	Waits waits_for{waits(a, b), waits(a, c), waits(bystander, d),
	                waits_by_nobodys_fault(bystander, c)};

	EXPECT_TRUE(waits_for.share_waiter(b, c));
	EXPECT_TRUE(waits_for.share_waiter(c, b));
	EXPECT_FALSE(waits_for.share_waiter(b, d));
	EXPECT_FALSE(waits_for.share_waiter(c, d));
	EXPECT_FALSE(waits_for.share_waiter(a, b));
	EXPECT_FALSE(waits_for.share_waiter(b, 1));
}

TEST(Waiters, AreSharedAlsoBehindOthers)
{
	Waits waits_for{waits(a, b), waits(b, d), waits(a, c)};

	EXPECT_TRUE(waits_for.share_waiter(c, d));
}

TEST(Roots, AreThoseThatAWaitIsForInTheEnd)
{
	Waits waits_for{waits(a, b), waits(b, c), waits(a, prepared_transaction), waits(bystander, d)};

	EXPECT_EQ(waits_for.roots_above(a), (Pids{prepared_transaction, c}));
	EXPECT_EQ(waits_for.roots_above(b), Pids{c});
	EXPECT_EQ(waits_for.roots_above(c), Pids{});
	EXPECT_EQ(waits_for.roots_above(1), Pids{});
}

/* ---- Who waits for something that nobody will end. ---- */

TEST(KeptAnyway, NobodyEndsForAWaitThatWouldGoOn)
{
	Waits waits_for{waits(a, b, noon), waits(a, c, noon)};

	waits_for.leave_out({c});
	EXPECT_EQ(waits_for.blocking_since(b), std::nullopt);
	/* That one is named. */
	EXPECT_EQ(waits_for.blocking_since(c), noon);
	EXPECT_EQ(waits_for.blocking(b, a, noon).known, KnownWait::ForAnother);
	EXPECT_EQ(waits_for.blocking(c, a, noon).known, KnownWait::ForThisOne);
}

TEST(KeptAnyway, AnotherWaiterCountsInItsPlace)
{
	Waits waits_for{waits(a, b, noon), waits(a, c, noon), waits(d, b, noon + second)};

	waits_for.leave_out({c});
	EXPECT_EQ(waits_for.blocking_since(b), noon + second);
	EXPECT_EQ(waits_for.keeps(b), d);
}

TEST(KeptAnyway, IsWhoWaitsBehindSuchAWait)
{
	Waits waits_for{waits(a, b, noon), waits(b, c, noon), waits(a, d, noon)};

	waits_for.leave_out({c});
	EXPECT_EQ(waits_for.blocking_since(d), std::nullopt);
	EXPECT_EQ(waits_for.blocking_since(c), noon);
}

TEST(KeptAnyway, IsWhoWaitsForAPreparedTransactionToo)
{
	std::vector<WaitEdge> edges{waits(a, prepared_transaction), waits(a, b),
	                            waits(c, prepared_transaction), waits(c, b)};
	edges[0].prepared_xid = 700;
	edges[2].prepared_xid = 701;
	Waits waits_for(edges);

	waits_for.leave_out({prepared_transaction});
	EXPECT_EQ(waits_for.blocking_since(b), std::nullopt);
}

/* Any role could shield others by waiting for an advisory lock of its own. */
TEST(KeptAnyway, IsNobodyBehindOneThatWaitsForNobodysFault)
{
	Waits waits_for{waits(a, b, noon), waits(a, d, noon),
	                of_kind(WaitedLock::Advisory, WhoWaits::Session, b, c)};

	waits_for.leave_out({});
	EXPECT_EQ(waits_for.blocking_since(d), noon);
}

/* A waits for b, and then for c, which is ahead of it in the queue and waits for d. */
TEST(KeptAnyway, IsWhoIsBehindSuchAWaitInTheQueue)
{
	std::vector<WaitEdge> edges{waits(a, b, noon), waits(c, d, noon), waits(bystander, a, noon)};
	std::vector<WaitEdge> behind{waits(a, c, noon)};
	Waits waits_for(edges, Advisory::Ignored, behind);

	EXPECT_EQ(waits_for.blocking_since(b), noon);
	EXPECT_EQ(waits_for.count_waiters(b), 2);
	EXPECT_EQ(waits_for.blockers_of(a), Pids{b});
	waits_for.leave_out({d});
	EXPECT_EQ(waits_for.blocking_since(b), std::nullopt);
	EXPECT_EQ(waits_for.blocking_since(d), noon);
}

TEST(Waiters, ThatWouldGoOnWaitingAreNotCountedForOthers)
{
	Waits waits_for{waits(a, b, noon), waits(a, d, noon), waits(c, b, noon)};

	EXPECT_EQ(waits_for.count_waiters(b), 2);
	waits_for.leave_out({d});
	EXPECT_EQ(waits_for.count_waiters(b), 1);
	EXPECT_EQ(waits_for.count_waiters(d), 1);
}

/* ---- Random graphs, against what each definition says. ---- */

/* All processes that can be reached from one, by waits that somebody is to blame for. */
Pids
reachable(const std::vector<WaitEdge> &edges, std::int32_t from, Timestamp no_later_than = never)
{
	Pids found{from};

	for (std::size_t i = 0; i < found.size(); i++)
		for (const WaitEdge &edge : edges)
			if (edge.waiter == found[i] && edge.since <= no_later_than &&
			    blames_holder(edge.lock, Advisory::Ignored) &&
			    std::ranges::find(found, edge.blocker) == found.end())
				found.push_back(edge.blocker);
	found.erase(found.begin());
	return found;
}

bool
has(const Pids &pids, std::int32_t pid)
{
	return std::ranges::find(pids, pid) != pids.end();
}

TEST(RandomWaits, AreFollowedToTheRoots)
{
	std::mt19937 random(20261127);
	auto below = [&](int bound)
	{ return static_cast<int>(random() % static_cast<unsigned>(bound)); };
	constexpr int processes = 9;
	int found_behind = 0;
	int found_kept_anyway = 0;

	for (int round = 0; round < 3000; round++)
	{
		std::vector<WaitEdge> edges;
		for (std::int32_t waiter = 1; waiter <= processes; waiter++)
		{
			int blockers = below(3);
			WaitedLock lock = below(6) == 0 ? WaitedLock::Advisory : WaitedLock::Ordinary;
			WhoWaits kind = below(3) == 0 ? WhoWaits::Maintenance : WhoWaits::Session;
			Timestamp since = noon + 1000 * below(20) + waiter;

			for (int i = 0; i < blockers; i++)
			{
				std::int32_t blocker = 1 + below(processes);
				bool is_double = std::ranges::any_of(
				    edges, [&](const WaitEdge &edge)
				    { return edge.waiter == waiter && edge.blocker == blocker; });
				if (blocker != waiter && !is_double)
					edges.push_back({.waiter = waiter,
					                 .blocker = blocker,
					                 .since = since,
					                 .lock = lock,
					                 .kind = kind});
			}
		}
		auto edge_of = [&](std::int32_t waiter)
		{
			auto edge = std::ranges::find(edges, waiter, &WaitEdge::waiter);
			return edge == edges.end() ? nullptr : &*edge;
		};
		Pids not_to_end;
		for (std::int32_t pid = 1; pid <= processes; pid++)
			if (below(5) == 0)
				not_to_end.push_back(pid);
		auto is_dead_end = [&](std::int32_t pid)
		{ return edge_of(pid) != nullptr && edge_of(pid)->lock == WaitedLock::Advisory; };

		for (bool leaves_out : {false, true})
		{
			Waits waits_for(edges);
			if (leaves_out)
				waits_for.leave_out(not_to_end);
			for (std::int32_t blocker = 1; blocker <= processes; blocker++)
			{
				if (edge_of(blocker) != nullptr)
				{
					ASSERT_EQ(waits_for.blocking_since(blocker), std::nullopt);
					continue;
				}
				std::optional<Timestamp> expected;
				std::int32_t count = 0;
				for (std::int32_t waiter = 1; waiter <= processes; waiter++)
				{
					const WaitEdge *edge = edge_of(waiter);
					Pids above = reachable(edges, waiter);

					if (edge == nullptr || edge->kind != WhoWaits::Session || is_dead_end(waiter) ||
					    !has(above, blocker))
						continue;
					bool is_kept_anyway =
					    leaves_out && !has(not_to_end, blocker) &&
					    std::ranges::any_of(
					        above, [&](std::int32_t pid)
					        { return edge_of(pid) == nullptr && has(not_to_end, pid); });
					found_kept_anyway += is_kept_anyway ? 1 : 0;
					if (is_kept_anyway)
						continue;
					count++;
					/* The earliest moment by which waits lead from one to the other. */
					for (const WaitEdge &last : edges)
						if (last.since >= edge->since &&
						    has(reachable(edges, waiter, last.since), blocker))
						{
							found_behind += last.since > edge->since ? 1 : 0;
							expected = std::min(expected.value_or(never), last.since);
						}
				}
				ASSERT_EQ(waits_for.blocking_since(blocker), expected) << "round " << round;
				ASSERT_EQ(waits_for.count_waiters(blocker), count) << "round " << round;
			}
		}
	}
	EXPECT_GT(found_behind, 1000);
	EXPECT_GT(found_kept_anyway, 500);
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
			Waits with_advisory({of_kind(lock, kind, a, b)}, Advisory::Counts);
			bool is_session = kind == WhoWaits::Session;
			bool is_advisory = lock == WaitedLock::Advisory;

			EXPECT_EQ(waits_for.blocking_since(b).has_value(),
			          is_session && lock == WaitedLock::Ordinary);
			EXPECT_EQ(with_advisory.blocking_since(b).has_value(),
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
	Waits waits_for(
	    {of_kind(WaitedLock::Advisory, WhoWaits::Session, a, b), waits(c, b, noon - hour)},
	    Advisory::Counts);

	EXPECT_EQ(waits_for.blocking_since(b, noon + minute), noon + minute);
	EXPECT_EQ(waits_for.blocking_since(b, noon - minute), noon - minute);
}

} // namespace
} // namespace session_guard::test
