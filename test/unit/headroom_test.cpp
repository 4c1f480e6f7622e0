/*
 * Room for new connections: how many are to be free, who goes if fewer are, and in which order.
 */
#include "core/headroom.h"

#include "core/decision.h"
#include "core/stillness.h"

#include "unit/builders.h"

#include <gtest/gtest.h>

#include <vector>

namespace session_guard::test
{
namespace
{

/* ---- How many ---- */

TEST(ConnectionsToKeepFree, AreThoseThatAreWantedButHalfOfAllAtMost)
{
	EXPECT_EQ(connections_to_keep_free(3, 97), 3);
	EXPECT_EQ(connections_to_keep_free(3, 7), 3);
	EXPECT_EQ(connections_to_keep_free(4, 7), 3);
	EXPECT_EQ(connections_to_keep_free(100, 97), 48);
	EXPECT_EQ(connections_to_keep_free(0, 97), 0);
}

TEST(ConnectionsToKeepFree, AreNoneWhereThereAreNone)
{
	for (int all : {1, 0, -3})
		EXPECT_EQ(connections_to_keep_free(1, all), 0);
}

TEST(FreeConnections, CountWhoWaitsOnlyBeyondThoseThatAreToBeFree)
{
	EXPECT_EQ(free_connections(7, 5, 0, 2), 2);
	EXPECT_EQ(free_connections(7, 7, 2, 2), 0);
	EXPECT_EQ(free_connections(7, 7, 5, 2), -3);
	EXPECT_EQ(free_connections(7, 9, 0, 2), -2);
}

/* ---- Who ---- */

IdleSession
idle_since(Instant since, std::int32_t pid)
{
	return {.session = {.pid = pid, .backend_start = noon}, .slot = pid, .since = since};
}

std::vector<int>
pids(const LongestIdle &longest)
{
	std::vector<int> pids;

	for (const IdleSession &one : longest.chosen())
		pids.push_back(one.session.pid);
	return pids;
}

LongestIdle
longest_of(int wanted, std::vector<IdleSession> sessions)
{
	LongestIdle longest(wanted);

	for (const IdleSession &one : sessions)
		longest.compare(one);
	return longest;
}

TEST(LongestIdle, AreAsManyAsAreWantedInOrder)
{
	std::vector<IdleSession> sessions{idle_since(at(4), 4), idle_since(at(1), 1),
	                                  idle_since(at(3), 3), idle_since(at(2), 2),
	                                  idle_since(at(5), 5)};

	EXPECT_EQ(pids(longest_of(1, sessions)), std::vector({1}));
	EXPECT_EQ(pids(longest_of(3, sessions)), std::vector({1, 2, 3}));
	EXPECT_EQ(pids(longest_of(9, sessions)), std::vector({1, 2, 3, 4, 5}));
}

TEST(LongestIdle, AreNoneIfNoneIsMissing)
{
	for (int wanted : {0, -1})
		EXPECT_TRUE(longest_of(wanted, {idle_since(noon, 1)}).chosen().empty());
}

TEST(LongestIdle, OfTwoThatAreAlikeIsTheFirst)
{
	EXPECT_EQ(pids(longest_of(1, {idle_since(noon, 7), idle_since(noon, 3)})), std::vector({7}));
	EXPECT_EQ(pids(longest_of(2, {idle_since(noon, 7), idle_since(noon, 3)})), std::vector({7, 3}));
}

TEST(LongestIdle, AreNoMoreThanThereIsRoomFor)
{
	LongestIdle longest(largest_headroom + 50);

	for (int i = 0; i < largest_headroom + 50; i++)
		longest.compare(idle_since(at(1000 - i), i));
	EXPECT_EQ(longest.chosen().size(), std::size_t{largest_headroom});
	EXPECT_EQ(longest.chosen().front().session.pid, largest_headroom + 49);
}

/* ---- When ---- */

struct HeadroomCourse
{
	TrackingState tracking{};
	Policy policy = PolicyBuilder().limit(Limit::Headroom, 2);

