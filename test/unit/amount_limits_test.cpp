/*
 * The limits that measure something else than time: how far a session holds vacuum back, and how
 * much memory it uses.
 */
#include "core/decision.h"
#include "core/memory_sampling.h"

#include "unit/situation.h"

#include <gtest/gtest.h>

#include <map>
#include <tuple>
#include <utility>

namespace session_guard::test
{
namespace
{

constexpr std::uint32_t xid = 5000;
constexpr std::int64_t limit_of_xids = 1000;
constexpr std::int64_t megabyte = 1024 * 1024;

/* A session that was read, and is read again with a later next transaction. */
struct HorizonCourse
{
	TrackingState tracking{};
	Policy policy = PolicyBuilder().limit(Limit::HorizonAge, limit_of_xids);
	/* The snapshots that the guard knows to be kept: from which transaction on, and since when. */
	std::map<std::uint32_t, std::pair<std::uint32_t, Instant>> kept{};

	/* Nobody's transaction runs any more that is as old as its snapshot. */
	Decision
	read(Session session, Instant now)
	{
		Horizon &horizon = session.horizon;

		if (horizon.xmin != 0 && horizon.next != 0)
		{
			auto [entry, is_new] = kept.insert({horizon.xmin, std::pair(horizon.next, now)});
			std::tie(horizon.kept_from, horizon.kept_since) = entry->second;
		}
		return read_inherited(session, now);
	}
	/* One runs. */
	Decision
	read_inherited(const Session &session, Instant now)
	{
		observe(tracking, session, now);
		return decide(Limit::HorizonAge, session, tracking, policy, now);
	}
};

SessionBuilder
snapshot_keeper(std::uint32_t next)
{
	return SessionBuilder().idle_in_transaction(noon).holding_back(0, xid, next);
}

SessionBuilder
writer(std::uint32_t next)
{
	return SessionBuilder().idle_in_transaction(noon).holding_back(xid, xid, next);
}

TEST(HorizonAge, CountsAWriterFromItsTransaction)
{
	HorizonCourse course;

	expect_nothing(course.read(writer(xid + 1000), noon));
	/* It is read twice before it counts. */
	expect_wait_until(course.read(writer(xid + 1001), noon + second / 2), noon + second);
	Decision due = course.read(writer(xid + 1002), noon + second);
	expect_due(due, Action::Terminate);
	EXPECT_EQ(due.verdict.measured, 1002);
}

TEST(HorizonAge, CountsASnapshotFromTheReadingThatFoundIt)
{
	HorizonCourse course;

	/* However old it was then: whose transaction that was is not known. */
	expect_nothing(course.read(snapshot_keeper(xid + 100000), noon));
	expect_nothing(course.read(snapshot_keeper(xid + 101000), noon + minute));
	Decision due = course.read(snapshot_keeper(xid + 101001), noon + 2 * minute);
	expect_due(due, Action::Terminate);
	EXPECT_EQ(due.verdict.measured, 1001);
}

TEST(HorizonAge, OfASnapshotThatWasThereBeforeTheLimitCountsFromTheFirstReadingForIt)
{
	HorizonCourse course;

	/* Nobody has asked for the next ID yet. */
	(void)course.read(snapshot_keeper(0), noon);
	expect_nothing(course.read(snapshot_keeper(xid + 100000), noon + minute));
	expect_due(course.read(snapshot_keeper(xid + 101001), noon + 2 * minute), Action::Terminate);
}

TEST(HorizonAge, OfAnotherTransactionThatStillRunsDoesNotCount)
{
	HorizonCourse course;
	Session inherited = snapshot_keeper(xid + 100000);

	(void)course.read_inherited(inherited, noon);
	inherited.horizon.next = xid + 200000;
	expect_nothing(course.read_inherited(inherited, noon + minute));
	/* From the reading that finds that it has ended, it does. */
	expect_nothing(course.read(snapshot_keeper(xid + 201000), noon + 2 * minute));
	expect_nothing(course.read(snapshot_keeper(xid + 202000), noon + 3 * minute));
	expect_due(course.read(snapshot_keeper(xid + 202001), noon + 4 * minute), Action::Terminate);
}

TEST(HorizonAge, OfTheNextSnapshotBeginsAnew)
{
	HorizonCourse course;

	(void)course.read(snapshot_keeper(xid), noon);
	Session next = SessionBuilder()
	                   .idle_in_transaction(noon)
	                   .holding_back(0, xid + 1, xid + 5000)
	                   .with_transaction_id(18);
	expect_nothing(course.read(next, noon + minute));
	next.horizon.xmin = xid + 2;
	next.horizon.next = xid + 10000;
	expect_nothing(course.read(next, noon + 2 * minute));
}

TEST(HorizonAge, OfTheNextTransactionBeginsAnew)
{
	HorizonCourse course;

	(void)course.read(writer(xid + 100), noon);
	Session next = SessionBuilder()
	                   .idle_in_transaction(noon)
	                   .holding_back(xid + 500, xid + 500, xid + 1500)
	                   .with_transaction_id(18);
	expect_nothing(course.read(next, noon + minute));
	next.horizon.next = xid + 1501;
	expect_due(course.read(next, noon + 2 * minute), Action::Terminate);
}

TEST(HorizonAge, ComesRoundWithTheIds)
{
	HorizonCourse course;
	Session before = SessionBuilder().idle_in_transaction(noon).holding_back(
	    4294967000U, 4294967000U, 4294967290U);
	Session after = before;

	after.horizon.next = 900;
	expect_nothing(course.read(before, noon));
	Decision due = course.read(after, noon + minute);
	expect_due(due, Action::Terminate);
	EXPECT_EQ(due.verdict.measured, 1196);
}

TEST(HorizonAge, CancelsWhatRunsAndSparesMaintenance)
{
	HorizonCourse course;
	Session running = SessionBuilder().running(noon).holding_back(xid, xid, xid + 2000);

	(void)course.read(running, noon);
	expect_due(course.read(running, noon + minute), Action::Cancel);
	Session building =
	    SessionBuilder().running(noon).maintaining().holding_back(xid, xid, xid + 2000);
	expect_spared(course.read(building, noon + minute), Spared::Maintenance);
}

/* By its own transaction, it is no matter who else has as old a snapshot. */
TEST(HorizonAge, SparesWhoseEndWouldFreeNothing)
{
	HorizonCourse course;
	Session by_own = writer(xid + 2000);
	Session by_snapshot = snapshot_keeper(xid + 2000);

	(void)course.read(writer(xid + 100), noon);
	by_own.horizon.snapshot_is_matched = true;
	expect_due(course.read(by_own, noon + minute), Action::Terminate);
	by_own.horizon.own_is_exceeded = true;
	expect_spared(course.read(by_own, noon + minute), Spared::HorizonHeldElsewhere);

	HorizonCourse other;
	(void)other.read(snapshot_keeper(xid + 100), noon);
	by_snapshot.horizon.own_is_exceeded = true;
	expect_due(other.read(by_snapshot, noon + minute), Action::Terminate);
	by_snapshot.horizon.snapshot_is_matched = true;
	expect_spared(other.read(by_snapshot, noon + minute), Spared::HorizonHeldElsewhere);
}

/* A writer that keeps an older snapshot, and somebody lasting between the two. */
TEST(HorizonAge, IsBySnapshotOrTransactionWhicheverNobodyElseHoldsBack)
{
	HorizonCourse course;
	auto both = [](std::uint32_t next)
	{ return SessionBuilder().idle_in_transaction(noon).holding_back(xid + 100, xid, next); };

	(void)course.read(both(xid + 300), noon);
	Session over = both(xid + 1200);
	over.horizon.own_is_exceeded = true;
	expect_nothing(course.read(over, noon + minute));
	over.horizon.next = xid + 1301;
	Decision due = course.read(over, noon + 2 * minute);
	expect_due(due, Action::Terminate);
	EXPECT_EQ(due.verdict.measured, 1001);
}

/* An older transaction of another one changes nothing about its own, however snapshots change. */
TEST(HorizonAge, OfAWriterCountsUnderAnOlderTransactionOfAnother)
{
	HorizonCourse course;

	for (std::uint32_t i = 0; i < 5; i++)
		(void)course.read_inherited(
		    SessionBuilder().running(noon + i).holding_back(xid, xid - 100 + i, xid + 900 + i),
		    noon + i * minute);
	Session over = SessionBuilder().running(noon + 9).holding_back(xid, xid - 1, xid + 1001);
	Decision due = course.read_inherited(over, noon + 9 * minute);
	expect_due(due, Action::Cancel);
	EXPECT_EQ(due.verdict.measured, 1001);
}

/* A snapshot that was exported by one session and taken over by another. */
TEST(HorizonAge, OfASnapshotThatIsHandedOnCountsFromWhenItWasFound)
{
	HorizonCourse course;

	(void)course.read(snapshot_keeper(xid + 10), noon);
	course.tracking = {};
	Session heir = snapshot_keeper(xid + 1011).with_transaction_id(99);
	Decision due = course.read(heir, noon + minute);
	expect_due(due, Action::Terminate);
	EXPECT_EQ(due.verdict.measured, 1001);
}

TEST(HorizonAge, IsNotKnownWhereTheOthersWereNotRead)
{
	HorizonCourse course;

	(void)course.read(writer(xid + 10), noon);
	expect_nothing(course.read(writer(0), noon + minute));
	/* That forgets nothing. */
	expect_due(course.read(writer(xid + 1001), noon + 2 * minute), Action::Terminate);
}

TEST(HorizonAge, OfWhoWaitsForALockIsNotItsFault)
{
	HorizonCourse course;
	auto waiter = [](std::uint32_t next)
	{ return SessionBuilder().running(noon).waiting_for_lock().holding_back(xid, xid, next); };
	auto at_work = [](std::uint32_t next)
	{ return SessionBuilder().running(noon).holding_back(xid, xid, next); };

	expect_nothing(course.read(at_work(xid + 100), noon));
	expect_nothing(course.read(waiter(xid + 600), noon + minute));
	expect_nothing(course.read(waiter(xid + 100000), noon + 2 * minute));
	/* Up to the reading that finds the wait over nothing of it counts; what was before does. */
	expect_nothing(course.read(at_work(xid + 199000), noon + 3 * minute));
	Session after = at_work(xid + 199401);
	Decision due = course.read(after, noon + 4 * minute);
	expect_due(due, Action::Cancel);
	EXPECT_EQ(due.verdict.measured, 1001);
	/* Whoever is over the limit already is spared while it waits. */
	expect_spared(course.read(waiter(xid + 199500), noon + 5 * minute), Spared::LockWait);
	course.policy.spare_lock_waiters = false;
	EXPECT_EQ(course.read(after, noon + 6 * minute).verdict.measured, 199401);
	expect_due(course.read(waiter(xid + 200000), noon + 7 * minute), Action::Cancel);
}

TEST(HorizonAge, OfASnapshotThatIsKeptWhileItWaitsIsNotItsFault)
{
	HorizonCourse course;

	(void)course.read(snapshot_keeper(xid + 1), noon);
	Session waiting = snapshot_keeper(xid + 900).waiting_for_lock();
	expect_nothing(course.read(waiting, noon + minute));
	expect_nothing(course.read(snapshot_keeper(xid + 90000), noon + 2 * minute));
	Decision due = course.read(snapshot_keeper(xid + 90102), noon + 3 * minute);
	expect_due(due, Action::Terminate);
	EXPECT_EQ(due.verdict.measured, 1001);
}

TEST(HorizonAge, OfWhoWaitedAtTheFirstReadingCountsFromTheEndOfThat)
{
	HorizonCourse course;
	Session waiting =
	    SessionBuilder().running(noon).waiting_for_lock().holding_back(xid, xid, xid + 50000);

	(void)course.read(waiting, noon);
	expect_nothing(course.read(writer(xid + 51000), noon + minute));
	expect_nothing(course.read(writer(xid + 52000), noon + 2 * minute));
	expect_due(course.read(writer(xid + 52001), noon + 3 * minute), Action::Terminate);
	/* The next transaction of the session has waited for nothing. */
	Session next = SessionBuilder()
	                   .idle_in_transaction(noon)
	                   .holding_back(xid + 60000, xid + 60000, xid + 61001)
	                   .with_transaction_id(18);
	(void)course.read(next, noon + 4 * minute);
	expect_due(course.read(next, noon + 5 * minute), Action::Terminate);
}

/* ---- Memory ---- */

struct MemoryCourse
{
	TrackingState tracking{};
	Policy policy = PolicyBuilder().limit(Limit::Memory, 100 * megabyte);

