/*
 * Who seems idle, and whether it stirs: a message may be arriving.
 */
#include "core/decision.h"
#include "core/forecast.h"
#include "core/stillness.h"

#include "unit/builders.h"

#include <gtest/gtest.h>

#include <array>
#include <ostream>
#include <string>

namespace session_guard::test
{
namespace
{

constexpr Duration threshold = 5 * minute;
/* How long before its deadline a session is read that must be still for a second. */
constexpr Duration lead = second + second / 4;

TEST(StillnessFor, IsASecondOrHalfOfAShortThreshold)
{
	EXPECT_EQ(stillness_for(smallest_threshold), 50 * millisecond);
	EXPECT_EQ(stillness_for(2 * second - 2), second - 1);
	EXPECT_EQ(stillness_for(2 * second), second);
	EXPECT_EQ(stillness_for(threshold), second);
	EXPECT_EQ(stillness_for(never), second);
}

/* Somebody who seems to be idle since noon, and what it takes to be sure. */
struct SeemingCase
{
	const char *name;
	Limit limit;
	Session session;
	/* Its status has no stamp of it: it counts from the first reading that finds it still. */
	bool counts_from_reading;

	friend std::ostream &
	operator<<(std::ostream &out, const SeemingCase &test)
	{
		return out << test.name;
	}
};

class Seeming : public testing::TestWithParam<SeemingCase>
{
  protected:
	Limit limit = GetParam().limit;
	Session session = GetParam().session;
	TrackingState tracking = tracking_of(session);
	PolicyBuilder policy = PolicyBuilder().limit(limit, threshold);
	/* What its process would tell. */
	std::int64_t switches = 7;

