/*
 * What is said beforehand, and what then happens.
 */
#include "core/policy.h"

#include "unit/builders.h"

#include <gtest/gtest.h>

#include <array>
#include <random>
#include <string>

namespace session_guard::test
{
namespace
{

constexpr Duration threshold = 5 * minute;
constexpr Timestamp at_limit = noon + threshold;
const Clock no_steps{};

Forecast
forecast_at(Timestamp now, Limit limit, const Session &session, const Policy &policy)
{
	return forecast(limit, session, memo_of(session), policy, no_steps, now);
}

/* ---- An idle session of each fate. ---- */

class ForecastOfIdle : public testing::Test
{
  protected:
	Session session = SessionBuilder().idle(noon);
	Memo memo = memo_of(session);
	PolicyBuilder policy = PolicyBuilder().limit(Limit::IdleSession, threshold);

	Forecast
	at(Timestamp now)
	{
		return forecast(Limit::IdleSession, session, memo, policy, no_steps, now);
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
	for (Timestamp now : {noon, noon + minute, at_limit, at_limit + hour})
	{
		Forecast found = at(now);

		ASSERT_TRUE(found.verdict);
		EXPECT_EQ(found.verdict->measured, now - noon);
	}
}

TEST_F(ForecastOfIdle, KeepsTheDeadlineOnceItIsPast)
{
	for (Timestamp now : {at_limit, at_limit + 1, at_limit + day})
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
	EXPECT_EQ(at(at_limit + hour).due_at, at_limit);
}

TEST_F(ForecastOfIdle, InModeLogIsToBeLoggedOnce)
{
	policy.mode(Mode::Log);
	for (Timestamp now : {noon + minute, at_limit + minute})
	{
		Forecast found = at(now);

		ASSERT_TRUE(found.verdict);
		EXPECT_EQ(found.verdict->action, Action::Log);
		EXPECT_EQ(found.due_at, at_limit);
	}
	memo.logged[index_of(Limit::IdleSession)] = noon;
	EXPECT_TRUE(at(at_limit + minute).is_done);
	EXPECT_EQ(at(at_limit + minute).due_at, never);
}

TEST_F(ForecastOfIdle, InModeLogThatWasLoggedUnderALowerLimitIsNothing)
{
	policy.mode(Mode::Log);
	memo.logged[index_of(Limit::IdleSession)] = noon;
	EXPECT_TRUE(at(noon + minute).is_done);
	EXPECT_EQ(at(noon + minute).due_at, never);
}

TEST_F(ForecastOfIdle, TellsWhoIsSparedNowThoughItIsNotDueYet)
{
	session = SessionBuilder().idle(noon).superuser(Superuser::Yes);
	for (Timestamp now : {noon + minute, at_limit + minute})
	{
		Forecast found = at(now);

		ASSERT_TRUE(found.verdict);
		EXPECT_EQ(found.spared, Spared::Superuser);
		EXPECT_EQ(found.due_at, at_limit);
		EXPECT_EQ(found.verdict->measured, now - noon);
		EXPECT_EQ(found.verdict->action, Action::Terminate);
	}
	policy.exempt_superusers(false);
	EXPECT_EQ(at(noon + minute).spared, Spared::No);
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
	note_terminate(memo.ladder, at_limit + 1);
	EXPECT_TRUE(at(at_limit + second).is_done);
	EXPECT_EQ(at(at_limit + second).due_at, never);
}

TEST_F(ForecastOfIdle, IsNothingOnceItIsTerminatedBeforeItsDeadlineForAnotherLimit)
{
	note_terminate(memo.ladder, noon + second);
	EXPECT_TRUE(at(noon + minute).is_done);
	EXPECT_EQ(at(noon + minute).due_at, never);
}

TEST(Forecast, IsNothingOutsideAnEpisode)
{
	Policy policy = PolicyBuilder().all_limits_at(threshold);

	for (Limit limit : {Limit::IdleInTransactionSession, Limit::Statement, Limit::Transaction})
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

TEST(Forecast, ShiftsTheDeadlineByAStepOfTheClock)
{
	Session session = SessionBuilder().idle(noon);
	Clock clock{};

	clock.steps[0] = {.until = noon + minute, .amount = hour};
	clock.count = 1;
	Forecast found = forecast(Limit::IdleSession, session, memo_of(session),
	                          PolicyBuilder().limit(Limit::IdleSession, threshold), clock,
	                          noon + hour + 2 * minute);
	ASSERT_TRUE(found.verdict);
	EXPECT_EQ(found.due_at, at_limit + hour);
	EXPECT_EQ(found.verdict->measured, 2 * minute);
}

/* ---- A statement that was cancelled. ---- */

class ForecastAfterCancel : public testing::Test
{
  protected:
	static constexpr Timestamp canceled_at = at_limit + 1;
	static constexpr Duration grace = 10 * second;
	static constexpr Timestamp end_of_grace = canceled_at + grace;

	Session session = SessionBuilder().running(noon);
	Memo memo = memo_of(session);
	PolicyBuilder policy = PolicyBuilder().limit(Limit::Statement, threshold).cancel_grace(grace);

	void
	SetUp() override
	{
		note_cancel(memo.ladder, noon, canceled_at);
	}
	Forecast
	at(Timestamp now, Limit limit = Limit::Statement)
	{
		return forecast(limit, session, memo, policy, no_steps, now);
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

	switch (chance.up_to(6))
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
		default:
			session.idle(since);
	}
	session.connected(noon - chance.up_to(10 * minute));
	if (chance.one_in(4))
		session.waiting_for(chance.one_of(std::array{Wait::Lock, Wait::SyncRep, Wait::ClientRead}));
	if (chance.one_in(8))
		session.superuser(chance.one_of(std::array{Superuser::Unknown, Superuser::Yes}));
	if (chance.one_in(4))
		session.listening();
	if (chance.one_in(4))
		session.maintaining();
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

/* A session that was looked at before, and perhaps acted on. */
Memo
any_memo(Chance &chance, const Session &session, Timestamp now)
{
	Memo memo = chance.one_in(2) ? memo_after_look(session, now - chance.up_to(10 * minute))
	                             : memo_of(session);

	if (chance.one_in(4))
		note_cancel(memo.ladder, chance.one_in(4) ? noon : statement_stamp(session),
		            now - chance.up_to(10 * minute));
	if (chance.one_in(8))
		note_terminate(memo.ladder, now - chance.up_to(minute));
	for (Limit limit : all_limits)
		if (std::optional<Episode> episode = episode_of(limit, session, memo);
		    episode && chance.one_in(3))
			memo.logged[index_of(limit)] = episode->stamp;
	return memo;
}

Clock
any_clock(Chance &chance)
{
	Clock clock{};

	if (chance.one_in(4))
		clock.steps[clock.count++] = {.until = noon + chance.up_to(5 * minute),
		                              .amount = 1 + chance.up_to(hour)};
	return clock;
}

/* What the guard does: it looks, and where it is told to wait, it looks again then. */
struct Fate
{
	Decision decision;
	Timestamp at;
};

Fate
fate_of(Limit limit, const Session &session, const Memo &memo, const Policy &policy,
        const Clock &clock, Timestamp now)
{
	Fate fate{.decision = decide(limit, session, memo, policy, clock, now), .at = now};

	while (fate.decision.outlook == Outlook::Wait)
	{
		fate.at = fate.decision.at;
		fate.decision = decide(limit, session, memo, policy, clock, fate.at);
	}
	return fate;
}

TEST(Forecast, AgreesWithWhatThenHappens)
{
	Chance chance(5);
	std::array<int, 4> seen{};
	int waited = 0;

	for (int i = 0; i < 20000; i++)
	{
		Limit limit = chance.one_of(all_limits);
		Session session = any_session(chance);
		Policy policy = any_policy(chance);
		Timestamp now = noon + chance.up_to(30 * minute);
		Memo memo = any_memo(chance, session, now);
		Clock clock = any_clock(chance);
		Policy on = policy;

		if (policy.mode == Mode::Off)
			on.mode = Mode::Enforce;
		Fate fate = fate_of(limit, session, memo, on, clock, now);
		Forecast found = forecast(limit, session, memo, policy, clock, now);

		SCOPED_TRACE("case " + std::to_string(i) + ", " + std::string(facts(limit).name));
		seen[static_cast<std::size_t>(fate.decision.outlook)]++;
		ASSERT_EQ(found.spared, spared_from(limit, session, on));
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
		ASSERT_EQ(found.verdict->deadline, then.deadline);
		ASSERT_EQ(found.verdict->measured, elapsed(clock, then.episode.start, now));
		if (fate.at > now)
		{
			/* The next step is due just after the moment that was foretold. */
			waited++;
			ASSERT_EQ(found.due_at, fate.at - 1);
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
}

} // namespace
} // namespace session_guard::test
