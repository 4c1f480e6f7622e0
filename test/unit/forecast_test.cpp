/*
 * What is said beforehand, and what then happens.
 */
#include "core/forecast.h"
#include "core/stillness.h"

#include "unit/courses.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <random>
#include <string>

namespace session_guard::test
{
namespace
{

constexpr Duration threshold = 5 * minute;
constexpr Instant at_limit = noon + threshold;

Forecast
forecast_at(Instant now, Limit limit, const Session &session, const Policy &policy)
{
	return forecast(limit, session, tracking_of(session), policy, now);
}

/* ---- An idle session of each fate. ---- */

class ForecastOfIdle : public testing::Test
{
  protected:
	Session session = SessionBuilder().idle(noon);
	TrackingState tracking = tracking_of(session);
	PolicyBuilder policy = PolicyBuilder().limit(Limit::IdleSession, threshold);

	Forecast
	at(Instant now)
	{
		return forecast(Limit::IdleSession, session, tracking, policy, now);
	}
};

TEST_F(ForecastOfIdle, TellsTheDeadlineAndTheAction)
{
	Forecast found = at(noon + minute);

	ASSERT_TRUE(found.verdict);
	EXPECT_EQ(found.due_at, at_limit);
	EXPECT_EQ(found.spared, Spared::No);
	EXPECT_EQ(found.verdict->limit, Limit::IdleSession);
	EXPECT_EQ(found.verdict->threshold.value, threshold);
	EXPECT_EQ(found.verdict->episode.start, noon);
	EXPECT_EQ(found.verdict->action, Action::Terminate);
}

TEST_F(ForecastOfIdle, MeasuresWhatHasPassedByNow)
{
	for (Instant now : {noon, noon + minute, at_limit, at_limit + hour})
	{
		Forecast found = at(now);

		ASSERT_TRUE(found.verdict);
		EXPECT_EQ(found.verdict->measured, now - noon);
	}
}

TEST_F(ForecastOfIdle, KeepsTheDeadlineOnceItIsPast)
{
	for (Instant now : {at_limit, at_limit + 1, at_limit + day})
		EXPECT_EQ(at(now).due_at, at_limit);
}

TEST_F(ForecastOfIdle, InModeOffIsThatOfModeEnforce)
{
	Forecast enforced = at(noon + minute);
	policy.mode(Mode::Off);
	Forecast off = at(noon + minute);

	ASSERT_TRUE(off.verdict);
	EXPECT_EQ(off.due_at, enforced.due_at);
	EXPECT_EQ(off.verdict->action, Action::Terminate);
	EXPECT_EQ(off.verdict->measured, minute);
	/* Nobody is acted on then, and it is not known when the mode will be another one. */
	for (Instant now : {at_limit, at_limit + hour})
		EXPECT_EQ(at(now).due_at, never);
}

TEST_F(ForecastOfIdle, InModeLogIsToBeLoggedOnce)
{
	policy.mode(Mode::Log);
	for (Instant now : {noon + minute, at_limit + minute})
	{
		Forecast found = at(now);

		ASSERT_TRUE(found.verdict);
		EXPECT_EQ(found.verdict->action, Action::Log);
		EXPECT_EQ(found.due_at, at_limit);
	}
	tracking.logged[index_of(Limit::IdleSession)] = noon;
	EXPECT_TRUE(at(at_limit + minute).is_done);
	EXPECT_EQ(at(at_limit + minute).due_at, never);
}

TEST_F(ForecastOfIdle, InModeLogThatWasLoggedUnderALowerLimitIsNothing)
{
	policy.mode(Mode::Log);
	tracking.logged[index_of(Limit::IdleSession)] = noon;
	EXPECT_TRUE(at(noon + minute).is_done);
	EXPECT_EQ(at(noon + minute).due_at, never);
}

TEST_F(ForecastOfIdle, TellsWhoIsSparedNowThoughItIsNotDueYet)
{
	session = SessionBuilder().idle(noon).superuser(Superuser::Yes);
	for (Instant now : {noon + minute, at_limit + minute})
	{
		Forecast found = at(now);

		ASSERT_TRUE(found.verdict);
		EXPECT_EQ(found.spared, Spared::Superuser);
		EXPECT_EQ(found.due_at, never);
		EXPECT_EQ(found.verdict->measured, now - noon);
		EXPECT_EQ(found.verdict->action, Action::Terminate);
	}
	policy.exempt_superusers(false);
	EXPECT_EQ(at(noon + minute).spared, Spared::No);
	EXPECT_EQ(at(noon + minute).due_at, at_limit);
}

TEST_F(ForecastOfIdle, IsNeverDueForWhoIsSparedForGood)
{
	Session ordinary = SessionBuilder().idle(noon);

	for (Mode mode : {Mode::Enforce, Mode::Log, Mode::Off})
		for (Instant now : {noon + minute, at_limit, at_limit + minute})
		{
			policy = PolicyBuilder().limit(Limit::IdleSession, threshold).mode(mode);
			session = SessionBuilder().idle(noon).listening();
			EXPECT_EQ(at(now).due_at, never);
			session = SessionBuilder().idle(noon).superuser(Superuser::Unknown);
			EXPECT_EQ(at(now).due_at, never);
			session = ordinary;
			policy.exempt(true);
			EXPECT_EQ(at(now).due_at, never);
			EXPECT_EQ(at(now).spared, Spared::Exempt);
			EXPECT_EQ(at(now).verdict->measured, now - noon);
		}
}

TEST_F(ForecastOfIdle, TellsOfTheSwitchesInModeOffToo)
{
	session = SessionBuilder().idle(noon).listening();
	policy.mode(Mode::Off);
	EXPECT_EQ(at(noon + minute).spared, Spared::Listener);
	policy.exempt(true);
	EXPECT_EQ(at(noon + minute).spared, Spared::Exempt);
}

TEST_F(ForecastOfIdle, IsNothingWhileTheLimitIsOff)
{
	policy.limit(Limit::IdleSession, 0);
	for (Mode mode : {Mode::Enforce, Mode::Log, Mode::Off})
	{
		policy.mode(mode);
		EXPECT_FALSE(at(at_limit + minute).verdict);
		EXPECT_EQ(at(at_limit + minute).due_at, never);
	}
}

TEST_F(ForecastOfIdle, IsNothingOnceItIsTerminated)
{
	note_terminate(tracking.escalation, at_limit + 1);
	EXPECT_TRUE(at(at_limit + second).is_done);
	EXPECT_EQ(at(at_limit + second).due_at, never);
}

TEST_F(ForecastOfIdle, IsNothingOnceItIsTerminatedBeforeItsDeadlineForAnotherLimit)
{
	note_terminate(tracking.escalation, noon + second);
	EXPECT_TRUE(at(noon + minute).is_done);
	EXPECT_EQ(at(noon + minute).due_at, never);
}

TEST(Forecast, IsNothingOutsideAnEpisode)
{
	Policy policy = PolicyBuilder().all_limits_at(threshold);

	for (Limit limit : {Limit::IdleInTransactionSession, Limit::Statement, Limit::Transaction,
	                    Limit::Maintenance})
	{
		Forecast found = forecast_at(noon + day, limit, SessionBuilder().idle(noon), policy);

		EXPECT_FALSE(found.verdict);
		EXPECT_EQ(found.due_at, never);
	}
}

TEST(Forecast, TellsWhyOneWithoutAnEpisodeIsSpared)
{
	Forecast found = forecast_at(noon + day, Limit::Statement, SessionBuilder().disabled(),
	                             PolicyBuilder().all_limits_at(threshold));

	EXPECT_FALSE(found.verdict);
	EXPECT_EQ(found.due_at, never);
	EXPECT_EQ(found.spared, Spared::NotMeasurable);
}

TEST(Forecast, PutsTheDeadlineOffByWhatDoesNotCount)
{
	Session session = SessionBuilder().running(noon);
	TrackingState tracking = tracking_after_reading(session, noon);

	observe(tracking, SessionBuilder().running(noon).waiting_for_lock(noon + second),
	        noon + minute);
	observe(tracking, session, noon + 2 * minute);
	Forecast found =
	    forecast(Limit::Statement, session, tracking,
	             PolicyBuilder().limit(Limit::Statement, threshold), noon + 3 * minute);
	ASSERT_TRUE(found.verdict);
	EXPECT_EQ(found.due_at, at_limit + 2 * minute - second);
	EXPECT_EQ(found.verdict->measured, minute + second);
	EXPECT_EQ(found.verdict->episode.start, noon);
}

/* Its deadline moves on with what does not count, and it may not be spared any more by then. */
TEST(Forecast, OfWhoIsSparedForNowIsTheEarliestMoment)
{
	Policy policy =
	    PolicyBuilder().limit(Limit::Statement, threshold).limit(Limit::Session, threshold);
	Instant now = noon + minute;
	Session waiting = SessionBuilder().running(noon).waiting_for_lock(noon + second);
	Session maintaining = SessionBuilder().running(noon).maintaining(noon + second);
	Session standby = SessionBuilder().running(noon).connected(noon).waiting_for(Wait::SyncRep);

	for (const Session &session : {waiting, maintaining})
	{
		TrackingState tracking = tracking_after_reading(SessionBuilder().running(noon), noon);

		observe(tracking, session, now);
		Forecast found = forecast(Limit::Statement, session, tracking, policy, now);

		EXPECT_NE(found.spared, Spared::No);
		EXPECT_EQ(found.due_at, now + threshold - second);
	}
	Session busy = SessionBuilder().running(noon).connected(noon);
	EXPECT_EQ(forecast_at(now, Limit::Session, busy, policy).due_at, at_limit);
	EXPECT_EQ(forecast_at(now, Limit::Session, standby, policy).due_at, at_limit);
}

TEST(Forecast, OfWhoIsSparedForNowAndOverItsLimitIsNoMoment)
{
	Policy policy =
	    PolicyBuilder().limit(Limit::Statement, threshold).limit(Limit::Session, threshold);
	Session busy = SessionBuilder().running(noon).connected(noon);
	Session waiting = SessionBuilder().running(noon).waiting_for_lock(at_limit + second);
	TrackingState tracking = tracking_after_reading(SessionBuilder().running(noon), noon);

	observe(tracking, waiting, at_limit + minute);
	Forecast found = forecast(Limit::Statement, waiting, tracking, policy, at_limit + minute);

	EXPECT_EQ(found.spared, Spared::LockWait);
	EXPECT_EQ(found.due_at, never);
	EXPECT_EQ(found.verdict->measured, threshold + second);
	EXPECT_FALSE(found.is_done);
	for (Instant now : {at_limit, at_limit + 1, at_limit + hour})
	{
		found = forecast_at(now, Limit::Session, busy, policy);
		EXPECT_EQ(found.spared, Spared::InTransaction);
		EXPECT_EQ(found.due_at, never);
		EXPECT_FALSE(found.is_done);
	}
}

TEST(Forecast, OfAnIdleSessionTakesItForStill)
{
	Session session = SessionBuilder().idle(noon).switches(switches_not_read);
	Policy policy = PolicyBuilder().limit(Limit::IdleSession, threshold);
	TrackingState tracking = tracking_of(session);

	EXPECT_EQ(forecast(Limit::IdleSession, session, tracking, policy, noon + minute).due_at,
	          at_limit);
	/* A process that was not read until then exceeds its limit, and only has to be read again.
	 */
	EXPECT_EQ(forecast(Limit::IdleSession, session, tracking, policy, noon + hour).due_at,
	          at_limit);
	/* And so is at its deadline who was seen to stir shortly before it. */
	session.switches = 7;
	tracking = tracking_after_reading(session, at_limit - second / 2);
	EXPECT_EQ(forecast(Limit::IdleSession, session, tracking, policy, at_limit - second / 2).due_at,
	          at_limit);
}

TEST(Forecast, TellsWhoCannotBeToldThoughInNoEpisode)
{
	Forecast found =
	    forecast_at(noon + day, Limit::IdleInTransactionSession, SessionBuilder().paused(noon),
	                PolicyBuilder().limit(Limit::IdleInTransactionSession, threshold));

	EXPECT_FALSE(found.verdict);
	EXPECT_EQ(found.spared, Spared::SwitchesUnreadable);
}

/* ---- A statement that was canceled. ---- */

class ForecastAfterCancel : public testing::Test
{
  protected:
	static constexpr Instant canceled_at = at_limit + 1;
	static constexpr Duration grace = 10 * second;
	static constexpr Instant end_of_grace = canceled_at + grace;

