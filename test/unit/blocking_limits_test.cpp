/*
 * The limits on keeping others waiting: since when it counts, who is spared, what is done first,
 * and what follows when a cancel has not helped.
 */
#include "core/decision.h"

#include "unit/situation.h"

#include <gtest/gtest.h>

namespace session_guard::test
{
namespace
{

constexpr Instant wait_start = noon;

/* Of a session whose transaction was seen before. */
Episode
episode(Limit limit, const Session &session)
{
	Session before = session;
	before.blocking = {};
	before.wait = Wait::Other;
	TrackingState tracking = tracking_after_reading(before, noon - day);
	observe(tracking, session, noon + hour);
	std::optional<Episode> found = episode_of(limit, session, tracking);

	EXPECT_TRUE(found.has_value());
	return found.value_or(Episode{});
}

bool
is_none(Limit limit, const Session &session)
{
	return !episode_of(limit, session, tracking_after_reading(session, noon + hour));
}

TEST(IdleBlocker, CountsFromTheLaterOfBeingIdleAndTheWait)
{
	Session idle_first = SessionBuilder().idle_in_transaction(noon - minute).blocking(wait_start);
	Session waited_first = SessionBuilder().idle_in_transaction(noon + minute).blocking(wait_start);

	EXPECT_EQ(episode(Limit::IdleBlocker, idle_first).start, noon);
	EXPECT_EQ(episode(Limit::IdleBlocker, idle_first).stamp, wait_start);
	EXPECT_EQ(episode(Limit::IdleBlocker, waited_first).start, noon + minute);
	EXPECT_EQ(episode(Limit::IdleBlocker, waited_first).stamp, noon + minute);
}

TEST(IdleBlocker, IsIdleInAndOutsideOfATransaction)
{
	/* By an advisory lock of the session. */
	EXPECT_EQ(
	    episode(Limit::IdleBlocker, SessionBuilder().idle(noon + second).blocking(noon)).start,
	    noon + second);
	/* A paused pipeline, from when it was found. */
	EXPECT_EQ(episode(Limit::IdleBlocker, SessionBuilder().paused(noon).blocking(noon)).start,
	          noon + hour);
	EXPECT_TRUE(is_none(Limit::IdleBlocker, SessionBuilder().running(noon).blocking(noon)));
	EXPECT_TRUE(is_none(Limit::IdleBlocker, SessionBuilder().fastpath(noon).blocking(noon)));
}

TEST(Blocker, CountsWhateverItDoesFromTheLaterOfItsTransactionAndTheWait)
{
	/* Its transaction began a minute before it was idle, and a second before it ran. */
	EXPECT_EQ(
	    episode(Limit::Blocker, SessionBuilder().idle_in_transaction(noon).blocking(noon - hour))
	        .start,
	    noon - minute);
	EXPECT_EQ(episode(Limit::Blocker, SessionBuilder().running(noon).blocking(noon - hour)).start,
	          noon - second);
	EXPECT_EQ(episode(Limit::Blocker, SessionBuilder().running(noon).blocking(noon + minute)).start,
	          noon + minute);
	EXPECT_EQ(episode(Limit::Blocker, SessionBuilder().idle(noon).blocking(noon - hour)).start,
	          noon);
}

TEST(BlockingLimits, BindWhoIsKnownToBeInTheWayOnly)
{
	Session not_looked = SessionBuilder().idle_in_transaction(noon);
	Session nobody_waits = SessionBuilder().idle_in_transaction(noon).blocking(unknown_time);
	Session middle = SessionBuilder().idle_in_transaction(noon).in_the_middle(noon);

	for (Limit limit : {Limit::IdleBlocker, Limit::Blocker})
		for (const Session &session : {not_looked, nobody_waits, middle})
			EXPECT_TRUE(is_none(limit, session));
}

/* ---- Since when it has been in the way. ---- */

TEST(Blocker, WhoHasWaitedItselfMayHaveGotTheLockOnlyThen)
{
	Session session = SessionBuilder().running(noon - hour).waiting_for_lock(noon - minute);
	TrackingState tracking = tracking_after_reading(session, noon);

	/* Another one has waited for longer, behind it. */
	Session got_it = SessionBuilder().running(noon - hour).blocking(noon - minute);
	observe(tracking, got_it, noon + second);
	EXPECT_EQ(episode_of(Limit::Blocker, got_it, tracking)->start, noon + second);
	/* It goes on to count from then. */
	observe(tracking, got_it, noon + minute);
	EXPECT_EQ(episode_of(Limit::Blocker, got_it, tracking)->start, noon + second);
}

TEST(Blocker, WhoseTransactionWasNotSeenBeforeMayHaveWaitedInIt)
{
	Session session = SessionBuilder().running(noon - hour).with_transaction_id(17).blocking(noon);
	Session idle =
	    SessionBuilder().idle_in_transaction(noon - hour).with_transaction_id(17).blocking(noon);

	auto start = [](const Session &seen)
	{ return episode_of(Limit::Blocker, seen, tracking_after_reading(seen, noon + hour))->start; };
	EXPECT_EQ(start(session), noon + hour);
	EXPECT_EQ(start(idle), noon);
	EXPECT_EQ(episode(Limit::Blocker, session).start, noon);
}

/* A session that was seen before others began to wait, and in their way at noon. */
struct InTheWay
{
	Session session;
	TrackingState tracking;
};

InTheWay
in_the_way_for_a_minute()
{
	Session session = SessionBuilder().running(noon - hour).blocking(noon - minute);
	TrackingState tracking =
	    tracking_after_reading(SessionBuilder().running(noon - hour), noon - minute);

	observe(tracking, session, noon);
	session.blocking.known = KnownWait::ForThisOne;
	return {.session = session, .tracking = tracking};
}

/* It had the lock, so it counts from the beginning, without the time that it waited itself. */
TEST(Blocker, WhoWasInTheWayOfThisWaitBeforeHadTheLock)
{
	auto [session, tracking] = in_the_way_for_a_minute();

	Session waiting = SessionBuilder().running(noon - hour).waiting_for_lock(noon + second);
	waiting.times.wait_start = noon + second;
	waiting.blocking = session.blocking;
	observe(tracking, waiting, noon + 2 * second);
	EXPECT_FALSE(episode_of(Limit::Blocker, waiting, tracking));
	observe(tracking, session, noon + minute);
	EXPECT_EQ(episode_of(Limit::Blocker, session, tracking)->start,
	          noon - minute + (minute - second));
	/* Of the next wait that is not known. */
	Session another = SessionBuilder().running(noon - hour).blocking(noon - 2 * second);
	observe(tracking, another, noon + hour);
	EXPECT_EQ(episode_of(Limit::Blocker, another, tracking)->start, noon + minute);
}

TEST(Blocker, AReadingOfItsStatusAloneForgetsNothing)
{
	auto [session, tracking] = in_the_way_for_a_minute();

	observe(tracking, SessionBuilder().running(noon - hour), noon + second);
	EXPECT_EQ(tracking.blocking.stamp, noon - minute);
	observe(tracking, session, noon + minute);
	EXPECT_EQ(episode_of(Limit::Blocker, session, tracking)->start, noon - minute);
}

/* A wait that no reading of the lock table has seen, but one of the status has. */
TEST(Blocker, AWaitOfItsOwnBetweenTwoReadingsOfTheLockTableIsTakenOff)
{
	auto [session, tracking] = in_the_way_for_a_minute();

	observe(tracking, SessionBuilder().running(noon - hour).waiting_for_lock(noon + 3 * second),
	        noon + 4 * second);
	observe(tracking, session, noon + 10 * second);
	EXPECT_EQ(episode_of(Limit::Blocker, session, tracking)->start, noon - minute + 10 * second);
}

/*
 * Two are in the way of one wait in turns: the first holds what is waited for, and waits for
 * the second now and then, with a lock_timeout.  Each counts while it is the root.
 */
TEST(Blocker, OnesInTheWayInTurnsCountEachByItsOwnPart)
{
	Session first = SessionBuilder().running(noon - hour).blocking(noon);
	Session second_one = SessionBuilder().idle_in_transaction(noon - hour).blocking(noon);
	TrackingState of_first = tracking_after_reading(first, noon);
	TrackingState of_second = tracking_after_reading(second_one, noon);
	Session first_waits = SessionBuilder().running(noon - hour).waiting_for_lock(noon);
	Session second_is_not =
	    SessionBuilder().idle_in_transaction(noon - hour).blocking(unknown_time);

	first.blocking.known = second_one.blocking.known = KnownWait::ForThisOne;
	first_waits.blocking = first.blocking;
	first_waits.blocking.is_root = false;
	second_is_not.blocking.known = KnownWait::ForAnother;
	for (Instant now = noon; now < noon + minute; now += 10 * second)
	{
		first_waits.times.wait_start = now + 4 * second;
		observe(of_second, second_is_not, now + 2 * second);
		observe(of_first, first, now + 2 * second);
		observe(of_first, first, now + 4 * second);
		observe(of_second, second_is_not, now + 4 * second);
		/* From now on the second keeps both. */
		second_one.blocking.since = now + 4 * second;
		observe(of_first, first_waits, now + 5 * second);
		observe(of_second, second_one, now + 5 * second);
		observe(of_first, first_waits, now + 10 * second);
		observe(of_second, second_one, now + 10 * second);
	}
	/* Two of ten seconds, the time from the first reading after its wait until the next wait. */
	observe(of_first, first, noon + minute + 1);
	EXPECT_EQ(episode_of(Limit::Blocker, first, of_first)->start, noon + minute + 1 - 14 * second);
	/* Five of ten. */
	EXPECT_EQ(episode_of(Limit::Blocker, second_one, of_second)->start,
	          noon + minute - 30 * second);
	EXPECT_EQ(episode_of(Limit::IdleBlocker, second_one, of_second)->start,
	          noon + minute - 30 * second);
}

/* What was read of the lock table a while ago says nothing about the time since. */
TEST(Blocker, CountsUpToWhenTheLockTableWasRead)
{
	Session session = SessionBuilder().running(noon - hour).blocking(noon - minute);
	TrackingState tracking =
	    tracking_after_reading(SessionBuilder().running(noon - hour), noon - minute);
	Session elsewhere = session;

	session.blocking.read_at = noon;
	observe(tracking, session, noon + second);
	EXPECT_EQ(tracking.blocking.read_at, noon);
	/* By the same reading again nothing changes. */
	session.blocking.known = KnownWait::ForThisOne;
	observe(tracking, session, noon + 2 * second);
	EXPECT_EQ(tracking.blocking.read_at, noon);
	/* The next one shows that another one was in the way instead. */
	elsewhere.blocking.stamp = unknown_time;
	elsewhere.blocking.known = KnownWait::ForAnother;
	elsewhere.blocking.read_at = noon + 3 * second;
	observe(tracking, elsewhere, noon + 3 * second);
	EXPECT_EQ(tracking.blocking.apart, 3 * second);
	EXPECT_FALSE(episode_of(Limit::Blocker, elsewhere, tracking));
}

/* An older wait of another one counts as soon as it has lasted for longer. */
TEST(Blocker, CountsByTheWaitThatItHasBeenInTheWayOfForLongest)
{
	Session session = SessionBuilder().running(noon - hour).blocking(noon);
	TrackingState tracking =
	    tracking_after_reading(SessionBuilder().running(noon - hour), noon - minute);
	Session older = session;

	observe(tracking, session, noon);

	session.blocking.known = older.blocking.known = KnownWait::ForThisOne;
	older.blocking.waiter = 4711;
	older.blocking.stamp = older.blocking.since = noon + second;
	observe(tracking, older, noon + minute);
	EXPECT_EQ(episode_of(Limit::Blocker, older, tracking)->stamp, noon);
	older.blocking.stamp = older.blocking.since = noon - second;
	observe(tracking, older, noon + 2 * minute);
	EXPECT_EQ(episode_of(Limit::Blocker, older, tracking)->stamp, noon - second);
	EXPECT_EQ(episode_of(Limit::Blocker, older, tracking)->start, noon - second);
	/* That one is over. */
	session.blocking.known = KnownWait::Over;
	observe(tracking, session, noon + 3 * minute);
	EXPECT_EQ(episode_of(Limit::Blocker, session, tracking)->stamp, noon);
}

TEST(IdleBlocker, HoldsWhatItHoldsSinceItWentIdle)
{
	Session session = SessionBuilder().running(noon - hour).waiting_for_lock(noon - minute);
	TrackingState tracking = tracking_after_reading(session, noon - second);

	Session idle = SessionBuilder().idle_in_transaction(noon).blocking(noon - minute);
	observe(tracking, idle, noon + minute);
	EXPECT_EQ(episode_of(Limit::IdleBlocker, idle, tracking)->start, noon);
}

/* ---- What is done. ---- */

TEST(IdleBlocker, IsTerminated)
{
	Situation situation{Limit::IdleBlocker,
	                    SessionBuilder().idle_in_transaction(noon - minute).blocking(noon, 3)};

	expect_wait_until(situation.decide_at(noon + 1), over_limit);
	expect_wait_until(situation.decide_at(at_limit), over_limit);
	expect_due(situation.decide_at(over_limit), Action::Terminate);
	EXPECT_EQ(situation.decide_at(over_limit).verdict.waiters, 3);
	EXPECT_EQ(situation.decide_at(over_limit).verdict.measured, threshold + 1);
}

TEST(Blocker, IsCanceledIfItRunsAndTerminatedIfNot)
{
	Session running = SessionBuilder().running(noon - minute).blocking(noon);
	Session idle = SessionBuilder().idle_in_transaction(noon - minute).blocking(noon);

	expect_due(Situation{Limit::Blocker, running}.decide_at(over_limit), Action::Cancel);
	expect_due(Situation{Limit::Blocker, idle}.decide_at(over_limit), Action::Terminate);
}

TEST(Blocker, ThatIsStillInTheWayAfterTheGraceIsTerminatedWhateverItRuns)
{
	for (const Session &session :
	     {Session(SessionBuilder().running(noon - minute).with_transaction_id(17).blocking(noon)),
	      Session(SessionBuilder()
	                  .running(at_limit + second)
	                  .stamps(noon - hour, at_limit + second, at_limit + second)
	                  .with_transaction_id(17)
	                  .blocking(noon)),
	      /* Now another one has waited for too long. */
	      Session(SessionBuilder()
	                  .stamps(noon - hour, noon, at_limit + second)
	                  .state(State::IdleInTransaction)
	                  .with_transaction_id(17)
	                  .blocking(noon - second))})
	{
		Situation situation{Limit::Blocker, session};
		Instant grace_ends = over_limit + situation.policy.cancel_grace;

		note_cancel(situation.tracking.escalation, noon - minute, Limit::Blocker, 17, over_limit);
		expect_wait_until(situation.decide_at(over_limit + 2 * second), grace_ends + 1);
		expect_due(situation.decide_at(grace_ends + 1), Action::Terminate);
		EXPECT_EQ(situation.decide_at(grace_ends + 1).verdict.since_cancel,
		          situation.policy.cancel_grace + 1);
		situation.policy.cancel_grace = 0;
		expect_nothing(situation.decide_at(grace_ends + 1));
	}
}

TEST(Blocker, InItsNextTransactionIsCanceledAnew)
{
	Situation situation{
	    Limit::Blocker,
	    SessionBuilder().running(noon - second).with_transaction_id(18).blocking(noon)};

	note_cancel(situation.tracking.escalation, noon - minute, Limit::Blocker, 17, over_limit);
	expect_due(situation.decide_at(over_limit + 1), Action::Cancel);
}

TEST(Blocker, IsSaidToBeEndedAsItWouldBe)
{
	for (bool is_idle : {false, true})
	{
		Situation situation{Limit::Blocker,
		                    is_idle ? SessionBuilder().idle_in_transaction(noon).blocking(noon)
		                            : SessionBuilder().running(noon - second).blocking(noon)};

		situation.policy.mode = Mode::Log;
		expect_due(situation.decide_at(over_limit), Action::Log);
		EXPECT_EQ(situation.decide_at(over_limit).verdict.not_taken,
		          is_idle ? Action::Terminate : Action::Cancel);
	}
}

TEST(Blocker, IsSparedInMaintenance)
{
	Situation situation{Limit::Blocker,
	                    SessionBuilder().running(noon - minute).maintaining().blocking(noon)};

	expect_spared(situation.decide_at(over_limit), Spared::Maintenance);
	situation.policy.spare_maintenance = false;
	expect_due(situation.decide_at(over_limit), Action::Cancel);
}

} // namespace
} // namespace session_guard::test
