/*
 * Which episodes a session is in, and since when.
 */
#include "core/episode.h"

#include "unit/builders.h"

#include <gtest/gtest.h>

#include <ostream>
#include <set>
#include <string>
#include <utility>

namespace session_guard::test
{
namespace
{

/* The start of an episode that is measured from the very stamp that tells it, if there is one. */
std::optional<Instant>
start_of(Limit limit, const Session &session, const TrackingState &tracking)
{
	std::optional<Episode> episode = episode_of(limit, session, tracking);

	if (!episode)
		return std::nullopt;
	EXPECT_EQ(episode->start, episode->stamp);
	return episode->start;
}

std::optional<Instant>
start_of(Limit limit, const Session &session)
{
	return start_of(limit, session, tracking_of(session));
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
	TrackingState tracking = tracking_after_reading(test.session, noon + minute);

	for (Limit limit : all_limits)
		EXPECT_EQ(episode_of(limit, test.session, tracking).has_value(),
		          test.episodes.contains(limit))
		    << facts(limit).name;
}

constexpr Limit idle_limit = Limit::IdleSession;
constexpr Limit idle_in_transaction_limit = Limit::IdleInTransactionSession;

INSTANTIATE_TEST_SUITE_P(
    Limits, EpisodesOfState,
    testing::Values(
        StateCase{"Idle", SessionBuilder().idle(noon), {idle_limit, Limit::Session}},
        StateCase{"IdleWithAnOldStart",
                  SessionBuilder().idle(noon).transaction_since(noon - hour).with_transaction_id(0),
                  {idle_limit, Limit::Session}},
        StateCase{"IdleWithTransaction",
                  SessionBuilder().idle(noon).with_transaction_id(),
                  {idle_limit, idle_in_transaction_limit, Limit::Transaction, Limit::Session}},
        StateCase{"Running",
                  SessionBuilder().running(noon),
                  {Limit::Statement, Limit::DeadClient, Limit::Transaction, Limit::Session}},
        StateCase{"RunningOutsideTransaction",
                  SessionBuilder().running(noon).transaction_since(unknown_time),
                  {Limit::Statement, Limit::DeadClient, Limit::Session}},
        StateCase{"Fastpath",
                  SessionBuilder().fastpath(noon),
                  {Limit::Statement, Limit::DeadClient, Limit::Transaction, Limit::Session}},
        StateCase{"CopyFromClient",
                  SessionBuilder().paused(noon).copying(),
                  {Limit::Statement, Limit::DeadClient, Limit::Transaction, Limit::Session}},
        /* Whether it is a pause, or a message is arriving, is asked at its end. */
        StateCase{"PausedPipeline",
                  SessionBuilder().paused(noon),
                  {idle_in_transaction_limit, Limit::Transaction, Limit::Session}},
        StateCase{"PausedPipelineWithoutTransaction",
                  SessionBuilder().paused(noon).transaction_since(unknown_time),
                  {idle_limit, Limit::Session}},
        /* It has ended, and its stamp is still there. */
        StateCase{"PausedPipelineWithAnOldStart",
                  SessionBuilder().paused(noon).with_transaction_id(0),
                  {Limit::Session}},
        StateCase{"Maintaining",
                  SessionBuilder().running(noon).maintaining(noon + second),
                  {Limit::Statement, Limit::DeadClient, Limit::Transaction, Limit::Maintenance,
                   Limit::Session}},
        StateCase{"MaintainingOwnTables",
                  SessionBuilder().running(noon).maintaining_own_tables(noon + second),
                  {Limit::Statement, Limit::DeadClient, Limit::Transaction, Limit::Maintenance,
                   Limit::Session}},
        StateCase{"MaintainingInAFunctionCall",
                  SessionBuilder().fastpath(noon).maintaining(noon + second),
                  {Limit::Statement, Limit::DeadClient, Limit::Transaction, Limit::Maintenance,
                   Limit::Session}},
        StateCase{"MaintenanceThatIsOver",
                  SessionBuilder().running(noon).maintained(noon, hour, hour, hour),
                  {Limit::Statement, Limit::DeadClient, Limit::Transaction, Limit::Session}},
        StateCase{"MaintainingWithoutStamps",
                  SessionBuilder().running(noon).stamps(0, 0, 0).maintaining(noon),
                  {Limit::Session}},
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

TEST(EpisodeStart, PauseCountsFromTheLookThatFoundNoMessageTakenInSince)
{
	Session with = SessionBuilder().paused(noon).switches(7);
	Session without = SessionBuilder().paused(noon).transaction_since(unknown_time).switches(7);

	for (auto [limit, session] :
	     {std::pair(idle_in_transaction_limit, with), std::pair(idle_limit, without)})
	{
		TrackingState tracking = tracking_after_reading(session, noon + minute);
		Episode episode = episode_of(limit, session, tracking).value();

		EXPECT_EQ(episode.start, noon + minute);
		EXPECT_EQ(episode.stamp, noon);

		/* It was woken, be it by a piece of a message or by a signal. */
		session.switches++;
		observe(tracking, session, noon + hour);
		EXPECT_EQ(tracking.still.since, noon + hour);
		EXPECT_EQ(episode_of(limit, session, tracking)->start, noon + minute);
		/* A message has come. */
		session.state_change++;
		observe(tracking, session, noon + 2 * hour);
		EXPECT_EQ(episode_of(limit, session, tracking)->start, noon + 2 * hour);
		EXPECT_EQ(episode_of(limit, session, tracking)->stamp, noon + 1);
	}
}

TEST(EpisodeStart, IdleWithATransactionCountsFromTheLookThatFoundIt)
{
	Session session = SessionBuilder().idle(noon).with_transaction_id().switches(7);
	TrackingState tracking = tracking_after_reading(session, noon + minute);
	Episode episode = episode_of(idle_in_transaction_limit, session, tracking).value();

	EXPECT_EQ(episode.start, noon + minute);
	EXPECT_EQ(episode.stamp, noon);
	/* As an idle session it is one since its status says so. */
	EXPECT_EQ(start_of(idle_limit, session, tracking), noon);

	session.switches++;
	observe(tracking, session, noon + hour);
	EXPECT_EQ(episode_of(idle_in_transaction_limit, session, tracking)->start, noon + minute);
	session.transaction++;
	observe(tracking, session, noon + 2 * hour);
	EXPECT_EQ(episode_of(idle_in_transaction_limit, session, tracking)->start, noon + 2 * hour);
}

TEST(EpisodeStart, NobodyRunningIsIdleBecauseOfAnOldPause)
{
	TrackingState tracking =
	    tracking_after_reading(SessionBuilder().paused(noon).switches(7), noon + second);
	Session running = SessionBuilder().running(noon);

	EXPECT_EQ(start_of(idle_in_transaction_limit, running, tracking), std::nullopt);
	EXPECT_EQ(start_of(idle_limit, running, tracking), std::nullopt);
}

TEST(EpisodeStart, StatementCountsFromQueryStart)
{
	EXPECT_EQ(start_of(Limit::Statement, SessionBuilder().running(noon)), noon);
}

TEST(EpisodeStart, FunctionCallAfterALongIdleCountsFromStateChange)
{
	EXPECT_EQ(start_of(Limit::Statement, SessionBuilder().fastpath(noon)), noon);
}

TEST(EpisodeStart, IsWhereTheStampWasPlaced)
{
	/* All stamps are of a wall clock that is a day ahead. */
	auto behind = [](Session session)
	{
		session.times = {.backend_start = session.times.backend_start - day,
		                 .xact_start = session.times.xact_start - day,
		                 .query_start = session.times.query_start - day,
		                 .state_change = session.times.state_change - day,
		                 .wait_start = unknown_time};
		return session;
	};
	std::pair<Limit, Session> episodes[] = {
	    {Limit::IdleSession, SessionBuilder().idle(noon)},
	    {Limit::IdleInTransactionSession, SessionBuilder().idle_in_transaction(noon)},
	    {Limit::IdleInTransactionSession, SessionBuilder().aborted(noon)},
	    {Limit::Statement, SessionBuilder().running(noon)},
	    {Limit::Statement, SessionBuilder().fastpath(noon)},
	    {Limit::DeadClient, SessionBuilder().running(noon)},
	    {Limit::DeadClient, SessionBuilder().fastpath(noon)},
	    {Limit::Transaction, SessionBuilder().running(noon + second)},
	    {Limit::Transaction, SessionBuilder().idle_in_transaction(noon + minute)},
	    {Limit::Transaction, SessionBuilder().aborted(noon)},
	    {Limit::Session, SessionBuilder().connected(noon)},
	};

	for (const auto &[limit, session] : episodes)
	{
		Episode episode = episode_of(limit, behind(session), tracking_of(session)).value();

		EXPECT_EQ(episode.stamp, noon);
		EXPECT_EQ(episode.start, noon - day);
	}
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

TEST(EpisodeStart, AbortedTransactionCountsFromItsFailureThoughStatementsGoOnFailing)
{
	for (Duration later : {Duration(0), second, hour})
	{
		Session session = SessionBuilder().aborted(noon + later).failed_at(noon);

		EXPECT_EQ(start_of(Limit::Transaction, session), noon);
		/* But it has been idle in it since the last of them. */
		EXPECT_EQ(start_of(idle_in_transaction_limit, session), noon + later);
	}
}

TEST(EpisodeStart, NoTransactionButAFailedOneCountsFromAFailure)
{
	for (SessionBuilder session :
	     {SessionBuilder().running(noon), SessionBuilder().idle_in_transaction(noon)})
		EXPECT_EQ(start_of(Limit::Transaction,
		                   session.transaction_since(noon - minute).failed_at(noon - hour)),
		          noon - minute);
}

TEST(EpisodeStart, AbortedTransactionThatStillHasXactStartCountsFromIt)
{
	EXPECT_EQ(start_of(Limit::Transaction, SessionBuilder()
	                                           .aborted(noon)
	                                           .transaction_since(noon - hour)
	                                           .failed_at(noon - 2 * hour)),
	          noon - hour);
}

TEST(EpisodeStart, TransactionOfTheRunningMessageCountsFromTheFirstReading)
{
	Session session = SessionBuilder().running(noon).transaction_since(noon);
	TrackingState tracking{};

	tracking.transaction_seen = noon + second;
	EXPECT_EQ(episode_of(Limit::Transaction, session, tracking)->start, noon + second);
	session = SessionBuilder().running(noon + 1).transaction_since(noon);
	EXPECT_EQ(start_of(Limit::Transaction, session, tracking), noon);
	session = SessionBuilder().idle_in_transaction(noon).stamps(noon - minute, noon - minute, noon);
	EXPECT_EQ(start_of(Limit::Transaction, session, tracking), noon - minute);
}

TEST(EpisodeStart, TransactionThatIsOverInAllButItsStampIsNone)
{
	for (SessionBuilder session :
	     {SessionBuilder().running(noon), SessionBuilder().idle_in_transaction(noon)})
		EXPECT_FALSE(episode_of(Limit::Transaction, session.with_transaction_id(0), TrackingState{})
		                 .has_value());
}

TEST(EpisodeStart, TransactionUnderTheStampOfAnEarlierOneCountsFromTheFirstReading)
{
	for (State state : {State::Active, State::Fastpath, State::IdleInTransaction,
	                    State::IdleInTransactionAborted})
	{
		Session session = SessionBuilder().running(noon).transaction_since(noon - 7).state(state);
		TrackingState tracking = tracking_after_reading(session, noon + second);

		EXPECT_EQ(start_of(Limit::Transaction, session, tracking), noon - 7);
		session.transaction++;
		observe(tracking, session, noon + minute);
		Episode episode = episode_of(Limit::Transaction, session, tracking).value();
		EXPECT_EQ(episode.start, noon + minute);
		EXPECT_EQ(episode.stamp, noon - 7);
	}
}

TEST(EpisodeStart, TransactionOfAnIdleSessionCountsFromTheFirstReadingThatSawIt)
{
	Session session = SessionBuilder().idle(noon).transaction_since(noon - hour);
	TrackingState tracking = tracking_after_reading(session, noon + minute);

	for (Instant now : {noon + minute, noon + hour})
	{
		observe(tracking, session, now);
		Episode episode = episode_of(Limit::Transaction, session, tracking).value();
		EXPECT_EQ(episode.start, noon + minute);
		EXPECT_EQ(episode.stamp, session.transaction);
	}
	session.transaction++;
	observe(tracking, session, noon + 2 * hour);
	EXPECT_EQ(episode_of(Limit::Transaction, session, tracking)->start, noon + 2 * hour);
}

TEST(EpisodeStart, MaintenanceCountsFromItsOwnStartAndIsToldByItsStatement)
{
	for (const Session &session :
	     {Session(SessionBuilder().running(noon).maintaining(noon + minute)),
	      Session(SessionBuilder().running(noon).maintaining_own_tables(noon + minute)),
	      Session(SessionBuilder().fastpath(noon).maintaining(noon + minute))})
	{
		Episode episode = episode_of(Limit::Maintenance, session, tracking_of(session)).value();

		EXPECT_EQ(episode.start, noon + minute);
		EXPECT_EQ(episode.stamp, noon);
	}
}

TEST(EpisodeStart, NoWaitMovesIt)
{
	Session session =
	    SessionBuilder().running(noon).maintaining(noon + second).waiting_for_lock(noon + minute);
	TrackingState tracking = tracking_after_reading(session, noon + hour);

	EXPECT_EQ(start_of(Limit::Statement, session, tracking), noon);
	EXPECT_EQ(start_of(Limit::Transaction, session, tracking), session.xact_start);
	EXPECT_EQ(start_of(Limit::Session, session, tracking), session.id.backend_start);
	EXPECT_EQ(episode_of(Limit::Maintenance, session, tracking)->start, noon + second);
}

TEST(EpisodeStart, SessionCountsFromBackendStart)
{
	EXPECT_EQ(start_of(Limit::Session, SessionBuilder().connected(noon - 5 * day)), noon - 5 * day);
}

TEST(EpisodeOf, NoLimitIsNone)
{
	EXPECT_FALSE(episode_of(static_cast<Limit>(limit_count), SessionBuilder(), TrackingState{}));
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
        FactsCase{Limit::Maintenance, "maintenance_timeout", "maintenance running", Action::Cancel},
        FactsCase{Limit::Session, "session_timeout", "connected", Action::Terminate},
        FactsCase{Limit::IdleBlocker, "idle_blocker_timeout", "idle while blocking",
                  Action::Terminate},
        FactsCase{Limit::Blocker, "blocker_timeout", "blocking", Action::Cancel},
        FactsCase{Limit::HorizonAge, "max_horizon_age", "holding back vacuum by", Action::Cancel},
        FactsCase{Limit::Memory, "max_memory", "using", Action::Cancel},
        FactsCase{Limit::DeadClient, "dead_client_timeout", "statement running",
                  Action::Terminate}),
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
