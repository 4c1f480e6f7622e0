/*
 * Which sessions a rule selects.
 */
#include "core/rule.h"

#include "unit/rules.h"

#include <gtest/gtest.h>

namespace session_guard::test
{
namespace
{

const Client client;
const Client other{
    .database = 2, .roles = {20}, .application_name = "pgbench", .client_addr = v4(10, 2, 0, 1)};

std::optional<Selector>
why_not(const RuleBuilder &rule, const Client &of = client)
{
	return why_not_selected(rule.rule(), of.selected());
}

bool
selects(const RuleBuilder &rule, const Client &whom = client)
{
	return !why_not(rule, whom);
}

TEST(Rule, WithoutSelectorsSelectsAll)
{
	EXPECT_TRUE(selects(RuleBuilder()));
	EXPECT_TRUE(
	    selects(RuleBuilder(),
	            {.database = 0, .roles = {}, .application_name = "", .client_addr = std::nullopt}));
}

TEST(Rule, SelectsByDatabase)
{
	RuleBuilder rule = RuleBuilder().databases({7, 1});

	EXPECT_TRUE(selects(rule));
	EXPECT_EQ(why_not(rule, other), Selector::Databases);
}

TEST(Rule, SelectsByAnyOfTheRolesOfASession)
{
	Client member = client;

	EXPECT_TRUE(selects(RuleBuilder().roles({11, 10})));
	EXPECT_EQ(why_not(RuleBuilder().roles({11, 12})), Selector::Roles);
	member.roles = {5, 10, 15, 20};
	for (std::uint32_t role = 0; role < 25; role++)
		EXPECT_EQ(selects(RuleBuilder().roles({role}), member), role != 0 && role % 5 == 0) << role;
	member.roles = {};
	EXPECT_EQ(why_not(RuleBuilder().roles({10}), member), Selector::Roles);
}

TEST(Rule, DoesNotSelectExceptedRoles)
{
	Client member = client;

	EXPECT_EQ(why_not(RuleBuilder().except_roles({11, 10})), Selector::ExceptRoles);
	EXPECT_TRUE(selects(RuleBuilder().except_roles({11, 12})));
	EXPECT_TRUE(selects(RuleBuilder().except_roles({})));
	member.roles = {5, 10, 15};
	EXPECT_EQ(why_not(RuleBuilder().except_roles({15}), member), Selector::ExceptRoles);
	/* An exception outranks what selects. */
	EXPECT_EQ(why_not(RuleBuilder().roles({5}).except_roles({15}), member), Selector::ExceptRoles);
}

TEST(Rule, SelectsByPatternOfTheApplicationName)
{
	EXPECT_TRUE(selects(RuleBuilder().application_name("ps%")));
	EXPECT_EQ(why_not(RuleBuilder().application_name("ps%"), other), Selector::ApplicationName);
	EXPECT_EQ(why_not(RuleBuilder().application_name("")), Selector::ApplicationName);
}

TEST(Rule, DoesNotSelectExceptedApplicationNames)
{
	EXPECT_EQ(why_not(RuleBuilder().except_application_name("ps%")),
	          Selector::ExceptApplicationName);
	EXPECT_TRUE(selects(RuleBuilder().except_application_name("ps%"), other));
	EXPECT_TRUE(selects(RuleBuilder().except_application_name("")));
}

TEST(Rule, SelectsByAnyOfTheNetworks)
{
	RuleBuilder rule =
	    RuleBuilder().client_addr({network(v4(192, 168, 0, 0), 16), network(v4(10, 1, 0, 0), 16)});
	Client by_socket = client;

	by_socket.client_addr = std::nullopt;
	EXPECT_TRUE(selects(rule));
	EXPECT_EQ(why_not(rule, other), Selector::ClientAddr);
	EXPECT_EQ(why_not(rule, by_socket), Selector::ClientAddr);
	/* Not even by that of all addresses. */
	EXPECT_EQ(why_not(RuleBuilder().client_addr({network(v4(0, 0, 0, 0), 0)}), by_socket),
	          Selector::ClientAddr);
}

TEST(Rule, OfUnknownNamesOnlySelectsNobody)
{
	EXPECT_EQ(why_not(RuleBuilder().databases({})), Selector::Databases);
	EXPECT_EQ(why_not(RuleBuilder().roles({})), Selector::Roles);
	EXPECT_EQ(why_not(RuleBuilder().client_addr({})), Selector::ClientAddr);
}

TEST(Rule, DoesNotAskForTheQuery)
{
	EXPECT_TRUE(selects(RuleBuilder().query()));
}

/* Each selector by itself, in the order of the columns, once as it selects and once not. */
struct Speaking
{
	Selector selector;
	void (*select)(RuleBuilder &);
	void (*do_not)(RuleBuilder &);
};
constexpr Speaking speaking[] = {
    {Selector::Databases, [](RuleBuilder &rule) { rule.databases({1}); },
     [](RuleBuilder &rule) { rule.databases({2}); }},
    {Selector::Roles, [](RuleBuilder &rule) { rule.roles({10}); },
     [](RuleBuilder &rule) { rule.roles({20}); }},
    {Selector::ExceptRoles, [](RuleBuilder &rule) { rule.except_roles({20}); },
     [](RuleBuilder &rule) { rule.except_roles({10}); }},
    {Selector::ApplicationName, [](RuleBuilder &rule) { rule.application_name("psql"); },
     [](RuleBuilder &rule) { rule.application_name("pgbench"); }},
    {Selector::ExceptApplicationName,
     [](RuleBuilder &rule) { rule.except_application_name("pgbench"); },
     [](RuleBuilder &rule) { rule.except_application_name("psql"); }},
    {Selector::ClientAddr,
     [](RuleBuilder &rule) { rule.client_addr({network(v4(10, 1, 0, 0), 16)}); },
     [](RuleBuilder &rule) { rule.client_addr({network(v4(10, 2, 0, 0), 16)}); }},
};
constexpr unsigned speaking_count = std::size(speaking);

/* All sets of selectors, and in each all sets of those that do not select. */
TEST(Rule, SelectsIfAllItsSelectorsDoAndNamesTheFirstThatDoesNot)
{
	for (unsigned used = 0; used < 1U << speaking_count; used++)
		for (unsigned failing = 0; failing < 1U << speaking_count; failing++)
		{
			RuleBuilder rule;
			std::optional<Selector> first;

			if ((failing & ~used) != 0)
				continue;
			for (unsigned i = 0; i < speaking_count; i++)
			{
				if ((used >> i & 1) == 0)
					continue;
				if ((failing >> i & 1) != 0 && !first)
					first = speaking[i].selector;
				((failing >> i & 1) != 0 ? speaking[i].do_not : speaking[i].select)(rule);
			}
			EXPECT_EQ(why_not(rule), first) << used << " " << failing;
			EXPECT_EQ(match_without_query(rule.rule(), client.selected()),
			          first ? Match::No : Match::Yes);
			rule.unknown_exception();
			EXPECT_EQ(match_without_query(rule.rule(), client.selected()),
			          first ? Match::No : Match::Unknown);
		}
}

TEST(Rule, SelectorsAreCalledAsTheirColumns)
{
	EXPECT_EQ(name_of(Selector::Databases), "databases");
	EXPECT_EQ(name_of(Selector::Roles), "roles");
	EXPECT_EQ(name_of(Selector::ExceptRoles), "except_roles");
	EXPECT_EQ(name_of(Selector::ApplicationName), "application_name");
	EXPECT_EQ(name_of(Selector::ExceptApplicationName), "except_application_name");
	EXPECT_EQ(name_of(Selector::ClientAddr), "client_addr");
	EXPECT_EQ(name_of(Selector::Query), "query");
	EXPECT_EQ(name_of(static_cast<Selector>(99)), "");
}

TEST(Rule, MayRelaxUnlessItGoesByTheClientsWordsOnly)
{
	EXPECT_TRUE(may_relax(RuleBuilder().rule()));
	EXPECT_TRUE(may_relax(RuleBuilder().databases({1}).except_roles({10}).rule()));
	for (auto say : {+[](RuleBuilder &rule) { rule.application_name("%"); },
	                 +[](RuleBuilder &rule) { rule.except_application_name("x"); },
	                 +[](RuleBuilder &rule) { rule.query(); }})
	{
		RuleBuilder rule;

		say(rule);
		EXPECT_FALSE(may_relax(rule.rule()));
		EXPECT_TRUE(may_relax(RuleBuilder(rule).roles({10}).rule()));
		EXPECT_TRUE(may_relax(RuleBuilder(rule).client_addr({}).rule()));
		/* The client chooses its database, too; and an exception keeps nobody from the words. */
		EXPECT_FALSE(may_relax(RuleBuilder(rule).databases({1}).rule()));
		EXPECT_FALSE(may_relax(RuleBuilder(rule).except_roles({20}).rule()));
	}
}

TEST(Rule, HasAnEffectIfItIsEnabledAndSpeaks)
{
	auto has = [](const RuleBuilder &rule) { return has_effect(rule.rule()); };

	EXPECT_FALSE(has(RuleBuilder()));
	EXPECT_FALSE(has(RuleBuilder().statement(minute).disabled()));
	EXPECT_FALSE(has(RuleBuilder().exempt(true).disabled()));
	/* An exemption is never tried. */
	EXPECT_FALSE(has(RuleBuilder().exempt(true).only_logs()));
	EXPECT_TRUE(has(RuleBuilder().exempt(true)));
	EXPECT_TRUE(has(RuleBuilder().exempt(false)));
	for (Limit limit : all_limits)
		for (std::int64_t value : {std::int64_t{0}, minute})
		{
			EXPECT_EQ(has(RuleBuilder().limit(limit, value)), !is_of_server(limit));
			EXPECT_EQ(has(RuleBuilder().limit(limit, value).only_logs()), !is_of_server(limit));
		}
}

} // namespace
} // namespace session_guard::test
