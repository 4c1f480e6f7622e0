/*
 * Which episodes a session is in, and since when.
 */
#include "unit/builders.h"

#include <gtest/gtest.h>

#include <ostream>
#include <set>
#include <string>

namespace session_guard::test
{
namespace
{

/* The start of an episode that is measured from the very stamp that tells it, if there is one. */
std::optional<Timestamp>
start_of(Limit limit, const Session &session, const Memo &memo)
{
	std::optional<Episode> episode = episode_of(limit, session, memo);

	if (!episode)
		return std::nullopt;
	EXPECT_EQ(episode->start, episode->stamp);
	return episode->start;
}

std::optional<Timestamp>
start_of(Limit limit, const Session &session)
{
	return start_of(limit, session, memo_of(session));
}

/* What each state of a session is an episode of: everything else is none. */
struct StateCase
{
	const char *name;
	Session session;
	std::set<Limit> episodes;

	friend std::ostream &
	operator<<(std::ostream &out, const StateCase &test)
	{
		return out << test.name;
	}
};

class EpisodesOfState : public testing::TestWithParam<StateCase>
{
};

TEST_P(EpisodesOfState, AreTheseAndNoOther)
{
	const StateCase &test = GetParam();

	for (Limit limit : all_limits)
		EXPECT_EQ(start_of(limit, test.session).has_value(), test.episodes.contains(limit))
		    << facts(limit).name;
}

constexpr Limit idle_limit = Limit::IdleSession;
constexpr Limit idle_in_transaction_limit = Limit::IdleInTransactionSession;

INSTANTIATE_TEST_SUITE_P(
    Limits, EpisodesOfState,
    testing::Values(
        StateCase{"Idle", SessionBuilder().idle(noon), {idle_limit, Limit::Session}},
        StateCase{"IdleThatServesAnInterrupt",
                  SessionBuilder().idle(noon).transaction_since(noon - hour),
                  {idle_limit, Limit::Session}},
        StateCase{"Running",
                  SessionBuilder().running(noon),
                  {Limit::Statement, Limit::Transaction, Limit::Session}},
        StateCase{"RunningOutsideTransaction",
                  SessionBuilder().running(noon).transaction_since(unknown_time),
                  {Limit::Statement, Limit::Session}},
        StateCase{"Fastpath",
                  SessionBuilder().fastpath(noon),
                  {Limit::Statement, Limit::Transaction, Limit::Session}},
        StateCase{"CopyFromClient",
                  SessionBuilder().paused(noon).copying(),
                  {Limit::Statement, Limit::Transaction, Limit::Session}},
        /* When the pause began is known only after a look. */
        StateCase{
            "PausedPipeline", SessionBuilder().paused(noon), {Limit::Transaction, Limit::Session}},
        StateCase{"IdleInTransaction",
                  SessionBuilder().idle_in_transaction(noon),
                  {idle_in_transaction_limit, Limit::Transaction, Limit::Session}},
        StateCase{"Aborted",
                  SessionBuilder().aborted(noon),
                  {idle_in_transaction_limit, Limit::Transaction, Limit::Session}},
        StateCase{"Disabled", SessionBuilder().disabled(), {Limit::Session}},
        StateCase{"DisabledWithOldStamps",
                  SessionBuilder().running(noon).state(State::Disabled),
                  {Limit::Session}},
        StateCase{
            "Unknown", SessionBuilder().running(noon).state(State::Unknown), {Limit::Session}},
        StateCase{
            "Starting", SessionBuilder().running(noon).state(State::Starting), {Limit::Session}},
        StateCase{"IdleWithoutStamps",
                  SessionBuilder().state(State::Idle).stamps(0, 0, 0),
                  {Limit::Session}},
        StateCase{"RunningWithoutStamps",
                  SessionBuilder().running(noon).stamps(0, 0, 0),
                  {Limit::Session}},
        StateCase{"FastpathWithoutStateChange",
                  SessionBuilder().fastpath(noon).stamps(0, noon, 0),
                  {Limit::Session}},
        StateCase{"IdleInTransactionWithoutStamps",
                  SessionBuilder().idle_in_transaction(noon).stamps(0, 0, 0),
                  {Limit::Session}},
        StateCase{"AbortedWithoutStamps",
                  SessionBuilder().aborted(noon).stamps(0, 0, 0),
                  {Limit::Session}},
        StateCase{"WithoutBackendStart", SessionBuilder().idle(noon).connected(0), {idle_limit}}),
    [](const auto &test) { return std::string(test.param.name); });

TEST(EpisodeStart, IdleSessionCountsFromStateChange)
{
	EXPECT_EQ(start_of(Limit::IdleSession, SessionBuilder().idle(noon)), noon);
}

TEST(EpisodeStart, IdleInTransactionCountsFromStateChange)
{
	EXPECT_EQ(start_of(idle_in_transaction_limit, SessionBuilder().idle_in_transaction(noon)),
	          noon);
	EXPECT_EQ(start_of(idle_in_transaction_limit, SessionBuilder().aborted(noon)), noon);
}

TEST(EpisodeStart, PauseCountsFromTheLookThatFoundIt)
{
	Session session = SessionBuilder().paused(noon);
	Episode episode =
	    episode_of(idle_in_transaction_limit, session, memo_after_look(session, noon + minute))
	        .value();

	EXPECT_EQ(episode.start, noon + minute);
	EXPECT_EQ(episode.stamp, noon);
}

TEST(EpisodeStart, PauseThatLooksOlderThanItsMessageCountsFromTheMessage)
{
	Session session = SessionBuilder().paused(noon);

	EXPECT_EQ(start_of(idle_in_transaction_limit, session, memo_after_look(session, noon - second)),
	          noon);
}

TEST(EpisodeStart, PauseWithoutStateChangeIsUnknown)
{
	Session session = SessionBuilder().paused(unknown_time);

	EXPECT_EQ(start_of(idle_in_transaction_limit, session, memo_after_look(session, noon)),
	          std::nullopt);
}

TEST(EpisodeStart, NobodyRunningIsIdleBecauseOfAnOldPause)
{
	Session paused = SessionBuilder().paused(noon);
	Memo memo = memo_after_look(paused, noon + second);

	EXPECT_EQ(start_of(idle_in_transaction_limit, SessionBuilder().running(noon), memo),
	          std::nullopt);
}

TEST(EpisodeStart, StatementCountsFromQueryStart)
{
	EXPECT_EQ(start_of(Limit::Statement, SessionBuilder().running(noon)), noon);
}

TEST(EpisodeStart, FunctionCallAfterALongIdleCountsFromStateChange)
{
	EXPECT_EQ(start_of(Limit::Statement, SessionBuilder().fastpath(noon)), noon);
}

TEST(EpisodeStart, StatementCountsFromItsRestart)
{
	Session session = SessionBuilder().running(noon);
	Memo memo = memo_of(session);

	memo.statement_restart = noon + 1;
	Episode episode = episode_of(Limit::Statement, session, memo).value();
	EXPECT_EQ(episode.start, noon + 1);
	EXPECT_EQ(episode.stamp, noon);
}

TEST(EpisodeStart, RestartOfAnEarlierStatementDoesNotCount)
{
	Session session = SessionBuilder().running(noon);
	Memo memo = memo_of(session);

	memo.statement_restart = noon - 1;
	EXPECT_EQ(start_of(Limit::Statement, session, memo), noon);
}

TEST(EpisodeStart, TransactionCountsFromXactStart)
{
	EXPECT_EQ(
	    start_of(Limit::Transaction, SessionBuilder().running(noon).transaction_since(noon - 7)),
	    noon - 7);
	EXPECT_EQ(start_of(Limit::Transaction,
	                   SessionBuilder().idle_in_transaction(noon).transaction_since(noon - 7)),
	          noon - 7);
	EXPECT_EQ(
	    start_of(Limit::Transaction, SessionBuilder().fastpath(noon).transaction_since(noon - 7)),
	    noon - 7);
}

TEST(EpisodeStart, AbortedTransactionWithoutXactStartCountsFromItsFailure)
{
	EXPECT_EQ(start_of(Limit::Transaction, SessionBuilder().aborted(noon)), noon);
}

TEST(EpisodeStart, AbortedTransactionThatStillHasXactStartCountsFromIt)
{
	EXPECT_EQ(
	    start_of(Limit::Transaction, SessionBuilder().aborted(noon).transaction_since(noon - hour)),
	    noon - hour);
}

TEST(EpisodeStart, TransactionOfTheRunningMessageCountsFromTheFirstLook)
{
	Session session = SessionBuilder().running(noon).transaction_since(noon);
	Memo memo{};

	memo.transaction_seen = noon + second;
	EXPECT_EQ(episode_of(Limit::Transaction, session, memo)->start, noon + second);
	session.query_start = noon + 1;
	EXPECT_EQ(start_of(Limit::Transaction, session, memo), noon);
	session = SessionBuilder().idle_in_transaction(noon).transaction_since(noon - minute);
	session.query_start = session.xact_start;
	EXPECT_EQ(start_of(Limit::Transaction, session, memo), noon - minute);
}

TEST(EpisodeStart, TransactionThatIsOverInAllButItsStampIsNone)
{
	for (SessionBuilder session :
	     {SessionBuilder().running(noon), SessionBuilder().idle_in_transaction(noon)})
		EXPECT_FALSE(
		    episode_of(Limit::Transaction, session.with_transaction_id(0), Memo{}).has_value());
}

TEST(EpisodeStart, TransactionCountsFromItsRestart)
{
	for (State state : {State::Active, State::Fastpath, State::IdleInTransaction,
	                    State::IdleInTransactionAborted})
	{
		Session session = SessionBuilder().running(noon).transaction_since(noon - 7).state(state);
		Memo memo = memo_of(session);

		memo.transaction_restart = noon - 6;
		Episode episode = episode_of(Limit::Transaction, session, memo).value();
		EXPECT_EQ(episode.start, noon - 6);
		EXPECT_EQ(episode.stamp, noon - 7);

		memo.transaction_restart = noon - 8;
		EXPECT_EQ(start_of(Limit::Transaction, session, memo), noon - 7);
	}
}

TEST(EpisodeStart, NoClockRestartsForAnother)
{
	Session session = SessionBuilder().running(noon);
	Memo memo = memo_of(session);

	memo.statement_restart = noon + hour;
	EXPECT_EQ(start_of(Limit::Transaction, session, memo), session.xact_start);
	EXPECT_EQ(start_of(Limit::Session, session, memo), session.id.backend_start);

	memo = memo_of(session);
	memo.transaction_restart = noon + hour;
	EXPECT_EQ(start_of(Limit::Statement, session, memo), noon);
	EXPECT_EQ(start_of(Limit::Session, session, memo), session.id.backend_start);

	Session idle = SessionBuilder().idle(noon);
	memo.statement_restart = noon + hour;
	EXPECT_EQ(start_of(Limit::IdleSession, idle, memo), noon);
}

TEST(EpisodeStart, SessionCountsFromBackendStart)
{
	EXPECT_EQ(start_of(Limit::Session, SessionBuilder().connected(noon - 5 * day)), noon - 5 * day);
}

TEST(EpisodeOf, NoLimitIsNone)
{
	EXPECT_FALSE(episode_of(static_cast<Limit>(limit_count), SessionBuilder(), Memo{}));
}

/* The facts, as they are promised to the DBA. */
struct FactsCase
{
	Limit limit;
	const char *name;
	const char *phrase;
	Action first_action;

