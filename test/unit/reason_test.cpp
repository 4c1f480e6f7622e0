/*
 * The sentences in which the guard explains itself.
 */
#include "core/reason.h"

#include "unit/builders.h"

#include <gtest/gtest.h>

#include <array>
#include <string>

namespace session_guard::test
{
namespace
{

std::string
reason(const Verdict &verdict, const Policy &policy = PolicyBuilder())
{
	std::array<char, 300> buffer;
	Text text(buffer);

	append_reason(text, verdict, policy);
	return std::string(text.view());
}

Verdict
verdict(Limit limit, Duration threshold, Duration measured, Duration since_cancel = 0)
{
	return {.limit = limit,
	        .threshold = {.value = threshold, .source = Source::ConfigurationFile},
	        .episode = {},
	        .deadline = noon,
	        .measured = measured,
	        .action = Action::Terminate,
	        .since_cancel = since_cancel};
}

std::string
in_force(Limit limit, const Policy &policy, std::int64_t over, std::int64_t rate = 10)
{
	std::array<char, 300> buffer;
	Text text(buffer);

	append_in_force(text, limit, policy, over, rate);
	return std::string(text.view());
}

TEST(NameOf, EverySource)
{
	EXPECT_EQ(name_of(Source::ConfigurationFile), "configuration file");
	EXPECT_EQ(name_of(static_cast<Source>(99)), "unknown");
}

std::string_view
announcement(Limit limit, Action action)
{
	Verdict announced{};

	announced.limit = limit;
	announced.action = action;
	return announcement_of(announced);
}

TEST(AnnouncementOf, EveryAction)
{
	EXPECT_EQ(announcement(Limit::Statement, Action::Cancel), "canceling statement of session");
	EXPECT_EQ(announcement(Limit::Statement, Action::Terminate), "terminating session");
	EXPECT_EQ(announcement(Limit::Statement, static_cast<Action>(99)), "unknown");
}

TEST(AnnouncementOf, LogSaysWhatWouldBeDone)
{
	EXPECT_EQ(announcement(Limit::Statement, Action::Log), "would cancel statement of session");
	EXPECT_EQ(announcement(Limit::IdleSession, Action::Log), "would terminate session");
}

TEST(Reason, NamesLimitValueSourceAndWhatWasMeasured)
{
	EXPECT_EQ(reason(verdict(Limit::IdleInTransactionSession, 5 * minute, 302 * second)),
	          "idle in transaction for 5 min 2 s, "
	          "pg_session_guard.idle_in_transaction_session_timeout is 5 min (configuration file)");
	EXPECT_EQ(reason(verdict(Limit::IdleSession, hour, hour + 1)),
	          "idle for 1 h 0.001 s, "
	          "pg_session_guard.idle_session_timeout is 1 h (configuration file)");
	EXPECT_EQ(reason(verdict(Limit::Statement, 200 * millisecond, 1500 * millisecond)),
	          "statement running for 1.5 s, "
	          "pg_session_guard.statement_timeout is 200 ms (configuration file)");
	EXPECT_EQ(reason(verdict(Limit::Transaction, minute, 2 * minute)),
	          "in a transaction for 2 min, "
	          "pg_session_guard.transaction_timeout is 1 min (configuration file)");
	EXPECT_EQ(reason(verdict(Limit::Session, day, day + 3 * hour)),
	          "connected for 1 d 3 h, "
	          "pg_session_guard.session_timeout is 1 d (configuration file)");
}

TEST(Reason, TellsOfTheCancelThatDidNotHelp)
{
	EXPECT_EQ(reason(verdict(Limit::Statement, minute, 75 * second, 15 * second),
	                 PolicyBuilder().cancel_grace(14 * second)),
	          "statement running for 1 min 15 s, "
	          "pg_session_guard.statement_timeout is 1 min (configuration file), "
	          "canceled 15 s ago, pg_session_guard.cancel_grace is 14 s");
}

TEST(Reason, IsAppended)
{
	std::array<char, 300> buffer;
	Text text(buffer);

	text.append("pid 7: ");
	append_reason(text, verdict(Limit::IdleSession, minute, 2 * minute), PolicyBuilder());
	EXPECT_EQ(text.view(), "pid 7: idle for 2 min, "
	                       "pg_session_guard.idle_session_timeout is 1 min (configuration file)");
}

TEST(InForce, TellsWhoIsOverItAndHowFastTheyEnd)
{
	Policy policy = PolicyBuilder().limit(Limit::IdleSession, 5 * minute);

	EXPECT_EQ(in_force(Limit::IdleSession, policy, 12, 25),
	          "pg_session_guard.idle_session_timeout is in force at 5 min, "
	          "12 sessions are over it now, ending 25 per second");
}

TEST(InForce, SpeaksOfOneSession)
{
	Policy policy = PolicyBuilder().limit(Limit::Statement, minute);

	EXPECT_EQ(in_force(Limit::Statement, policy, 1),
	          "pg_session_guard.statement_timeout is in force at 1 min, "
	          "1 session is over it now, ending 10 per second");
}

TEST(InForce, SpeaksOfNoSession)
{
	Policy policy = PolicyBuilder().limit(Limit::Session, day);

	EXPECT_EQ(in_force(Limit::Session, policy, 0),
	          "pg_session_guard.session_timeout is in force at 1 d, 0 sessions are over it now");
}

TEST(InForce, PromisesNothingInModeLog)
{
	Policy policy = PolicyBuilder().limit(Limit::Session, day).mode(Mode::Log);

	EXPECT_EQ(in_force(Limit::Session, policy, 3),
	          "pg_session_guard.session_timeout is in force at 1 d, 3 sessions are over it now; "
	          "mode is log, nothing is ended");
	EXPECT_EQ(in_force(Limit::Session, policy, 0),
	          "pg_session_guard.session_timeout is in force at 1 d, 0 sessions are over it now; "
	          "mode is log, nothing is ended");
}

} // namespace
} // namespace session_guard::test
