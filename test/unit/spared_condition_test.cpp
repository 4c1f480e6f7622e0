/*
 * Whom a function spares that names a condition.
 */
#include "core/messages.h"
#include "core/spared.h"

#include "unit/builders.h"

#include <gtest/gtest.h>

#include <array>
#include <string>

namespace session_guard::test
{
namespace
{

constexpr std::array all_conditions{Condition::Idle, Condition::IdleInTransaction,
                                    Condition::LongStatement, Condition::Blocking};
constexpr Instant now = noon + 10 * minute;

/* Asked ten minutes after noon, when the session is first read. */
Spared
spared(Condition condition, const Session &session, const Policy &policy = PolicyBuilder(),
       Duration longer_than = minute)
{
	return spared_from_condition(condition, longer_than, session,
	                             tracking_after_reading(session, now), policy, now);
}

/* A session that has met a condition since noon. */
SessionBuilder
in(Condition condition)
{
	switch (condition)
	{
		case Condition::Idle:
			return SessionBuilder().idle(noon);
		case Condition::LongStatement:
			return SessionBuilder().running(noon);
		default:
			return SessionBuilder().idle_in_transaction(noon);
	}
}

TEST(Conditions, SpareNobodyWithoutAReason)
{
	for (Condition condition : all_conditions)
		EXPECT_EQ(spared(condition, in(condition)), Spared::No);
}

TEST(Conditions, SpareWhomEveryLimitSpares)
{
	for (Condition condition : all_conditions)
	{
		EXPECT_EQ(spared(condition, in(condition), PolicyBuilder().exempt(true)), Spared::Exempt);
		EXPECT_EQ(spared(condition, in(condition).superuser(Superuser::Yes)), Spared::Superuser);
		EXPECT_EQ(spared(condition, in(condition).superuser(Superuser::Unknown)),
		          Spared::RoleUnknown);
		EXPECT_EQ(spared(condition, in(condition).superuser(Superuser::Dropped)), Spared::No);
		EXPECT_EQ(spared(condition, in(condition).waiting_for(Wait::SyncRep)), Spared::SyncRep);
		EXPECT_EQ(spared(condition, in(condition).state(State::Unknown)), Spared::Unreadable);
		EXPECT_EQ(spared(condition, in(condition).superuser(Superuser::Yes),
		                 PolicyBuilder().exempt_superusers(false)),
		          Spared::No);
	}
}

TEST(Conditions, AskNeitherForTheModeNorForTheLimits)
{
	for (Mode mode : {Mode::Off, Mode::Log, Mode::Enforce})
		for (Duration limit : {Duration{0}, hour})
		{
			Policy policy = PolicyBuilder().mode(mode).all_limits_at(limit);

			for (Condition condition : all_conditions)
				EXPECT_EQ(spared(condition, in(condition), policy), Spared::No);
			EXPECT_EQ(spared(Condition::Idle, in(Condition::Idle).listening(), policy),
			          Spared::Listener);
		}
}

TEST(Conditions, SpareListenersOnlyFromBeingIdle)
{
	for (Condition condition : all_conditions)
	{
		EXPECT_EQ(spared(condition, in(condition).listening()),
		          condition == Condition::Idle ? Spared::Listener : Spared::No);
		EXPECT_EQ(
		    spared(condition, in(condition).listening(), PolicyBuilder().spare_listeners(false)),
		    Spared::No);
	}
}

TEST(Conditions, SpareMaintenanceThatRuns)
{
	for (Condition condition : {Condition::LongStatement, Condition::Blocking})
	{
		Session session = SessionBuilder().running(noon).maintaining(noon);

		EXPECT_EQ(spared(condition, session), Spared::Maintenance);
		EXPECT_EQ(spared(condition, session, PolicyBuilder().spare_maintenance(false)), Spared::No);
		EXPECT_EQ(spared(condition, SessionBuilder().running(noon).maintaining_own_tables(noon)),
		          Spared::No);
	}
}

TEST(Conditions, SpareLockWaiters)
{
	Policy policy = PolicyBuilder().spare_lock_waiters(false);

	for (Condition condition : {Condition::LongStatement, Condition::IdleInTransaction})
	{
		EXPECT_EQ(spared(condition, in(condition).waiting_for_lock(now - second)),
		          Spared::LockWait);
		EXPECT_EQ(spared(condition, in(condition).waiting_for_lock(now - second), policy),
		          Spared::No);
	}
}

TEST(Conditions, SpareAnIdleSessionWithATransaction)
{
	EXPECT_EQ(
	    spared(Condition::Idle, SessionBuilder().idle(noon).switches(1).with_transaction_id()),
	    Spared::InTransaction);
}

/* The session of a statement that waited for a lock for so long and has got it. */
Spared
spared_after_wait(Duration wait, const Policy &policy, Duration longer_than)
{
	TrackingState tracking =
	    tracking_after_reading(SessionBuilder().running(noon).waiting_for_lock(noon), noon + wait);
	Session session = SessionBuilder().running(noon);

	observe(tracking, session, now);
	return spared_from_condition(Condition::LongStatement, longer_than, session, tracking, policy,
	                             now);
}

TEST(Conditions, TakeOffWhatDoesNotCountOfAStatement)
{
	Policy policy = PolicyBuilder();
	Policy with_waits = PolicyBuilder().spare_lock_waiters(false);

	/* The reading that finds the wait over ends it. */
	EXPECT_EQ(spared_after_wait(9 * minute, policy, minute), Spared::NotSoLong);
	EXPECT_EQ(spared_after_wait(9 * minute, with_waits, minute), Spared::No);
	/* Any time is longer than none, and nothing is to be measured then. */
	EXPECT_EQ(spared_after_wait(9 * minute, policy, 0), Spared::No);
}

TEST(Conditions, CountWhatIsLeftStrictly)
{
	Session session =
	    SessionBuilder().running(noon).maintained(noon, 4 * minute, 4 * minute, 4 * minute);

	EXPECT_EQ(spared(Condition::LongStatement, session, PolicyBuilder(), 6 * minute),
	          Spared::NotSoLong);
	EXPECT_EQ(spared(Condition::LongStatement, session, PolicyBuilder(), 6 * minute - 1),
	          Spared::No);
	EXPECT_EQ(spared(Condition::LongStatement, session, PolicyBuilder().spare_maintenance(false),
	                 6 * minute),
	          Spared::No);
}

TEST(Conditions, SayThatItIsNotSoLong)
{
	std::array<char, 100> buffer;
	Text text(buffer);

	append_spared(text, Spared::NotSoLong, PolicyBuilder(), {.role = "app", .database = "shop"});
	EXPECT_EQ(text.view(), "not running for so long without its waits and maintenance");
}

} // namespace
} // namespace session_guard::test