	void
	SetUp() override
	{
		session.switches = switches_not_read;
	}
	/* Read it as the guard does, which reads its switches only if something depends on them. */
	Decision
	read(Instant now)
	{
		Session seen = session;

		place(tracking, seen, Clock{}, now);
		if (wants_switches(seen, tracking, policy, now, Asker::Evaluation))
			seen.switches = switches;
		observe(tracking, seen, now);
		return decide(limit, seen, tracking, policy, now);
	}
	/* Read it whenever the last decision said so; the first one that says something else. */
	Instant
	read_until_no_wait(Instant now, Decision &decision)
	{
		decision = read(now);
		for (int readings = 0; decision.outlook == Outlook::Wait && readings < 100; readings++)
			decision = read(now = decision.at);
		return now;
	}
	/* The deadline of a session that is read from this moment on. */
	Instant
	deadline_after(Instant first_reading, Duration of = threshold) const
	{
		return (GetParam().counts_from_reading ? first_reading : noon) + of;
	}
	/* Does the server say that it is idle?  Otherwise it may have paused its pipeline. */
	bool
	is_idle_by_status() const
	{
		return session.state != State::Active;
	}
	/* Read it every so often, each time with new switches, while the decision is to wait. */
	Instant
	stir_until_no_wait(Instant now, Duration every, Decision &decision)
	{
		decision = read(now);
		while (decision.outlook == Outlook::Wait && now < noon + hour)
		{
			switches += 3;
			now = std::min(now + every, decision.at);
			decision = read(now);
		}
		return now;
	}
};

TEST_P(Seeming, IsDueAtItsDeadlineIfItNeverStirs)
{
	Decision decision{};

	EXPECT_EQ(read_until_no_wait(noon + second, decision), deadline_after(noon + second) + 1);
	EXPECT_EQ(decision.outlook, Outlook::Due);
	EXPECT_EQ(decision.verdict.action, Action::Terminate);
	EXPECT_EQ(decision.verdict.deadline, deadline_after(noon + second));
	EXPECT_EQ(decision.verdict.due, deadline_after(noon + second));
	EXPECT_EQ(decision.verdict.measured, threshold + 1);
}

TEST_P(Seeming, IsLookedAtAsLongBeforeItsDeadlineAsItMustBeStill)
{
	Decision decision = read(noon + second);

	EXPECT_EQ(decision.outlook, Outlook::Wait);
	EXPECT_EQ(decision.at, deadline_after(noon + second) - lead);
	decision = read(decision.at);
	EXPECT_EQ(decision.outlook, Outlook::Wait);
	EXPECT_EQ(decision.at, deadline_after(noon + second) + 1);
}

TEST_P(Seeming, IsDueInTimeThoughTheLookBeforeItComesALittleLate)
{
	Decision decision = read(noon + second);

	read(decision.at + lead - second);
	EXPECT_EQ(read(deadline_after(noon + second) + 1).outlook, Outlook::Due);
}

TEST_P(Seeming, IsNotDueIfItStirsBeforeItsDeadline)
{
	Instant deadline = deadline_after(noon + second);

	read(noon + second);
	read(deadline - second);
	switches += 3;
	Decision decision = read(deadline + 1);
	EXPECT_EQ(decision.outlook, Outlook::Wait);
	/* It is over its limit, and must be still for a second now. */
	EXPECT_EQ(decision.at, deadline + 1 + second);
	EXPECT_EQ(decision.verdict.deadline, deadline);
	EXPECT_EQ(read(decision.at - 1).outlook, Outlook::Wait);
	EXPECT_EQ(read_until_no_wait(decision.at, decision), deadline + 1 + second);
	EXPECT_EQ(decision.outlook, Outlook::Due);
	/* What it is measured by has not begun anew, and it is not late because it stirred. */
	EXPECT_EQ(decision.verdict.deadline, deadline);
	EXPECT_EQ(decision.verdict.measured, threshold + 1 + second);
	EXPECT_EQ(decision.verdict.due, deadline + 1 + second);
}

TEST_P(Seeming, IsDueInTimeIfItStirredOnlyLongBeforeItsDeadline)
{
	Instant deadline = deadline_after(noon + second);

	read(noon + second);
	switches += 3;
	read(noon + minute);
	switches += 3;
	read(deadline - second);
	Decision decision = read(deadline + 1);
	EXPECT_EQ(decision.outlook, Outlook::Due);
	EXPECT_EQ(decision.verdict.due, deadline);
}

TEST_P(Seeming, HasNotStirredIfOnlyAnInterruptWasTakenOffLater)
{
	Instant deadline = deadline_after(noon + second);

	read(noon + second);
	read(deadline - lead);
	switches--;
	EXPECT_EQ(read(deadline + 1).outlook, Outlook::Due);
}

TEST_P(Seeming, MustBeStillAnewAfterEachStir)
{
	Instant now = noon + second;

	read(now);
	/* A message that takes its time comes in a piece every half second. */
	for (; now < noon + threshold + minute; now += second / 2)
	{
		switches += 3;
		ASSERT_EQ(read(now).outlook, Outlook::Wait);
	}
	now -= second / 2;
	Decision decision{};
	EXPECT_EQ(read_until_no_wait(now, decision), now + second);
	EXPECT_EQ(decision.outlook, Outlook::Due);
	EXPECT_EQ(decision.verdict.due, now + second);
}

TEST_P(Seeming, DoesNotStayForEverByStirringIfItsStatusSaysThatItIsIdle)
{
	Instant deadline = deadline_after(noon + second);
	Decision decision{};
	Instant end = stir_until_no_wait(noon + second, second / 2, decision);

	/* Of whoever may have paused its pipeline this is another limit's matter. */
	if (!is_idle_by_status())
	{
		EXPECT_EQ(decision.outlook, Outlook::Wait);
		EXPECT_GE(end, noon + hour);
		EXPECT_EQ(read_until_no_wait(end, decision), end + second);
		EXPECT_EQ(decision.verdict.deadline, deadline);
		EXPECT_EQ(decision.verdict.due, end + second);
	}
	else
	{
		EXPECT_EQ(end, deadline + threshold);
		EXPECT_EQ(decision.verdict.due, deadline + threshold);
	}
	EXPECT_EQ(decision.outlook, Outlook::Due);
}

TEST_P(Seeming, HasAMinuteForAMessageThatHasBegunUnderAShortLimit)
{
	Instant first = noon + 100 * millisecond;
	Decision decision{};

	policy.limit(limit, second);
	Instant end = stir_until_no_wait(first, 100 * millisecond, decision);
	if (is_idle_by_status())
	{
		EXPECT_EQ(end, deadline_after(first, second) + minute);
		EXPECT_EQ(decision.outlook, Outlook::Due);
	}
	else
	{
		EXPECT_GE(end, noon + hour);
		EXPECT_EQ(decision.outlook, Outlook::Wait);
	}
}

TEST_P(Seeming, HasItsPatienceFromTheFirstReadingThatComesAfterItsDeadline)
{
	Instant late = noon + 2 * threshold;
	Decision decision{};
	Instant end = stir_until_no_wait(late, second / 2, decision);

	/* A pause begins with that reading. */
	if (is_idle_by_status())
		EXPECT_EQ(end, late + (GetParam().counts_from_reading ? 2 : 1) * threshold);
	else
		EXPECT_GE(end, noon + hour);
	EXPECT_EQ(decision.outlook, is_idle_by_status() ? Outlook::Due : Outlook::Wait);
}

TEST_P(Seeming, IsLookedAtAgainSoonIfItIsAwakeAtItsDeadline)
{
	Instant deadline = deadline_after(noon + second);

	read(noon + second);
	read(deadline - second);
	session.awake = true;
	Decision decision = read(deadline + 1);
	EXPECT_EQ(decision.outlook, Outlook::Wait);
	EXPECT_EQ(decision.at, deadline + 1 + 10 * millisecond);
	session.awake = false;
	EXPECT_EQ(read(decision.at).outlook, Outlook::Due);
}

TEST_P(Seeming, IsNotDueWhileItWorksOnAMessage)
{
	Instant deadline = deadline_after(noon + second);
	Decision decision = read(noon + second);

	session.awake = true;
	for (Instant now = decision.at; now < deadline + threshold - second; now = decision.at)
	{
		decision = read(now);
		ASSERT_EQ(decision.outlook, Outlook::Wait);
	}
}

TEST_P(Seeming, StartsOverWithEachChangeOfItsStatus)
{
	Instant deadline = deadline_after(noon + second);

	read(noon + second);
	read(deadline - second);
	session.state_change += 2;
	EXPECT_EQ(read(deadline + 1).outlook, Outlook::Wait);
}

TEST_P(Seeming, IsAskedForAtALookThatComesAfterItsDeadline)
{
	Instant late = noon + 2 * threshold;
	Decision decision{};

	EXPECT_EQ(read_until_no_wait(late, decision),
	          GetParam().counts_from_reading ? late + threshold + 1 : late + second);
	EXPECT_EQ(decision.outlook, Outlook::Due);
	/* It has not stirred: it is late because nobody has read it. */
	EXPECT_EQ(decision.verdict.due, deadline_after(late));
}

TEST_P(Seeming, IsOnlyLoggedAndOnlyIfItIsStill)
{
	Decision decision{};

	policy.mode(Mode::Log);
	EXPECT_EQ(read_until_no_wait(noon + second, decision), deadline_after(noon + second) + 1);
	EXPECT_EQ(decision.outlook, Outlook::Due);
	EXPECT_EQ(decision.verdict.action, Action::Log);
}

TEST_P(Seeming, IsForetold)
{
	read(noon + second);

	Session seen = session;
	seen.switches = GetParam().counts_from_reading ? switches : switches_not_read;
	Forecast found = forecast(limit, seen, tracking, policy, noon + second);
	EXPECT_EQ(found.due_at, deadline_after(noon + second));
	EXPECT_EQ(found.spared, Spared::No);
}

TEST_P(Seeming, IsEndedWithoutItsSwitchesOnlyIfItsStatusIsEnough)
{
	Decision decision{};

	switches = switches_unreadable;
	Instant end = read_until_no_wait(noon + second, decision);
	if (GetParam().counts_from_reading)
	{
		EXPECT_EQ(decision.outlook, Outlook::Spared);
		EXPECT_EQ(decision.spared, Spared::SwitchesUnreadable);
	}
	else
	{
		EXPECT_EQ(decision.outlook, Outlook::Due);
		EXPECT_EQ(end, noon + threshold + 1);
	}
}

TEST_P(Seeming, IsAskedForOnlyWhenSomethingHangsOnIt)
{
	Instant asked_from = noon + threshold - lead;

	observe(tracking, session, noon);
	EXPECT_TRUE(wants_switches(session, tracking, policy, asked_from, Asker::Evaluation));
	EXPECT_TRUE(wants_switches(session, tracking, policy, asked_from + day, Asker::Evaluation));
	EXPECT_FALSE(wants_switches(session, tracking, policy, asked_from - 1, Asker::Evaluation));
	policy.mode(Mode::Log);
	EXPECT_TRUE(wants_switches(session, tracking, policy, asked_from, Asker::Evaluation));
	policy.mode(Mode::Off);
	EXPECT_FALSE(wants_switches(session, tracking, policy, asked_from, Asker::Evaluation));
	policy.mode(Mode::Enforce);
	/* For limits of work and of age nothing does. */
	policy.all_limits_at(threshold)
	    .limit(Limit::IdleSession, 0)
	    .limit(Limit::IdleInTransactionSession, 0)
	    .limit(Limit::Headroom, 0);
	EXPECT_FALSE(wants_switches(session, tracking, policy, asked_from, Asker::Evaluation));
}

INSTANTIATE_TEST_SUITE_P(
    Policy, Seeming,
    testing::Values(SeemingCase{"PausedPipeline", Limit::IdleInTransactionSession,
                                SessionBuilder().paused(noon), true},
                    SeemingCase{"PausedPipelineWithoutTransaction", Limit::IdleSession,
                                SessionBuilder().paused(noon).transaction_since(unknown_time),
                                true},
                    SeemingCase{"IdleWithTransaction", Limit::IdleInTransactionSession,
                                SessionBuilder().idle(noon).with_transaction_id(), true},
                    SeemingCase{"Idle", Limit::IdleSession, SessionBuilder().idle(noon), false},
                    SeemingCase{"IdleInTransaction", Limit::IdleInTransactionSession,
                                SessionBuilder().idle_in_transaction(noon), false},
                    SeemingCase{"IdleInFailedTransaction", Limit::IdleInTransactionSession,
                                SessionBuilder().aborted(noon), false}),
    [](const auto &test) { return std::string(test.param.name); });

TEST(WantsSwitches, NotOfWhoeverWorks)
{
	Policy policy = PolicyBuilder().all_limits_at(threshold);

	for (const Session &session :
	     {Session(SessionBuilder().running(noon)), Session(SessionBuilder().fastpath(noon)),
	      Session(SessionBuilder().paused(noon).copying()),
	      Session(SessionBuilder().running(noon).maintaining(noon)),
	      Session(SessionBuilder().disabled()),
	      Session(SessionBuilder().idle(noon).state(State::Unknown))})
		EXPECT_FALSE(
		    wants_switches(session, tracking_of(session), policy, noon + day, Asker::Evaluation));
}

TEST(WantsSwitches, FromTheShortestIdleLimitOn)
{
	Session session = SessionBuilder().idle(noon);
	Policy policy = PolicyBuilder()
	                    .limit(Limit::IdleSession, smallest_threshold)
	                    .limit(Limit::IdleInTransactionSession, smallest_threshold / 2);
	Instant first = noon + smallest_threshold - smallest_threshold / 2 * 5 / 4;

	EXPECT_FALSE(
	    wants_switches(session, tracking_of(session), policy, first - 1, Asker::Evaluation));
	EXPECT_TRUE(wants_switches(session, tracking_of(session), policy, first, Asker::Evaluation));
}

TEST(WantsSwitches, NotForALimitThatNeverComes)
{
	Session session = SessionBuilder().idle(noon);

	EXPECT_FALSE(wants_switches(session, tracking_of(session),
	                            PolicyBuilder().limit(Limit::IdleSession, never), noon + day,
	                            Asker::Evaluation));
}

/* ---- Which processes are asked by a scan, and which by an evaluation. ---- */

class AskedOfTheIdle : public testing::Test
{
  protected:
	Session session = SessionBuilder().idle(noon).switches(switches_not_read);
	TrackingState tracking = tracking_of(session);
	PolicyBuilder policy = PolicyBuilder().limit(Limit::IdleSession, threshold);