	Session session = SessionBuilder().running(noon);
	TrackingState tracking = tracking_of(session);
	PolicyBuilder policy = PolicyBuilder().limit(Limit::Statement, threshold).cancel_grace(grace);

	void
	SetUp() override
	{
		note_cancel(tracking.escalation, noon, Limit::Statement, noon, canceled_at);
	}
	Forecast
	at(Instant now, Limit limit = Limit::Statement)
	{
		return forecast(limit, session, tracking, policy, now);
	}
};

TEST_F(ForecastAfterCancel, IsTheTerminationAtTheEndOfTheGrace)
{
	Forecast found = at(canceled_at + second);

	ASSERT_TRUE(found.verdict);
	EXPECT_EQ(found.due_at, end_of_grace);
	EXPECT_EQ(found.verdict->action, Action::Terminate);
	EXPECT_EQ(found.verdict->episode.start, noon);
	EXPECT_EQ(found.verdict->measured, threshold + 1 + second);
}

TEST_F(ForecastAfterCancel, IsNothingWithoutGrace)
{
	policy.cancel_grace(0);
	EXPECT_TRUE(at(canceled_at + second).is_done);
	EXPECT_EQ(at(canceled_at + second).due_at, never);
}

TEST_F(ForecastAfterCancel, IsNothingWithoutGraceThoughTheLimitWasRaisedSince)
{
	policy.cancel_grace(0).limit(Limit::Statement, hour);
	EXPECT_TRUE(at(canceled_at + second).is_done);
	EXPECT_EQ(at(canceled_at + second).due_at, never);
}

TEST_F(ForecastAfterCancel, WaitsForTheGraceBeforeAnotherLimitThatIsReachedWithinIt)
{
	/* The transaction began a second before the statement. */
	policy.limit(Limit::Transaction, threshold + 2 * second);
	Forecast found = at(canceled_at, Limit::Transaction);

	ASSERT_TRUE(found.verdict);
	EXPECT_EQ(found.due_at, end_of_grace);
	EXPECT_EQ(found.verdict->limit, Limit::Transaction);
	EXPECT_EQ(found.verdict->action, Action::Terminate);
	EXPECT_EQ(found.verdict->episode.start, noon - second);
	EXPECT_EQ(found.verdict->measured, threshold + second + 1);
}

/* ---- Whatever a session does: decide() has the last word. ---- */

class Chance
{
  public:
	explicit Chance(unsigned seed) : random_(seed)
	{
	}