	Decision
	read(const Session &session, Instant now)
	{
		observe(tracking, session, now);
		observe_memory(tracking, session, 100 * megabyte, now);
		return decide(Limit::Memory, session, tracking, policy, now);
	}
};

Session
using_memory(std::int64_t megabytes)
{
	return SessionBuilder().running(noon).memory(megabytes * megabyte);
}

TEST(Memory, IsOverItsLimitBeyondItOnly)
{
	MemoryCourse course;

	EXPECT_EQ(course.read(using_memory(100), noon).outlook, Outlook::Wait);
	Decision due = course.read(SessionBuilder().running(noon).memory(100 * megabyte + 1), noon + 1);
	expect_due(due, Action::Cancel);
	EXPECT_EQ(due.verdict.measured, 100 * megabyte + 1);
	EXPECT_EQ(due.verdict.episode.start, noon + 1);
}

TEST(Memory, OfASessionAtWorkIsReadAgainWhenItMayBeOverItsLimit)
{
	MemoryCourse course;

	expect_wait_until(course.read(using_memory(40), noon), noon + 60 * megabyte / fastest_growth);
	expect_wait_until(course.read(using_memory(99), noon), noon + shortest_memory_pause);
	/* Idle, it does not grow. */
	expect_nothing(course.read(SessionBuilder().idle(noon).memory(99 * megabyte), noon));
}

/* As of a rule that only logs: its limit is the one by which memory is sampled. */
TEST(Memory, IsReadAgainWhenItMayBeOverItsLimitAlsoBeyondAStricterOne)
{
	MemoryCourse course;

	course.policy = PolicyBuilder().limit(Limit::Memory, 200 * megabyte);
	expect_wait_until(course.read(using_memory(150), noon), noon + 50 * megabyte / fastest_growth);
	expect_due(course.read(using_memory(201), noon + second), Action::Cancel);
}

TEST(Memory, OfAnIdleSessionOverItsLimitEndsIt)
{
	MemoryCourse course;

	expect_due(course.read(SessionBuilder().idle(noon).memory(101 * megabyte), noon),
	           Action::Terminate);
}

TEST(Memory, AfterACancelHasTimeToFall)
{
	MemoryCourse course;

	expect_due(course.read(using_memory(200), noon), Action::Cancel);
	note_cancel(course.tracking.escalation, noon, Limit::Memory, noon, noon);
	course.policy.cancel_grace = 100 * millisecond;
	Session after = SessionBuilder().idle(noon + 1).memory(150 * megabyte);
	expect_wait_until(course.read(after, noon + 150 * millisecond), noon + memory_falls_within + 1);
	expect_due(course.read(after, noon + memory_falls_within + 1), Action::Terminate);
	/* When it has, the next time is the first again. */
	expect_nothing(
	    course.read(SessionBuilder().idle(noon + 1).memory(50 * megabyte), noon + second));
	Session next = SessionBuilder().running(noon + 2 * second).memory(150 * megabyte);
	expect_due(course.read(next, noon + minute), Action::Cancel);
}

/* What goes on may take a gigabyte a second. */
TEST(Memory, AfterACancelHasASecondAtMost)
{
	MemoryCourse course;

	expect_due(course.read(using_memory(200), noon), Action::Cancel);
	note_cancel(course.tracking.escalation, noon - 1, Limit::Memory, noon, noon);
	Session same = SessionBuilder().running(noon - 1).memory(150 * megabyte);
	course.policy.cancel_grace = 10 * second;
	expect_wait_until(course.read(same, noon + millisecond), noon + longest_grace_for_memory + 1);
	expect_due(course.read(same, noon + longest_grace_for_memory + 1), Action::Terminate);
	course.policy.cancel_grace = 500 * millisecond;
	expect_wait_until(course.read(same, noon + millisecond), noon + 500 * millisecond + 1);
	/* Another statement is none that goes on. */
	Session next = SessionBuilder().running(noon + 1).memory(150 * megabyte);
	expect_wait_until(course.read(next, noon + 2), noon + memory_falls_within + 1);
	expect_due(course.read(next, noon + memory_falls_within + 1), Action::Terminate);
	course.policy.cancel_grace = 0;
	expect_nothing(course.read(same, noon + minute));
}

TEST(Memory, ThatCannotBeReadSpares)
{
	MemoryCourse course;
	Session hidden = SessionBuilder().running(noon).memory(memory_unreadable);

	expect_nothing(course.read(hidden, noon));
	EXPECT_EQ(spared_from(Limit::Memory, hidden, course.tracking, course.policy),
	          Spared::MemoryUnreadable);
}

TEST(Memory, IsWantedIfTheSessionCanHaveGrown)
{
	MemoryCourse course;
	Session running = using_memory(40);
	Session idle = SessionBuilder().idle(noon).memory(40 * megabyte);
	Instant next = noon + 60 * megabyte / fastest_growth;

	EXPECT_TRUE(wants_memory(running, course.tracking, course.policy, noon));
	(void)course.read(running, noon);
	EXPECT_FALSE(wants_memory(running, course.tracking, course.policy, next - 1));
	EXPECT_TRUE(wants_memory(running, course.tracking, course.policy, next));
	EXPECT_TRUE(wants_memory(idle, course.tracking, course.policy, noon + 1));
	(void)course.read(idle, noon + 1);
	/* A message may be arriving. */
	EXPECT_FALSE(wants_memory(idle, course.tracking, course.policy, noon + longest_memory_pause));
	EXPECT_TRUE(
	    wants_memory(idle, course.tracking, course.policy, noon + 1 + longest_memory_pause));
	EXPECT_FALSE(wants_memory(using_memory(1), TrackingState{}, PolicyBuilder(), noon));
}

TEST(Memory, IsWantedAgainByAnotherLimit)
{
	MemoryCourse course;
	Session idle = SessionBuilder().idle(noon).memory(40 * megabyte);

	(void)course.read(idle, noon);
	EXPECT_TRUE(wants_memory(idle, course.tracking,
	                         PolicyBuilder().limit(Limit::Memory, 20 * megabyte), noon + 1));
}

/* ---- Memory that is left for all ---- */

struct ShortageCourse
{
	TrackingState tracking{};
	Policy policy = PolicyBuilder().limit(Limit::AvailableMemory, 100 * megabyte);