	bool
	asks(Asker asker, Instant now)
	{
		return wants_switches(session, tracking, policy, now, asker);
	}
	/* Someone has asked its process. */
	void
	answer(Instant now)
	{
		Session seen = session;

		seen.switches = 7;
		observe(tracking, seen, now);
	}
};

TEST_F(AskedOfTheIdle, AScanAsksOnceAndALookAlways)
{
	for (Instant now = noon + threshold - lead; now < noon + threshold + minute; now += second)
	{
		EXPECT_TRUE(asks(Asker::Evaluation, now));
		EXPECT_EQ(asks(Asker::Scan, now), now == noon + threshold - lead);
		answer(now);
	}
}

TEST_F(AskedOfTheIdle, AScanAsksAgainOfWhoeverHasTakenAMessageIn)
{
	answer(noon + threshold);
	session = SessionBuilder().idle(noon + minute).switches(switches_not_read);
	EXPECT_TRUE(asks(Asker::Scan, noon + threshold + minute));
	/* But not long before its deadline, as by an evaluation. */
	EXPECT_FALSE(asks(Asker::Scan, noon + threshold + minute - lead - 1));
	EXPECT_FALSE(asks(Asker::Evaluation, noon + threshold + minute - lead - 1));
}

/* Scans may follow each other so closely that no reading is left between them. */
TEST_F(AskedOfTheIdle, AScanAsksAgainOfWhoeverWasAwake)
{
	Instant now = noon + threshold + minute;

	session.awake = true;
	answer(noon + threshold - lead);
	EXPECT_TRUE(asks(Asker::Scan, now));
	answer(now);
	EXPECT_TRUE(asks(Asker::Scan, now + 1));
	session.awake = false;
	answer(now + 1);
	EXPECT_FALSE(asks(Asker::Scan, now + 2));
}

TEST_F(AskedOfTheIdle, AScanAsksAgainIfNobodyCouldTell)
{
	session.switches = switches_unreadable;
	observe(tracking, session, noon + threshold);
	EXPECT_TRUE(asks(Asker::Scan, noon + threshold));
}

TEST_F(AskedOfTheIdle, AScanThatDoesNotAskLeavesWhatIsKnown)
{
	answer(noon + threshold - second);
	observe(tracking, session, noon + threshold);
	EXPECT_FALSE(asks(Asker::Scan, noon + threshold));
	EXPECT_EQ(decide(Limit::IdleSession, session, tracking, policy, noon + threshold + 1).outlook,
	          Outlook::Due);
}

TEST_F(AskedOfTheIdle, NobodyAsksOfTheSpared)
{
	Instant late = noon + day;

	ASSERT_TRUE(asks(Asker::Scan, late));
	policy.exempt(true);
	EXPECT_FALSE(asks(Asker::Scan, late));
	EXPECT_FALSE(asks(Asker::Evaluation, late));
	policy.exempt(false);
	for (SessionBuilder spared :
	     {SessionBuilder().superuser(Superuser::Yes),
	      SessionBuilder().superuser(Superuser::Unknown), SessionBuilder().listening(),
	      SessionBuilder().waiting_for(Wait::SyncRep)})
	{
		session = spared.idle(noon).switches(switches_not_read);
		EXPECT_FALSE(asks(Asker::Scan, late));
		EXPECT_FALSE(asks(Asker::Evaluation, late));
	}
	/* From another limit it is not. */
	policy.limit(Limit::IdleInTransactionSession, threshold);
	session = SessionBuilder().idle_in_transaction(noon).listening().switches(switches_not_read);
	EXPECT_TRUE(asks(Asker::Scan, late));
	session.wait = Wait::Lock;
	EXPECT_FALSE(asks(Asker::Scan, late));
	policy.spare_lock_waiters(false);
	EXPECT_TRUE(asks(Asker::Scan, late));
}

TEST_F(AskedOfTheIdle, OfWhoeverSeemsToPauseTheSameFromItsFirstReadingOn)
{
	policy.limit(Limit::IdleInTransactionSession, threshold);
	for (SessionBuilder pause :
	     {SessionBuilder().paused(noon), SessionBuilder().idle(noon).with_transaction_id()})
	{
		session = pause.switches(switches_not_read);
		tracking = tracking_of(session);
		observe(tracking, session, noon + second);
		for (Asker asker : {Asker::Scan, Asker::Evaluation})
		{
			EXPECT_FALSE(asks(asker, noon + second + threshold - lead - 1));
			EXPECT_TRUE(asks(asker, noon + second + threshold - lead));
		}
	}
}

/* ---- A Describe that waits for a lock while the session is shown as idle. ---- */

class Describing : public testing::TestWithParam<bool>
{
  protected:
	static constexpr Limit limit = Limit::IdleInTransactionSession;
	/* Long after its deadline. */
	static constexpr Instant late = noon + 3 * threshold;

