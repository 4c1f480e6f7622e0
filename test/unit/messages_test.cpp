/*
 * The sentences in which the guard explains itself.
 */
#include "core/messages.h"

#include "unit/builders.h"

#include <gtest/gtest.h>

#include <array>
#include <string>
#include <vector>

namespace session_guard::test
{
namespace
{

constexpr Names names{.role = "app",
                      .database = "shop",
                      .rule = "reports",
                      .taken_role = "anon",
                      .exempting_rule = "backups"};

std::string
reason(const Verdict &verdict, const Policy &policy = PolicyBuilder())
{
	std::array<char, 300> buffer;
	Text text(buffer);

	append_reason(text, verdict, policy, names);
	return std::string(text.view());
}

Verdict
verdict(Limit limit, Duration threshold, Duration measured, Duration since_cancel = 0)
{
	return {.limit = limit,
	        .threshold = {.value = threshold, .source = Source::ConfigurationFile},
	        .episode = {},
	        .deadline = noon,
	        .jitter = 0,
	        .due = noon,
	        .measured = measured,
	        .action = Action::Terminate,
	        .since_cancel = since_cancel,
	        .waiters = 1,
	        .not_taken = facts(limit).first_action,
	        .used = std::int64_t{3100} * 1024 * 1024,
	        .bound = MemoryBound::Host,
	        .idle = 5 * minute,
	        .connections = 97};
}

std::string
detail(const Verdict &verdict, const Policy &policy = PolicyBuilder())
{
	std::array<char, 300> buffer;
	Text text(buffer);

	append_detail(text, verdict, policy, names);
	return std::string(text.view());
}

std::string
in_force(Limit limit, const Policy &policy, const Census &census, std::int64_t rate = 10,
         bool is_stored = false)
{
	std::array<char, 640> buffer;
	Text text(buffer);

	append_in_force(text, limit, policy,
	                {.roles_or_databases = is_stored, .rules = false, .trials = false}, census,
	                rate);
	return std::string(text.view());
}

std::string
in_force(Limit limit, const Policy &policy, std::int64_t over, std::int64_t rate = 10,
         bool is_stored = false)
{
	return in_force(limit, policy, Census{.over = over, .spared = {}}, rate, is_stored);
}

std::string
source(Source source, const Names &of = names)
{
	std::array<char, 300> buffer;
	Text text(buffer);

	append_source(text, source, of);
	return std::string(text.view());
}

std::string
spared(Spared spared, const Policy &policy = PolicyBuilder())
{
	std::array<char, 300> buffer;
	Text text(buffer);

	append_spared(text, spared, policy, names);
	return std::string(text.view());
}

TEST(SourceText, NamesTheRoleAndTheDatabase)
{
	EXPECT_EQ(source(Source::ConfigurationFile), "configuration file");
	EXPECT_EQ(source(Source::AllRoles), "all roles");
	EXPECT_EQ(source(Source::Database), "database \"shop\"");
	EXPECT_EQ(source(Source::Role), "role \"app\"");
	EXPECT_EQ(source(Source::RoleInDatabase), "role \"app\" in database \"shop\"");
	EXPECT_EQ(source(static_cast<Source>(99)), "");
}

TEST(SourceText, NamesTheRule)
{
	EXPECT_EQ(source(Source::Rule), "rule \"reports\"");
	EXPECT_EQ(source(Source::Rule, {.role = "", .database = "", .rule = "a\"b"}),
	          "rule \"a\"\"b\"");
	/* It has been deleted meanwhile. */
	EXPECT_EQ(source(Source::Rule, {.role = "app", .database = "shop"}), "a rule");
}

TEST(SourceText, NamesTheRoleThatWasTaken)
{
	EXPECT_EQ(source(Source::TakenRole), "role \"anon\" taken by SET ROLE");
	EXPECT_EQ(source(Source::TakenRoleInDatabase),
	          "role \"anon\" taken by SET ROLE in database \"shop\"");
	EXPECT_EQ(source(Source::TakenRoleInDatabase,
	                 {.role = "", .database = "d\"", .rule = {}, .taken_role = "r\""}),
	          "role \"r\"\"\" taken by SET ROLE in database \"d\"\"\"");
}

TEST(SourceText, TakesLongNamesWhole)
{
	std::string role(63, 'r');
	std::string database(63, 'd');

	EXPECT_EQ(source(Source::RoleInDatabase, {.role = role, .database = database}),
	          "role \"" + role + "\" in database \"" + database + "\"");
}

TEST(SourceText, DoublesQuotesInNames)
{
	EXPECT_EQ(
	    source(Source::RoleInDatabase, {.role = "a\" in database \"b", .database = "\"shop\""}),
	    "role \"a\"\" in database \"\"b\" in database \"\"\"shop\"\"\"");
}

TEST(ClientDetail, IsASentenceForEachLimit)
{
	auto of = [](Limit limit) { return detail(verdict(limit, minute, minute + 2 * second)); };

	EXPECT_EQ(of(Limit::IdleSession),
	          "Idle for 1 min 2 s; pg_session_guard.idle_session_timeout is 1 min (configuration "
	          "file).");
	EXPECT_EQ(of(Limit::IdleInTransactionSession),
	          "Idle in transaction for 1 min 2 s; "
	          "pg_session_guard.idle_in_transaction_session_timeout is 1 min (configuration "
	          "file).");
	EXPECT_EQ(of(Limit::Statement), "Statement running for 1 min 2 s; "
	                                "pg_session_guard.statement_timeout is 1 min (configuration "
	                                "file).");
	EXPECT_EQ(of(Limit::Transaction), "In a transaction for 1 min 2 s; "
	                                  "pg_session_guard.transaction_timeout is 1 min "
	                                  "(configuration file).");
	EXPECT_EQ(of(Limit::Maintenance), "Maintenance running for 1 min 2 s; "
	                                  "pg_session_guard.maintenance_timeout is 1 min "
	                                  "(configuration file).");
	EXPECT_EQ(of(Limit::Session), "Connected for 1 min 2 s; pg_session_guard.session_timeout is 1 "
	                              "min (configuration file).");
}

TEST(ClientDetail, NamesTheJitter)
{
	Verdict with_jitter = verdict(Limit::Session, minute, 65 * second);

	with_jitter.jitter = 4 * second;
	EXPECT_EQ(detail(with_jitter), "Connected for 1 min 5 s; pg_session_guard.session_timeout is 1 "
	                               "min (configuration file) plus 4 s of jitter.");
	EXPECT_EQ(reason(with_jitter), "connected for 1 min 5 s, pg_session_guard.session_timeout is 1 "
	                               "min (configuration file) plus 4 s of jitter");
}

TEST(ClientDetail, NamesTheSource)
{
	Verdict by_role = verdict(Limit::IdleSession, minute, 2 * minute);

	by_role.threshold.source = Source::RoleInDatabase;
	EXPECT_EQ(detail(by_role), "Idle for 2 min; pg_session_guard.idle_session_timeout is 1 min "
	                           "(role \"app\" in database \"shop\").");
}

TEST(ClientDetail, TellsOfTheCancelBefore)
{
	EXPECT_EQ(detail(verdict(Limit::Statement, minute, 2 * minute, 11 * second),
	                 PolicyBuilder().cancel_grace(10 * second)),
	          "Statement running for 2 min; pg_session_guard.statement_timeout is 1 min "
	          "(configuration file). Canceled 11 s ago and went on; pg_session_guard.cancel_grace "
	          "is 10 s.");
}

TEST(ClientDetail, SaysHowManyABlockerKeepsWaiting)
{
	Verdict blocker = verdict(Limit::Blocker, minute, minute + 2 * second);

	EXPECT_EQ(detail(blocker), "Blocking 1 session for 1 min 2 s; "
	                           "pg_session_guard.blocker_timeout is 1 min (configuration file).");
	blocker.waiters = 14;
	EXPECT_EQ(detail(blocker), "Blocking 14 sessions, the first for 1 min 2 s; "
	                           "pg_session_guard.blocker_timeout is 1 min (configuration file).");
	EXPECT_EQ(reason(blocker), "blocking 14 sessions, the first for 1 min 2 s, "
	                           "pg_session_guard.blocker_timeout is 1 min (configuration file)");
	blocker.limit = Limit::IdleBlocker;
	EXPECT_EQ(reason(blocker),
	          "idle while blocking 14 sessions, the first for 1 min 2 s, "
	          "pg_session_guard.idle_blocker_timeout is 1 min (configuration file)");
}

constexpr std::int64_t mebibyte = std::int64_t{1024} * 1024;

TEST(ClientDetail, OfAShortageSaysWhatIsLeftForAll)
{
	Verdict low = verdict(Limit::AvailableMemory, 512 * mebibyte, 180 * mebibyte + 1);

	EXPECT_EQ(
	    detail(low),
	    "Using 3.1 GB of memory, more than any other session that could be ended for it, while the "
	    "server has 180 MB left; pg_session_guard.min_available_memory is 512 MB "
	    "(configuration file).");
	low.bound = MemoryBound::Cgroup;
	EXPECT_NE(detail(low).find("while the server's cgroup has 180 MB left"), std::string::npos);
	/* The grace that is set is not the one that it had. */
	low.since_cancel = second;
	EXPECT_NE(detail(low).find("(configuration file). Canceled 1 s ago and went on."),
	          std::string::npos);
}

TEST(ClientDetail, OfADeadClientSaysThatItIsGone)
{
	EXPECT_EQ(detail(verdict(Limit::DeadClient, minute, 90 * second)),
	          "Statement running for 1 min 30 s though its client is gone; "
	          "pg_session_guard.dead_client_timeout is 1 min (configuration file).");
}

TEST(InForce, OfTheServerSaysWhatIsLeft)
{
	std::array<char, 300> buffer;
	Policy policy = PolicyBuilder().limit(Limit::AvailableMemory, 512 * mebibyte);
	auto text = [&](std::optional<AvailableMemory> left)
	{
		Text sentence(buffer);

		append_in_force_for_server(sentence, Limit::AvailableMemory, policy, left);
		return std::string(sentence.view());
	};

	EXPECT_EQ(text(std::nullopt), "pg_session_guard.min_available_memory is in force at 512 MB");
	policy.mode = Mode::Log;
	EXPECT_EQ(text(AvailableMemory{.bytes = 600 * mebibyte, .bound = MemoryBound::Host}),
	          "pg_session_guard.min_available_memory is in force at 512 MB; the server has 600 MB "
	          "left; mode is log, nothing is ended");
}

TEST(ClientDetail, OfWhoMakesRoomSaysHowManyConnectionsAreFree)
{
	EXPECT_EQ(detail(verdict(Limit::Headroom, 3, 1)),
	          "Idle for 5 min while 1 of 97 connections is free; "
	          "pg_session_guard.connection_headroom is 3 (configuration file).");
	EXPECT_NE(detail(verdict(Limit::Headroom, 3, 0)).find("while 0 of 97 connections are free"),
	          std::string::npos);
	Verdict one = verdict(Limit::Headroom, 1, 0);
	one.connections = 1;
	EXPECT_NE(detail(one).find("while 0 of 1 connection are free"), std::string::npos);
}

TEST(InForce, OfHeadroomSaysHowManyConnectionsAreFree)
{
	std::array<char, 300> buffer;
	Text sentence(buffer);

	append_headroom_in_force(sentence, PolicyBuilder().limit(Limit::Headroom, 3),
	                         {.free = 90, .all = 97, .is_to_go = false});
	EXPECT_EQ(sentence.view(), "pg_session_guard.connection_headroom is in force at 3; 90 of 97 "
	                           "connections are free");
}

TEST(ClientHint, IsASentenceForEachLimit)
{
	for (Limit limit : all_limits)
	{
		std::string_view hint = facts(limit).hint;

		EXPECT_TRUE(hint.ends_with(".")) << hint;
		EXPECT_TRUE(hint.front() >= 'A' && hint.front() <= 'Z') << hint;
		EXPECT_LT(hint.size(), 192U) << hint;
	}
}

TEST(Lateness, IsWhatWasMeasuredBeyondTheThreshold)
{
	Policy policy = PolicyBuilder().cancel_grace(10 * second);

	EXPECT_EQ(lateness_of(verdict(Limit::IdleSession, minute, minute + 5), policy), 5);
	EXPECT_EQ(lateness_of(verdict(Limit::Statement, minute, 2 * minute, 10 * second + 7), policy),
	          7);

	Verdict with_jitter = verdict(Limit::Session, minute, minute + 10 * second + 3);
	with_jitter.jitter = 10 * second;
	EXPECT_EQ(lateness_of(with_jitter, policy), 3);
}

TEST(SparedText, SaysWhy)
{
	EXPECT_EQ(spared(Spared::No), "");
	EXPECT_EQ(spared(Spared::Unreadable), "not readable");
	EXPECT_EQ(spared(Spared::SyncRep), "waits for a synchronous standby");
	EXPECT_EQ(spared(Spared::RoleUnknown), "its role could not be read");
	EXPECT_EQ(spared(Spared::Superuser), "superuser");
	EXPECT_EQ(spared(Spared::Worker), "background worker");
	EXPECT_EQ(spared(Spared::NotMeasurable), "not measurable: track_activities is off");
	EXPECT_EQ(spared(Spared::SwitchesUnreadable), "not measurable: /proc cannot be read");
	EXPECT_EQ(spared(Spared::Listener), "listens on a channel");
	EXPECT_EQ(spared(Spared::Maintenance), "maintenance command");
	EXPECT_EQ(spared(Spared::LockWait), "waits for a lock");
	EXPECT_EQ(spared(Spared::InTransaction), "in a transaction");
}

TEST(SparedText, SaysWhereTheExemptionWasMade)
{
	auto exempt_by = [](Source source)
	{ return spared(Spared::Exempt, PolicyBuilder().exempt(true, source)); };

	EXPECT_EQ(exempt_by(Source::ConfigurationFile), "exempt by configuration file");
	EXPECT_EQ(exempt_by(Source::AllRoles), "exempt by all roles");
	EXPECT_EQ(exempt_by(Source::Database), "exempt by database \"shop\"");
	EXPECT_EQ(exempt_by(Source::Role), "exempt by role \"app\"");
	EXPECT_EQ(exempt_by(Source::RoleInDatabase), "exempt by role \"app\" in database \"shop\"");
	EXPECT_EQ(exempt_by(Source::Rule), "exempt by rule \"backups\"");
}

std::string_view
announcement(Action action, Action not_taken = Action::Terminate)
{
	Verdict announced{};

	announced.action = action;
	announced.not_taken = not_taken;
	return announcement_of(announced);
}

TEST(AnnouncementOf, EveryAction)
{
	EXPECT_EQ(announcement(Action::Cancel), "canceling statement of session");
	EXPECT_EQ(announcement(Action::Terminate), "terminating session");
	EXPECT_EQ(announcement(static_cast<Action>(99)), "unknown");
}

TEST(AnnouncementOf, LogSaysWhatWouldBeDone)
{
	EXPECT_EQ(announcement(Action::Log, Action::Cancel), "would cancel statement of session");
	EXPECT_EQ(announcement(Action::Log, Action::Terminate), "would terminate session");
}

TEST(ClientMessage, NamesLimitValueSourceAndWhatWasMeasured)
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
	EXPECT_EQ(reason(verdict(Limit::Maintenance, minute, 2 * minute)),
	          "maintenance running for 2 min, "
	          "pg_session_guard.maintenance_timeout is 1 min (configuration file)");
	EXPECT_EQ(reason(verdict(Limit::Session, day, day + 3 * hour)),
	          "connected for 1 d 3 h, "
	          "pg_session_guard.session_timeout is 1 d (configuration file)");
}

TEST(ClientMessage, SaysForWhomTheLimitWasSet)
{
	Verdict bound = verdict(Limit::IdleSession, minute, 2 * minute);

	bound.threshold.source = Source::Role;
	EXPECT_EQ(reason(bound), "idle for 2 min, "
	                         "pg_session_guard.idle_session_timeout is 1 min (role \"app\")");
	bound.threshold.source = Source::RoleInDatabase;
	EXPECT_EQ(reason(bound), "idle for 2 min, pg_session_guard.idle_session_timeout is 1 min "
	                         "(role \"app\" in database \"shop\")");
}

TEST(ClientMessage, TellsOfTheCancelThatDidNotHelp)
{
	EXPECT_EQ(reason(verdict(Limit::Statement, minute, 75 * second, 15 * second),
	                 PolicyBuilder().cancel_grace(14 * second)),
	          "statement running for 1 min 15 s, "
	          "pg_session_guard.statement_timeout is 1 min (configuration file), "
	          "canceled 15 s ago, pg_session_guard.cancel_grace is 14 s");
}

TEST(ClientMessage, IsAppended)
{
	std::array<char, 300> buffer;
	Text text(buffer);

	text.append("pid 7: ");
	append_reason(text, verdict(Limit::IdleSession, minute, 2 * minute), PolicyBuilder(), names);
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

TEST(InForce, SaysThatItIsOtherwiseForSome)
{
	Policy policy = PolicyBuilder().limit(Limit::Statement, minute);

	EXPECT_EQ(
	    in_force(Limit::Statement, policy, 2, 10, true),
	    "pg_session_guard.statement_timeout is in force at 1 min, otherwise for some roles or "
	    "databases, 2 sessions are over it now, ending 10 per second");
}

TEST(InForce, SaysThatItIsOtherwiseByRules)
{
	auto set_for = [](Duration value, const SetForSome &some)
	{
		std::array<char, 300> buffer;
		Text text(buffer);

		append_in_force(text, Limit::Statement, PolicyBuilder().limit(Limit::Statement, value),
		                some, {.over = 0, .spared = {}}, 10);
		return std::string(text.view());
	};
	std::string start = "pg_session_guard.statement_timeout is in force";
	std::string end = ", 0 sessions are over it now";

	EXPECT_EQ(set_for(minute, {.roles_or_databases = false, .rules = true}),
	          start + " at 1 min, otherwise by rules" + end);
	EXPECT_EQ(set_for(minute, {.roles_or_databases = true, .rules = true}),
	          start + " at 1 min, otherwise for some roles or databases and by rules" + end);
	EXPECT_EQ(set_for(0, {.roles_or_databases = false, .rules = true}), start + " by rules" + end);
	EXPECT_EQ(set_for(0, {.roles_or_databases = true, .rules = true}),
	          start + " for some roles or databases and by rules" + end);
}

TEST(InForce, SaysThatItIsForSomeOnly)
{
	EXPECT_EQ(in_force(Limit::Statement, PolicyBuilder(), 1, 10, true),
	          "pg_session_guard.statement_timeout is in force for some roles or databases, "
	          "1 session is over it now, ending 10 per second");
	EXPECT_EQ(in_force(Limit::Statement, PolicyBuilder().mode(Mode::Log), 0, 10, true),
	          "pg_session_guard.statement_timeout is in force for some roles or databases, "
	          "0 sessions are over it now; mode is log, nothing is ended");
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

TEST(EndOfSurvivor, SaysHowLongItTookAndWhatWasSaidBefore)
{
	auto end = [](Outcome outcome, std::string_view before)
	{
		std::array<char, 256> buffer;
		Text text(buffer);

		append_end_of_survivor(text, outcome, 17 * second, before);
		return std::string(text.view());
	};

	EXPECT_EQ(end(Outcome::Terminated, "still there after 5 s; it waits for Lock: relation"),
	          "gone after 17 s; before: still there after 5 s; it waits for Lock: relation");
	EXPECT_EQ(end(Outcome::Canceled, ""), "its statement ended after 17 s");
	EXPECT_EQ(end(Outcome::Survived, ""), "its session ended after 17 s");
}

TEST(Repetitions, AreCounted)
{
	auto repetitions = [](std::int64_t count, Duration within)
	{
		std::array<char, 256> buffer;
		Text text(buffer);

		append_repetitions(text, count, within);
		return std::string(text.view());
	};

	EXPECT_EQ(repetitions(1, 20 * millisecond), "repeated 1 time within 20 ms");
	EXPECT_EQ(repetitions(41, 12 * second), "repeated 41 times within 12 s");
}

TEST(Repetitions, AreToldOfAfterTenfolds)
{
	std::vector<std::int64_t> told;

	for (std::int64_t times = 0; times <= 10000; times++)
		if (is_to_be_logged(times))
			told.push_back(times);
	EXPECT_EQ(told, (std::vector<std::int64_t>{0, 10, 100, 1000, 10000}));
}

TEST(InForce, TellsHowManyAreSparedAndByWhat)
{
	PolicyBuilder policy = PolicyBuilder().limit(Limit::IdleSession, second);
	Census census{};
	auto by = [&](Spared spared) -> std::int64_t &
	{ return census.spared[static_cast<std::size_t>(spared)]; };
	std::string begin = "pg_session_guard.idle_session_timeout is in force at 1 s, ";

	by(Spared::Superuser) = 12;
	EXPECT_EQ(in_force(Limit::IdleSession, policy, census),
	          begin + "0 sessions are over it now; 12 are spared (12 superusers)");
	by(Spared::Superuser) = 1;
	EXPECT_EQ(in_force(Limit::IdleSession, policy, census),
	          begin + "0 sessions are over it now; 1 is spared (1 superuser)");
	census.over = 3;
	by(Spared::Exempt) = 2;
	by(Spared::Listener) = 4;
	EXPECT_EQ(in_force(Limit::IdleSession, policy, census),
	          begin + "3 sessions are over it now, ending 10 per second; "
	                  "7 are spared (1 superuser, 2 exempt, 4 listeners)");
	EXPECT_EQ(in_force(Limit::IdleSession, policy.mode(Mode::Log), census),
	          begin + "3 sessions are over it now; mode is log, nothing is ended; "
	                  "7 are spared (1 superuser, 2 exempt, 4 listeners)");
}

/* However many reasons there are, all fit into the line, and none is left out of it. */
TEST(InForce, NamesEveryReasonToSpare)
{
	Policy policy = PolicyBuilder().limit(Limit::IdleInTransactionSession, 123 * day + second);
	Census census{.over = 100000, .spared = {}};

	for (std::size_t reason = 1; reason < spared_count; reason++)
		census.spared[reason] = 100000;
	std::string all = in_force(Limit::IdleInTransactionSession, policy, census, 10000, true);
	std::size_t named = 0;
	for (std::size_t at = all.find("(100000"); at != std::string::npos;
	     at = all.find(", 100000 ", at + 1))
		named++;
	EXPECT_EQ(named, spared_count - 1);
	EXPECT_EQ(all.back(), ')');
}

} // namespace
} // namespace session_guard::test