	Decision
	read(const Session &session, Instant now)
	{
		observe(tracking, session, now);
		observe_memory(tracking, session, 0, now);
		return decide(Limit::AvailableMemory, session, tracking, policy, now);
	}
};

SessionBuilder
greatest(std::int64_t megabytes_left)
{
	return SessionBuilder()
	    .running(noon)
	    .memory(500 * megabyte)
	    .greatest_since(noon, megabytes_left * megabyte);
}

TEST(AvailableMemory, EndsTheGreatestWhileItIsTooLittle)
{
	ShortageCourse course;

	Decision due = course.read(greatest(99), noon);
	expect_due(due, Action::Cancel);
	EXPECT_EQ(due.verdict.measured, 99 * megabyte);
	EXPECT_EQ(due.verdict.used, 500 * megabyte);
	expect_nothing(course.read(greatest(100), noon));
	expect_due(course.read(SessionBuilder(greatest(0)).idle(noon), noon), Action::Terminate);
}

TEST(AvailableMemory, EndsNobodyElse)
{
	ShortageCourse course;
	Session other = greatest(0);

	other.shortage.is_greatest = false;
	expect_nothing(course.read(other, noon));
}

TEST(AvailableMemory, LeavesLittleTimeToACanceledStatement)
{
	ShortageCourse course;
	Duration grace = longest_grace_for_memory;

	(void)course.read(greatest(10), noon);
	note_cancel(course.tracking.escalation, noon, Limit::AvailableMemory, noon, noon);
	expect_wait_until(course.read(greatest(10), noon + 1), noon + grace + 1);
	expect_due(course.read(greatest(10), noon + grace + 1), Action::Terminate);
	/* But not less than memory needs to fall. */
	course.policy.cancel_grace = millisecond;
	expect_wait_until(course.read(greatest(10), noon + 1), noon + memory_falls_within + 1);
	/* And all of it where that is what it is set to. */
	course.policy.cancel_grace = 0;
	expect_nothing(course.read(greatest(10), noon + hour));
}

/* A shortage can last for hours, and a session that gave back its memory can be the greatest again.
 */
TEST(AvailableMemory, CancelsAnewWhoWasCanceledLongAgo)
{
	ShortageCourse course;
	Session next = greatest(10);

	(void)course.read(greatest(10), noon);
	note_cancel(course.tracking.escalation, noon, Limit::AvailableMemory, noon, noon);
	next.query_start = next.times.query_start = noon + second;
	expect_due(course.read(next, noon + 2 * second), Action::Terminate);
	expect_due(course.read(next, noon + harm_of_shortage_lasts + 1), Action::Cancel);
	EXPECT_EQ(course.read(next, noon + minute).verdict.since_cancel, 0);
}

TEST(AvailableMemory, IsLoggedOnceInAShortage)
{
	ShortageCourse course;

	course.policy.mode = Mode::Log;
	expect_due(course.read(greatest(10), noon), Action::Log);
	course.tracking.logged[index_of(Limit::AvailableMemory)] = noon;
	expect_nothing(course.read(greatest(10), noon + hour));
}

} // namespace
} // namespace session_guard::test
