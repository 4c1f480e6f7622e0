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

Episode
episode(Limit limit, const Session &session)
{
	std::optional<Episode> found =
	    episode_of(limit, session, tracking_after_reading(session, noon + hour));

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

TEST(Blocker, WhoWasInTheWayOfThisWaitBeforeHadTheLock)
{
	Session session = SessionBuilder().running(noon - hour).blocking(noon - minute);
	TrackingState tracking = tracking_after_reading(session, noon);

	observe(tracking, SessionBuilder().running(noon - hour).waiting_for_lock(noon + second),
	        noon + 2 * second);
	observe(tracking, session, noon + minute);
	EXPECT_EQ(episode_of(Limit::Blocker, session, tracking)->start, noon - minute);
	/* Of the next wait that is not known. */
	Session another = SessionBuilder().running(noon - hour).blocking(noon - 2 * second);
	observe(tracking, another, noon + hour);
	EXPECT_EQ(episode_of(Limit::Blocker, another, tracking)->start, noon + minute);
}

TEST(Blocker, AReadingOfItsStatusAloneForgetsNothing)
{
	Session session = SessionBuilder().running(noon - hour).blocking(noon - minute);
	TrackingState tracking = tracking_after_reading(session, noon);

	observe(tracking, SessionBuilder().running(noon - hour), noon + second);
	EXPECT_EQ(tracking.blocking.stamp, noon - minute);
	observe(tracking, session, noon + minute);
	EXPECT_EQ(episode_of(Limit::Blocker, session, tracking)->start, noon - minute);
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
	     {Session(SessionBuilder().running(noon - minute).blocking(noon)),
	      Session(SessionBuilder()
	                  .running(at_limit + second)
	                  .stamps(noon - hour, at_limit + second, at_limit + second)
	                  .blocking(noon)),
	      Session(SessionBuilder()
	                  .stamps(noon - hour, noon, at_limit + second)
	                  .state(State::IdleInTransaction)
	                  .blocking(noon))})
	{
		Situation situation{Limit::Blocker, session};
		Instant grace_ends = over_limit + situation.policy.cancel_grace;

		note_cancel(situation.tracking.escalation, noon - minute, Limit::Blocker, noon, over_limit);
		expect_wait_until(situation.decide_at(over_limit + 2 * second), grace_ends + 1);
		expect_due(situation.decide_at(grace_ends + 1), Action::Terminate);
		EXPECT_EQ(situation.decide_at(grace_ends + 1).verdict.since_cancel,
		          situation.policy.cancel_grace + 1);
		situation.policy.cancel_grace = 0;
		expect_nothing(situation.decide_at(grace_ends + 1));
	}
}

TEST(Blocker, OfAnotherWaitIsCanceledAnew)
{
	Situation situation{Limit::Blocker, SessionBuilder().running(noon - second).blocking(noon)};

	note_cancel(situation.tracking.escalation, noon - minute, Limit::Blocker, noon - second,
	            over_limit);
	expect_due(situation.decide_at(over_limit + 1), Action::Cancel);
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