	bool is_idle = GetParam();
	Session session = is_idle ? SessionBuilder().idle(noon).with_transaction_id().switches(7)
	                          : SessionBuilder().idle_in_transaction(noon).switches(7);
	TrackingState tracking = tracking_after_reading(session, noon);
	PolicyBuilder policy = PolicyBuilder().limit(limit, threshold);

	Decision
	read(Instant now, Wait wait)
	{
		session.wait = wait;
		session.wait_start = session.times.wait_start = wait == Wait::Lock ? noon + second : 0;
		observe(tracking, session, now);
		return decide(limit, session, tracking, policy, now);
	}
};

TEST_P(Describing, IsSparedWhileItWaits)
{
	Decision decision = read(late, Wait::Lock);

	EXPECT_EQ(decision.outlook, Outlook::Spared);
	EXPECT_EQ(decision.spared, Spared::LockWait);
	EXPECT_TRUE(may_pass_soon(decision.spared));
	EXPECT_EQ(decision.verdict.deadline, noon + threshold);
}

TEST_P(Describing, IsDueIfLockWaitersAreNotSpared)
{
	policy.spare_lock_waiters(false);
	EXPECT_EQ(read(late, Wait::Lock).outlook, Outlook::Due);
}

TEST_P(Describing, IsNotEndedWhenItGetsItsLock)
{
	read(late, Wait::Lock);
	session.switches += 3;
	Decision decision = read(late + second / 2, Wait::ClientRead);
	EXPECT_EQ(decision.outlook, Outlook::Wait);
	/* Another pause has begun; of whoever is idle in transaction the server says since when. */
	Instant since = is_idle ? late + second / 2 : noon;
	EXPECT_EQ(decision.at, is_idle ? since + threshold - lead : late + second / 2 + second);

	/* Its patience begins anew, too. */
	Instant end = std::max(since + threshold, late + second / 2) + threshold;
	for (Instant now = late + second; now < end; now += second / 2)
	{
		session.switches += 3;
		ASSERT_EQ(read(now, Wait::ClientRead).outlook, Outlook::Wait);
	}
	session.switches += 3;
	EXPECT_EQ(read(end, Wait::ClientRead).outlook, Outlook::Due);
}

TEST_P(Describing, IsNotEndedWhenItGetsItsLockThoughNobodyHadAskedWhileItWaited)
{
	session.switches = switches_not_read;
	read(late, Wait::Lock);
	EXPECT_NE(read(late + second / 2, Wait::ClientRead).outlook, Outlook::Due);
	session.switches = 8;
	EXPECT_EQ(read(late + second / 2 + 1, Wait::ClientRead).outlook, Outlook::Wait);
}

INSTANTIATE_TEST_SUITE_P(Policy, Describing, testing::Bool(),
                         [](const auto &test)
                         { return std::string(test.param ? "Idle" : "IdleInTransaction"); });

/* ---- A paused pipeline without a transaction is outside of one, as an idle session is. ---- */

class OldPipeline : public testing::Test
{
  protected:
	Session session =
	    SessionBuilder().connected(noon - day).paused(noon).transaction_since(unknown_time);
	TrackingState tracking = tracking_of(session);
	Policy policy = PolicyBuilder().limit(Limit::Session, threshold);

