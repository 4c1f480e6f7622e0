/*
 * What maintenance_timeout measures.
 */
#include "core/decision.h"
#include "core/episode.h"
#include "core/excluded_time.h"
#include "core/forecast.h"

#include "unit/courses.h"

#include <gtest/gtest.h>

namespace session_guard::test
{
namespace
{

class MaintenanceTimeout : public testing::Test
{
  protected:
	static constexpr Duration threshold = 5 * minute;
	Policy policy = PolicyBuilder().limit(Limit::Maintenance, threshold);
	TrackingState tracking = tracking_of(running());

	Duration
	measured(const Session &session, Instant now)
	{
		observe(tracking, session, now);
		return forecast(Limit::Maintenance, session, tracking, policy, now).verdict->measured;
	}
};

TEST_F(MaintenanceTimeout, AddsUpALoopOfShortCommands)
{
	Session session =
	    running().maintained(noon, threshold - second, threshold - second, 0).maintaining(at(2000));

	EXPECT_EQ(measured(session, at(2001)), threshold);
	EXPECT_EQ(decide(Limit::Maintenance, session, tracking, policy, at(2001)).outlook,
	          Outlook::Wait);

	Decision decision = decide(Limit::Maintenance, session, tracking, policy, at(2001) + 1);
	EXPECT_EQ(decision.outlook, Outlook::Due);
	EXPECT_EQ(decision.verdict.action, Action::Cancel);
	EXPECT_EQ(decision.verdict.measured, threshold + 1);
	EXPECT_EQ(decision.verdict.episode.stamp, noon);
}

TEST_F(MaintenanceTimeout, AddsUpThatOfTablesOfItsOwn)
{
	Session session = running().maintained(noon, minute, 0, 0).maintaining_own_tables(at(100));

	EXPECT_EQ(measured(session, at(110)), minute + 10 * second);
	/* They count for the statement as well. */
	EXPECT_EQ(excluded(Limit::Statement, session, tracking, policy), 0);
}

TEST_F(MaintenanceTimeout, DoesNotInheritFromAnotherStatement)
{
	EXPECT_EQ(
	    measured(running().maintained(noon - 1, hour, hour, hour).maintaining(at(100)), at(110)),
	    10 * second);
	/* A call has a stamp of its own, though query_start is still that of the statement. */
	EXPECT_EQ(measured(SessionBuilder()
	                       .fastpath(noon)
	                       .query_start(noon - minute)
	                       .maintained(noon - minute, hour, hour, hour)
	                       .maintaining(at(100)),
	                   at(110)),
	          10 * second);
}

TEST_F(MaintenanceTimeout, TakesLockWaitsOff)
{
	measured(running().maintaining(at(5)), at(6));
	EXPECT_EQ(measured(waiting(8).maintaining(at(5)), at(10)), 3 * second);
	EXPECT_EQ(measured(running().maintaining(at(5)), at(20)), 3 * second);
	EXPECT_EQ(measured(running().maintaining(at(5)), at(30)), 13 * second);
	policy.spare_lock_waiters = false;
	EXPECT_EQ(measured(running().maintaining(at(5)), at(30)), 25 * second);
}

TEST_F(MaintenanceTimeout, TakesNoWaitOffThatWasBeforeIt)
{
	measured(waiting(2), at(10));
	EXPECT_EQ(measured(running().maintaining(at(12)), at(20)), 8 * second);
	/* A wait found first within it may not have begun before it. */
	EXPECT_EQ(measured(waiting(2).maintaining(at(12)), at(25)), 8 * second);
}

TEST_F(MaintenanceTimeout, TakesOffTheWaitsOfCommandsThatAreOver)
{
	/* A hundred commands, each of which waits for nine seconds and works for one. */
	Duration over = 0;

	for (Duration i = 0; i < 100; i++)
	{
		Duration begin = 10 * i;

		auto session = [&](SessionBuilder built)
		{ return built.maintained(noon, over, over, over).maintaining(at(begin)); };
		EXPECT_EQ(measured(session(waiting(begin)), at(begin + 5)), i * second);
		EXPECT_EQ(measured(session(running()), at(begin + 9)), i * second);
		EXPECT_EQ(measured(session(running()), at(begin + 9) + 999 * millisecond),
		          i * second + 999 * millisecond);
		over += 10 * second;
	}
}

TEST_F(MaintenanceTimeout, TakesNoWaitOffThatWasAnEarlierStatements)
{
	measured(waiting(0).maintaining(noon), at(10));
	EXPECT_EQ(measured(SessionBuilder().running(at(20)).transaction_since(noon).maintaining(at(21)),
	                   at(30)),
	          9 * second);
}

TEST_F(MaintenanceTimeout, AWaitEndsWithItsCommand)
{
	measured(waiting(0).maintaining(noon), at(10));
	/* The next began at 12, so that of the ten seconds before this reading only two were waited. */
	EXPECT_EQ(
	    measured(
	        running().maintained(noon, 11 * second, 11 * second, 11 * second).maintaining(at(12)),
	        at(20)),
	    7 * second);
}

TEST_F(MaintenanceTimeout, SpareMaintenanceDoesNotLiftIt)
{
	for (bool spare : {true, false})
	{
		policy.spare_maintenance = spare;
		EXPECT_EQ(measured(running().maintaining(at(5)), at(15)), 10 * second);
		EXPECT_EQ(decide(Limit::Maintenance, running().maintaining(at(5)), tracking, policy,
		                 at(5) + threshold + 1)
		              .outlook,
		          Outlook::Due);
	}
}

} // namespace
} // namespace session_guard::test