	bool
	one_in(unsigned count)
	{
		return random_() % count == 0;
	}
	Duration
	up_to(Duration most)
	{
		return std::uniform_int_distribution<Duration>(0, most)(random_);
	}
	template <typename Values>
	auto
	one_of(const Values &values)
	{
		return values[random_() % std::size(values)];
	}

  private:
	std::mt19937 random_;
};

Session
any_session(Chance &chance)
{
	Timestamp since = noon + chance.up_to(10 * minute);
	SessionBuilder session;

	switch (chance.up_to(7))
	{
		case 0:
			session.running(since);
			break;
		case 1:
			session.paused(since);
			break;
		case 2:
			session.idle_in_transaction(since);
			break;
		case 3:
			session.aborted(since);
			break;
		case 4:
			session.fastpath(since);
			break;
		case 5:
			session.disabled();
			break;
		case 6:
			session.paused(since).transaction_since(unknown_time);
			break;
		default:
			session.idle(since);
	}
	session.connected(noon - chance.up_to(10 * minute));
	if (chance.one_in(4))
		session.waiting_for(chance.one_of(std::array{Wait::SyncRep, Wait::ClientRead}));
	if (chance.one_in(6))
		session.waiting_for_lock(chance.one_in(4) ? unknown_time : since + chance.up_to(minute));
	if (chance.one_in(8))
		session.superuser(chance.one_of(std::array{Superuser::Unknown, Superuser::Yes}));
	if (chance.one_in(4))
		session.peer(chance.one_of(std::array{Peer::There, Peer::Unreadable}));
	if (chance.one_in(4))
		session.listening();
	if (chance.one_in(4))
		session.maintaining(since + chance.up_to(minute));
	if (chance.one_in(8))
		session.maintaining_own_tables(since + chance.up_to(minute));
	if (chance.one_in(4))
		session.maintained(chance.one_in(4) ? noon : statement_stamp(session),
		                   chance.up_to(10 * minute), chance.up_to(minute), chance.up_to(minute));
	if (chance.one_in(4))
		session.failed_at(since - chance.up_to(minute));
	if (!chance.one_in(4))
		session.switches(chance.one_in(4) ? switches_not_read : 7);
	if (chance.one_in(8))
		session.worker_waiting_for_lock();
	if (chance.one_in(8))
		session.with_transaction_id();
	if (chance.one_in(20))
		session.state(State::Unknown);
	return session;
}

Policy
any_policy(Chance &chance)
{
	PolicyBuilder policy;

	policy.mode(chance.one_of(std::array{Mode::Off, Mode::Log, Mode::Enforce, Mode::Enforce}))
	    .exempt(chance.one_in(8))
	    .exempt_superusers(!chance.one_in(4))
	    .spare_listeners(!chance.one_in(4))
	    .spare_maintenance(!chance.one_in(4))
	    .spare_lock_waiters(!chance.one_in(4))
	    .cancel_grace(chance.one_in(4) ? 0 : chance.up_to(10 * minute));
	for (Limit limit : all_limits)
		policy.limit(limit, chance.one_in(8) ? 0 : 1 + chance.up_to(20 * minute));
	return policy;
}

/* A session that was read before, and perhaps acted on. */
TrackingState
any_tracking(Chance &chance, const Session &session, Instant now)
{
	TrackingState tracking = tracking_of(session);

	if (chance.one_in(2))
	{
		Session before = session;

		if (chance.one_in(2))
			before.wait = chance.one_of(std::array{Wait::Lock, Wait::SyncRep, Wait::Other});
		if (chance.one_in(4))
			before.transaction = 16;
		/* It has stirred since. */
		if (before.switches > 0 && chance.one_in(2))
			before.switches--;
		observe(tracking, before, now - chance.up_to(10 * minute));
	}
	observe(tracking, session, now);

	if (chance.one_in(4))
	{
		Timestamp statement = chance.one_in(4) ? noon : statement_stamp(session);

		note_cancel(tracking.escalation, statement, chance.one_of(all_limits), statement,
		            now - chance.up_to(10 * minute));
	}
	if (chance.one_in(8))
		note_terminate(tracking.escalation, now - chance.up_to(minute));
	for (Limit limit : all_limits)
		if (std::optional<Episode> episode = episode_of(limit, session, tracking);
		    episode && chance.one_in(3))
			tracking.logged[index_of(limit)] = episode->stamp;
	return tracking;
}

/* What the guard does: it reads the session, and where it is told to wait, reads it again then. */
struct Fate
{
	Decision decision;
	Instant at;
	TrackingState tracking;
	/* The last reading that it waited for without being over the limit and only not still yet. */
	Instant awaited;
};

/* Whose time goes on only while it does not wait is not followed by readings. */
bool
goes_on(const Session &session)
{
	return !waits_for_lock(session) && session.wait == Wait::Other &&
	       !runs_spared_maintenance(session);
}

/* A session that goes on as it is, so that its process does not stir whenever it is asked. */
Fate
fate_of(Limit limit, Session session, TrackingState tracking, const Policy &policy, Instant now)
{
	bool is_readable = session.switches != switches_unreadable;
	bool is_followed = goes_on(session);
	Fate fate{.decision = decide(limit, session, tracking, policy, now),
	          .at = now,
	          .tracking = tracking,
	          .awaited = unknown_time};

	for (int readings = 0; fate.decision.outlook == Outlook::Wait && readings < 100; readings++)
	{
		fate.at = fate.decision.at;
		if (fate.decision.verdict.deadline == 0)
			fate.awaited = fate.at;
		if (is_readable)
			session.switches = wants_switches(session, tracking, policy, fate.at, Asker::Evaluation)
			                       ? 7
			                       : switches_not_read;
		if (is_followed)
			observe(tracking, session, fate.at);
		else if (session.switches >= 0 && tracking.still.since == unknown_time)
			tracking.still.since = tracking.still.asked_since = fate.at;
		fate.decision = decide(limit, session, tracking, policy, fate.at);
	}
	fate.tracking = tracking;
	return fate;
}

TEST(Forecast, AgreesWithWhatThenHappens)
{
	Chance chance(5);
	std::array<int, 4> seen{};
	int waited = 0;
	int unsettled = 0;
	int settling = 0;
	int corrected = 0;
	int for_good = 0;
	int for_now = 0;

	for (int i = 0; i < 40000; i++)
	{
		Limit limit = chance.one_of(all_limits);
		Session session = any_session(chance);
		Policy policy = any_policy(chance);
		Instant now = noon + chance.up_to(30 * minute);
		/* Shortly before the deadline of who seems idle each second tells. */
		if (chance.one_in(8))
			now = std::max(noon, session.times.state_change +
			                         threshold_of(policy.limits, limit).value -
			                         chance.up_to(2 * second));
		TrackingState tracking = any_tracking(chance, session, now);
		Policy on = policy;

		if (policy.mode == Mode::Off)
			on.mode = Mode::Enforce;
		Fate fate = fate_of(limit, session, tracking, on, now);
		Forecast found = forecast(limit, session, tracking, policy, now);

		SCOPED_TRACE("case " + std::to_string(i) + ", " + std::string(facts(limit).name));
		seen[static_cast<std::size_t>(fate.decision.outlook)]++;
		ASSERT_NE(fate.decision.outlook, Outlook::Wait);
		ASSERT_EQ(found.spared, spared_from(limit, session, tracking, on));
		if (fate.decision.outlook == Outlook::Nothing)
		{
			/* In no episode, or all was done. */
			ASSERT_EQ(found.is_done, found.verdict.has_value());
			ASSERT_EQ(found.due_at, never);
			continue;
		}

		const Verdict &then = fate.decision.verdict;
		ASSERT_TRUE(found.verdict);
		ASSERT_FALSE(found.is_done);
		ASSERT_EQ(found.verdict->limit, limit);
		ASSERT_EQ(found.verdict->action, then.action);
		ASSERT_EQ(found.verdict->threshold.value, then.threshold.value);
		ASSERT_EQ(found.verdict->episode.start, then.episode.start);
		ASSERT_EQ(found.verdict->episode.stamp, then.episode.stamp);
		/* Of what is only presumed each reading tells more. */
		Duration presumed_now = presumed(limit, then.episode.start, session, tracking, on);
		Duration presumed_then = presumed(limit, then.episode.start, session, fate.tracking, on);
		Duration off = excluded(limit, session, tracking, on) + presumed_now;
		ASSERT_EQ(found.verdict->deadline - presumed_now, then.deadline - presumed_then);
		ASSERT_EQ(found.verdict->measured, std::max<Duration>(0, now - then.episode.start - off));
		corrected += presumed_then != presumed_now ? 1 : 0;
		bool is_spared = found.spared != Spared::No || policy.mode == Mode::Off;
		bool is_spared_for_good = found.spared != Spared::No && !may_pass_soon(found.spared);
		if (is_spared_for_good)
		{
			/* The guard comes to say the same of it. */
			for_good++;
			ASSERT_EQ(found.due_at, never);
			ASSERT_EQ(fate.decision.outlook, Outlook::Spared);
			ASSERT_EQ(fate.decision.spared, found.spared);
		}
		else if (is_spared && (fate.awaited == unknown_time || fate.awaited - 1 <= now))
		{
			/* It is over the limit, and spared for now. */
			for_now++;
			ASSERT_EQ(found.due_at, never);
		}
		else if (fate.awaited != unknown_time)
		{
			/* The next step is due just before the reading that was waited for. */
			waited++;
			unsettled += fate.at > fate.awaited ? 1 : 0;
			ASSERT_EQ(found.due_at, fate.awaited - 1);
			ASSERT_TRUE(!is_spared || found.due_at > now);
		}
		else if (fate.at > now)
		{
			/* It is over the limit already. */
			settling++;
			ASSERT_EQ(found.due_at, then.deadline);
			ASSERT_LT(found.due_at, now);
		}
		else
		{
			ASSERT_GE(found.due_at, then.deadline);
			ASSERT_LT(found.due_at, now);
		}
	}
	/* Chance has not left anything out. */
	EXPECT_GT(seen[static_cast<std::size_t>(Outlook::Nothing)], 1000);
	EXPECT_GT(seen[static_cast<std::size_t>(Outlook::Spared)], 1000);
	EXPECT_GT(seen[static_cast<std::size_t>(Outlook::Due)], 1000);
	EXPECT_GT(waited, 1000);
	EXPECT_GT(unsettled, 10);
	EXPECT_GT(settling, 10);
	EXPECT_GT(corrected, 10);
	EXPECT_GT(for_good, 1000);
	EXPECT_GT(for_now, 100);
}

} // namespace
} // namespace session_guard::test