	Decision
	read(Instant now, std::int64_t switches)
	{
		session.switches = switches;
		observe(tracking, session, now);
		return decide(Limit::Session, session, tracking, policy, now);
	}
};

TEST_F(OldPipeline, IsEndedByTheAgeOfItsSessionWhateverItStirs)
{
	for (std::int64_t switches :
	     {std::int64_t{7}, std::int64_t{99}, switches_not_read, switches_unreadable})
		EXPECT_EQ(read(noon, switches).outlook, Outlook::Due);
}

TEST_F(OldPipeline, IsLeftAloneWithATransaction)
{
	session = SessionBuilder().connected(noon - day).paused(noon);
	read(noon, 7);
	EXPECT_EQ(read(noon + hour, 7).spared, Spared::InTransaction);
}

TEST_F(OldPipeline, IdleNeedsNoStillness)
{
	session = SessionBuilder().connected(noon - day).idle(noon);
	EXPECT_EQ(read(noon + 1, switches_not_read).outlook, Outlook::Due);
}

/* ---- An idle session with a transaction is bound by both limits of transactions. ---- */

TEST(IdleWithTransaction, IsBoundByTransactionTimeoutFromTheFirstReadingWhateverItStirs)
{
	Session session = SessionBuilder().idle(noon).with_transaction_id();
	TrackingState tracking = tracking_of(session);
	Policy policy = PolicyBuilder().limit(Limit::Transaction, threshold);
	Instant first = noon + minute;

	for (Instant now = first; now <= first + threshold; now += second)
	{
		session.switches += 3;
		observe(tracking, session, now);
		Decision decision = decide(Limit::Transaction, session, tracking, policy, now);
		ASSERT_EQ(decision.outlook, Outlook::Wait);
		ASSERT_EQ(decision.at, first + threshold + 1);
	}
	EXPECT_EQ(decide(Limit::Transaction, session, tracking, policy, first + threshold + 1).outlook,
	          Outlook::Due);
}

TEST(IdleWithTransaction, HasItsWholeTimeInEachTransaction)
{
	/* It serves an interrupt of the server now and then, in a transaction of its own. */
	Session session = SessionBuilder().idle(noon).switches(7);
	TrackingState tracking = tracking_of(session);
	Policy policy = PolicyBuilder()
	                    .limit(Limit::Transaction, second)
	                    .limit(Limit::IdleInTransactionSession, second);

	for (Instant now = noon; now < noon + hour; now += minute)
	{
		session.transaction++;
		observe(tracking, session, now);
		for (Limit limit : {Limit::Transaction, Limit::IdleInTransactionSession})
			EXPECT_EQ(decide(limit, session, tracking, policy, now).outlook, Outlook::Wait);
	}
}

} // namespace
} // namespace session_guard::test