	friend std::ostream &
	operator<<(std::ostream &out, const FactsCase &test)
	{
		return out << test.name;
	}
};

class Facts : public testing::TestWithParam<FactsCase>
{
};

TEST_P(Facts, AreThoseOfTheManual)
{
	const LimitFacts &known = facts(GetParam().limit);

	EXPECT_EQ(known.name, GetParam().name);
	EXPECT_EQ(known.phrase, GetParam().phrase);
	EXPECT_EQ(known.first_action, GetParam().first_action);
	/* Settings are named by it, so it has to end where the view does. */
	EXPECT_EQ(known.name.data()[known.name.size()], '\0');
}

INSTANTIATE_TEST_SUITE_P(
    Limits, Facts,
    testing::Values(
        FactsCase{Limit::IdleSession, "idle_session_timeout", "idle", Action::Terminate},
        FactsCase{Limit::IdleInTransactionSession, "idle_in_transaction_session_timeout",
                  "idle in transaction", Action::Terminate},
        FactsCase{Limit::Statement, "statement_timeout", "statement running", Action::Cancel},
        FactsCase{Limit::Transaction, "transaction_timeout", "in a transaction", Action::Terminate},
        FactsCase{Limit::Session, "session_timeout", "connected", Action::Terminate}),
    [](const auto &test) { return std::string(test.param.name); });

TEST(AllLimits, NamesEachOnce)
{
	EXPECT_EQ(std::set<Limit>(all_limits.begin(), all_limits.end()).size(), limit_count);
}

TEST(ThresholdOf, IsTheOneOfTheLimit)
{
	for (Limit limit : all_limits)
	{
		Policy policy = PolicyBuilder().limit(limit, minute);

		for (Limit other : all_limits)
			EXPECT_EQ(threshold_of(policy.limits, other).value, other == limit ? minute : 0);
	}
}

} // namespace
} // namespace session_guard::test