	Decision
	read(const Session &session, Instant now)
	{
		observe(tracking, session, now);
		return decide(Limit::Headroom, session, tracking, policy, now);
	}
};

SessionBuilder
idle_in_the_way(std::int32_t free = 1)
{
	return SessionBuilder().idle(noon).to_make_room(free);
}

TEST(Headroom, EndsWhoIsToMakeRoomAndHasBeenIdleForLongEnough)
{
	HeadroomCourse course;
	Decision early = course.read(idle_in_the_way(), at(30));

	EXPECT_EQ(early.outlook, Outlook::Wait);
	EXPECT_EQ(early.at, at(30) + 1);
	Decision due = course.read(idle_in_the_way(), at(30) + 1);
	EXPECT_EQ(due.outlook, Outlook::Due);
	EXPECT_EQ(due.verdict.action, Action::Terminate);
	EXPECT_EQ(due.verdict.measured, 1);
	EXPECT_EQ(due.verdict.connections, 10);
	EXPECT_EQ(due.verdict.idle, 30 * second + 1);
	EXPECT_EQ(due.verdict.episode.stamp, noon);
}

TEST(Headroom, EndsNobodyWhileThereIsRoomNorAnybodyElse)
{
	HeadroomCourse course;
	Session other = idle_in_the_way();

	other.room.is_to_go = false;
	EXPECT_EQ(course.read(other, at(3600)).outlook, Outlook::Nothing);
	EXPECT_EQ(course.read(idle_in_the_way(2), at(3600)).outlook, Outlook::Nothing);
	/* Superusers use what is reserved. */
	EXPECT_EQ(course.read(idle_in_the_way(-3), at(3600)).verdict.measured, 0);
}

TEST(Headroom, SparesWhoIsAtWorkOrInATransaction)
{
	HeadroomCourse course;
	Session busy[] = {running().to_make_room(0),
	                  SessionBuilder().idle_in_transaction(noon).to_make_room(0)};

	for (const Session &session : busy)
		EXPECT_EQ(course.read(session, at(3600)).outlook, Outlook::Nothing);
	EXPECT_EQ(course.read(idle_in_the_way().with_transaction_id().switches(7), at(3600)).spared,
	          Spared::InTransaction);
	EXPECT_EQ(course.read(idle_in_the_way().listening(), at(3600)).spared, Spared::Listener);
	/* Also before it has been idle for long: it is not waited for. */
	EXPECT_EQ(course.read(idle_in_the_way().listening(), at(1)).outlook, Outlook::Spared);
}

TEST(Headroom, WaitsForAMessageThatIsArriving)
{
	HeadroomCourse course;
	Session woken = idle_in_the_way().switches(70);

	(void)course.read(idle_in_the_way().switches(7), at(20));
	EXPECT_EQ(course.read(idle_in_the_way().switches(7), at(31)).outlook, Outlook::Due);
	Decision wait = course.read(woken, at(32));
	EXPECT_EQ(wait.outlook, Outlook::Wait);
	EXPECT_EQ(wait.at, at(33));
	EXPECT_EQ(course.read(woken, at(33)).outlook, Outlook::Due);
}

TEST(Headroom, IsLoggedOnceInAnIdlePhase)
{
	HeadroomCourse course;

	course.policy.mode = Mode::Log;
	EXPECT_EQ(course.read(idle_in_the_way(), at(60)).verdict.action, Action::Log);
	course.tracking.logged[index_of(Limit::Headroom)] = noon;
	EXPECT_EQ(course.read(idle_in_the_way(), at(60)).outlook, Outlook::Nothing);
}

TEST(Headroom, TerminatesNobodyTwice)
{
	HeadroomCourse course;

	(void)course.read(idle_in_the_way(), at(60));
	note_terminate(course.tracking.escalation, at(60));
	EXPECT_EQ(course.read(idle_in_the_way(), at(61)).outlook, Outlook::Nothing);
}

/* A newcomer cannot wait until a session has been still: it is known before. */
TEST(Headroom, IsReadyForANewcomer)
{
	Session session = SessionBuilder().idle(noon).switches(switches_not_read);
	TrackingState tracking = tracking_after_reading(session, noon);
	Policy policy = PolicyBuilder().limit(Limit::Headroom, 2);
	auto wants = [&](Instant now)
	{ return wants_switches(session, tracking, policy, now, Asker::Scan); };

	EXPECT_FALSE(wants(at(14)));
	EXPECT_TRUE(wants(at(15)));
	policy = PolicyBuilder();
	EXPECT_FALSE(wants(at(15)));
}

} // namespace
} // namespace session_guard::test
