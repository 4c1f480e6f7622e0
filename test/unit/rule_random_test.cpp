/*
 * Random rules and sessions against what the rules are meant to say, told in another way.
 *
 * Where it is not known whether a rule means a session there are two worlds, in one of which it
 * does.  In each world the first rule that may relax and speaks of a limit decides it, and those
 * before it can only tighten that.  Of all worlds the mildest counts, or the strictest.
 */
#include "core/decision.h"
#include "core/rule.h"

#include "unit/rules.h"
#include "unit/situation.h"

#include <gtest/gtest.h>

#include <iterator>
#include <random>

namespace session_guard::test
{
namespace
{

using Bools = std::vector<bool>;

/* The model: whom a rule means. */

bool
share_one(std::span<const std::uint32_t> some, std::span<const std::uint32_t> others)
{
	for (std::uint32_t one : some)
		for (std::uint32_t other : others)
			if (one == other)
				return true;
	return false;
}

/* Bit by bit. */
bool
has_address(const Network &network, const std::optional<Address> &address)
{
	if (!address || address->is_v6 != network.address.is_v6)
		return false;
	for (unsigned bit = 0; bit < network.bits; bit++)
		if (((address->bytes[bit / 8] ^ network.address.bytes[bit / 8]) >> (7 - bit % 8) & 1) != 0)
			return false;
	return true;
}

bool
means(const Rule &rule, const Selected &session)
{
	bool is_meant = true;

	if (rule.databases)
		is_meant &= share_one(*rule.databases, {&session.database, 1});
	if (rule.roles)
		is_meant &= share_one(*rule.roles, session.roles);
	if (rule.except_roles)
		is_meant &= !share_one(*rule.except_roles, session.roles);
	if (rule.application_name)
		is_meant &= is_like_by_definition(session.application_name, *rule.application_name);
	if (rule.except_application_name)
		is_meant &= !is_like_by_definition(session.application_name, *rule.except_application_name);
	if (rule.client_addr)
	{
		bool is_there = false;

		for (const Network &network : *rule.client_addr)
			is_there |= has_address(network, session.client_addr);
		is_meant &= is_there;
	}
	return is_meant;
}

bool
is_trusted(const Rule &rule)
{
	bool by_words = rule.application_name || rule.except_application_name || rule.has_query;
	bool by_more = rule.roles || rule.client_addr;

	return by_more || !by_words;
}

/* The model: what rules say in one world, in which it is known whom they mean. */

using Rules = std::vector<Rule>;

std::int64_t
stricter_of(std::int64_t a, std::int64_t b)
{
	return a == 0 ? b : b == 0 ? a : std::min(a, b);
}

std::int64_t
milder_of(std::int64_t a, std::int64_t b)
{
	return a == 0 || b == 0 ? 0 : std::max(a, b);
}

/* The limits of these rules measure such that less is stricter. */
std::int64_t
value_in_world(const Rules &rules, const Bools &is_meant, Limit limit, std::int64_t by_settings)
{
	std::int64_t tightened = 0;

	for (std::size_t i = 0; i < rules.size(); i++)
	{
		std::optional<std::int64_t> value = rules[i].limits[index_of(limit)];

		if (!is_meant[i] || !value)
			continue;
		if (is_trusted(rules[i]))
			return stricter_of(tightened, *value);
		tightened = stricter_of(tightened, *value);
	}
	return stricter_of(tightened, by_settings);
}

bool
is_exempt_in_world(const Rules &rules, const Bools &is_meant)
{
	for (std::size_t i = 0; i < rules.size(); i++)
		if (is_meant[i] && rules[i].exempt && (!*rules[i].exempt || is_trusted(rules[i])))
			return *rules[i].exempt;
	return false;
}

/* Visit all worlds that there can be. */
template <typename Visit>
void
visit_worlds(const std::vector<Match> &matches, const Visit &visit, Bools world = {})
{
	if (world.size() == matches.size())
	{
		visit(world);
		return;
	}
	for (bool is_meant : {false, true})
	{
		Match match = matches[world.size()];

		if (match != Match::Unknown && is_meant != (match == Match::Yes))
			continue;
		world.push_back(is_meant);
		visit_worlds(matches, visit, world);
		world.pop_back();
	}
}

/* The model: what rules say of one session. */

std::int64_t
expected_value(const Rules &rules, const std::vector<Match> &matches, Limit limit,
               std::int64_t by_settings, Doubt doubt)
{
	std::optional<std::int64_t> found;
	auto choose = doubt == Doubt::Spares ? milder_of : stricter_of;

	visit_worlds(matches,
	             [&](const Bools &world)
	             {
		             std::int64_t value = value_in_world(rules, world, limit, by_settings);

		             found = found ? choose(*found, value) : value;
	             });
	return *found;
}

bool
expected_exempt(const Rules &rules, const std::vector<Match> &matches, Doubt doubt)
{
	bool in_any = false;
	bool in_all = true;

	visit_worlds(matches,
	             [&](const Bools &world)
	             {
		             bool is_exempt = is_exempt_in_world(rules, world);

		             in_any |= is_exempt;
		             in_all &= is_exempt;
	             });
	return doubt == Doubt::Spares ? in_any : in_all;
}

/* Where it comes from, by asking each rule what there is without it and those before it. */
Threshold
expected_threshold(const Rules &rules, const std::vector<Match> &matches, Limit limit,
                   const Threshold &by_settings, Doubt doubt, std::size_t from = 0)
{
	if (from == rules.size())
		return by_settings;
	std::optional<std::int64_t> value = rules[from].limits[index_of(limit)];
	Threshold rest = expected_threshold(rules, matches, limit, by_settings, doubt, from + 1);
	std::int64_t own = value.value_or(0);
	std::int64_t chosen = rest.value;
	bool relaxes = is_trusted(rules[from]);

	if (!value || matches[from] == Match::No)
		return rest;
	if (matches[from] == Match::Yes)
		chosen = relaxes ? own : stricter_of(own, rest.value);
	else if (doubt == Doubt::Binds)
		chosen = stricter_of(own, rest.value);
	else if (relaxes)
		chosen = milder_of(own, rest.value);
	if (chosen == rest.value && !(matches[from] == Match::Yes && relaxes))
		return rest;
	return {.value = chosen, .source = Source::Rule, .rule = static_cast<std::int32_t>(from)};
}

/* Rules as they count if those that only log, or do not count, say nothing. */
Rules
only(const Rules &rules, bool with_trials)
{
	Rules counting = rules;

	for (Rule &rule : counting)
	{
		if (!rule.is_enabled || (rule.only_logs && !with_trials))
			rule.limits = {};
		if (!rule.is_enabled || rule.only_logs)
			rule.exempt = std::nullopt;
	}
	return counting;
}

/* Those limits that a rule can decide; the others it speaks of in vain. */
constexpr Limit ruled[] = {Limit::Statement, Limit::Transaction, Limit::Memory};

/* Another seed in each test. */
class RandomRules : public testing::TestWithParam<unsigned>
{
  protected:
	static constexpr int rounds = 1000;

	std::mt19937 random{GetParam()};
	std::vector<RuleBuilder> builders;
	Client client;
	std::vector<Match> matches;
	Policy settings{};

	bool
	one_in(unsigned n)
	{
		return random() % n == 0;
	}
	template <typename T>
	T
	any_of(std::initializer_list<T> values)
	{
		return std::data(values)[random() % values.size()];
	}
	std::int64_t
	any_value()
	{
		return any_of({std::int64_t{0}, minute, 2 * minute, 3 * minute, 4 * minute});
	}
	Numbers
	some_numbers(std::size_t most)
	{
		Numbers numbers;

		for (std::uint32_t number = 1; number < 6; number++)
			if (numbers.size() < most && one_in(2))
				numbers.push_back(number);
		return numbers;
	}
	Address
	any_address()
	{
		Address address =
		    v4(10, any_of({std::uint8_t{0}, std::uint8_t{1}}), 0, static_cast<uint8_t>(random()));

		address.is_v6 = one_in(4);
		return address;
	}
	RuleBuilder
	any_rule()
	{
		RuleBuilder rule;

		if (one_in(8))
			rule.disabled();
		if (one_in(4))
			rule.only_logs();
		if (one_in(4))
			rule.databases(some_numbers(5));
		if (one_in(3))
			rule.roles(some_numbers(3));
		if (one_in(6))
			rule.except_roles(some_numbers(1));
		if (one_in(8))
			rule.unknown_exception();
		if (one_in(5))
			rule.application_name(any_of({"psql", "ps%", "%_l", "p\\%", "%"}));
		if (one_in(8))
			rule.except_application_name(any_of({"psql", "%x", "p__l", "\\"}));
		if (one_in(6))
			rule.client_addr({network(any_address(), any_of({std::uint8_t{8}, std::uint8_t{9},
			                                                 std::uint8_t{16}, std::uint8_t{31}})),
			                  network(any_address(), 32)});
		if (one_in(5))
			rule.query();
		if (one_in(4))
			rule.exempt(one_in(2));
		for (Limit limit : ruled)
			if (one_in(2))
				rule.limit(limit, any_value());
		if (one_in(4))
			rule.limit(Limit::DeadClient, any_value());
		return rule;
	}

	/* Whether a rule means the session, where its query takes part by chance. */
	Match
	any_match(const Rule &rule)
	{
		Match match = match_without_query(rule, client.selected());
		Match expected = !means(rule, client.selected()) ? Match::No
		                 : rule.has_unknown_exception    ? Match::Unknown
		                                                 : Match::Yes;

		EXPECT_EQ(match, expected);
		return rule.has_query ? std::min(match, any_of({Match::No, Match::Unknown, Match::Yes}))
		                      : match;
	}
	void
	make_all()
	{
		builders.resize(random() % 9);
		for (RuleBuilder &builder : builders)
			builder = any_rule();
		client = {.database = any_of({1U, 2U}),
		          .roles = some_numbers(4),
		          .application_name = any_of({"psql", "psl", "p%", ""}),
		          .client_addr = one_in(4) ? std::nullopt : std::optional(any_address())};
		matches.clear();
		for (const Rule &rule : all())
			matches.push_back(any_match(rule));
		PolicyBuilder builder;
		for (Limit limit : ruled)
			builder.limit(limit, any_value());
		settings = builder.limit(Limit::DeadClient, any_value()).exempt(one_in(8));
	}

	Rules
	all() const
	{
		Rules rules;

		for (const RuleBuilder &builder : builders)
			rules.push_back(builder.rule());
		return rules;
	}
	Policy
	resolved(Doubt doubt) const
	{
		return under(builders, matches, settings, doubt);
	}
};

void
expect_same(const Threshold &threshold, const Threshold &expected)
{
	ASSERT_EQ(threshold.value, expected.value);
	ASSERT_EQ(threshold.source, expected.source);
	ASSERT_EQ(threshold.rule, expected.rule);
}

TEST_P(RandomRules, DecideLimitsAsInAllWorlds)
{
	for (int i = 0; i < rounds; i++)
	{
		make_all();
		Rules rules = only(all(), false);

		for (Doubt doubt : {Doubt::Spares, Doubt::Binds})
			for (Limit limit : ruled)
			{
				const Threshold &before = threshold_of(settings.limits, limit);
				Policy policy = resolved(doubt);
				const Threshold &after = threshold_of(policy.limits, limit);

				ASSERT_EQ(after.value, expected_value(rules, matches, limit, before.value, doubt));
				expect_same(after, expected_threshold(rules, matches, limit, before, doubt));
			}
	}
}

TEST_P(RandomRules, ExemptAsInAllWorlds)
{
	for (int i = 0; i < rounds; i++)
	{
		make_all();
		for (Doubt doubt : {Doubt::Spares, Doubt::Binds})
		{
			bool by_rules = expected_exempt(only(all(), false), matches, doubt);
			Exemption exempt = resolved(doubt).exempt;

			ASSERT_EQ(exempt.value, settings.exempt.value || by_rules);
			if (settings.exempt.value || !by_rules)
			{
				ASSERT_EQ(exempt, settings.exempt);
				continue;
			}
			auto source = static_cast<std::size_t>(exempt.rule);
			ASSERT_EQ(exempt.source, Source::Rule);
			ASSERT_TRUE(only(all(), false).at(source).exempt.value_or(false));
			ASSERT_NE(matches.at(source), Match::No);
		}
	}
}

TEST_P(RandomRules, TryWhatWouldHoldIfAllWereEnforced)
{
	int trials = 0;

	for (int i = 0; i < rounds; i++)
	{
		make_all();
		Rules rules = all();
		for (Doubt doubt : {Doubt::Spares, Doubt::Binds})
		{
			std::vector<Match> tried = matches;

			for (std::size_t k = 0; k < rules.size(); k++)
				if (doubt == Doubt::Spares && rules[k].only_logs && tried[k] == Match::Unknown)
					tried[k] = Match::No;
			for (Limit limit : ruled)
			{
				Policy policy = resolved(doubt);
				Threshold expected = expected_threshold(
				    only(rules, true), tried, limit, threshold_of(settings.limits, limit), doubt);
				bool is_trial = expected.source == Source::Rule && expected.value != 0 &&
				                rules.at(static_cast<std::size_t>(expected.rule)).only_logs;

				trials += is_trial;
				expect_same(threshold_of(policy.trials, limit), is_trial ? expected : Threshold{});
			}
		}
	}
	EXPECT_GT(trials, rounds / 4);
}

/* What decide() says of a statement that began at noon. */
TEST_P(RandomRules, AreWhatIsDecidedBy)
{
	Session session = SessionBuilder().running(noon);
	TrackingState tracking = tracking_of(session);

	for (int i = 0; i < rounds; i++)
	{
		make_all();
		Instant now = noon + static_cast<Duration>(random() % 10) * minute / 2 + any_of({0, 1});
		Policy policy = resolved(Doubt::Spares);
		Rules rules = only(all(), false);
		std::int64_t value =
		    expected_value(rules, matches, Limit::Statement,
		                   threshold_of(settings.limits, Limit::Statement).value, Doubt::Spares);
		Decision decision = decide(Limit::Statement, session, tracking, policy, now);

		if (value == 0)
			expect_nothing(decision);
		else if (now <= noon + value)
			expect_wait_until(decision, noon + value + 1);
		else if (settings.exempt.value || expected_exempt(rules, matches, Doubt::Spares))
			expect_spared(decision, Spared::Exempt);
		else
		{
			expect_due(decision, Action::Cancel);
			EXPECT_EQ(decision.verdict.threshold.value, value);
			EXPECT_EQ(decision.verdict.deadline, noon + value);
		}
		ASSERT_FALSE(HasFailure());
	}
}

TEST_P(RandomRules, NeverBindMoreWhenTheyAreLessCertain)
{
	for (int i = 0; i < rounds; i++)
	{
		make_all();
		for (Match &match : matches)
		{
			if (match != Match::Yes)
				continue;
			Policy certain = resolved(Doubt::Spares);
			match = Match::Unknown;
			Policy uncertain = resolved(Doubt::Spares);
			match = Match::Yes;

			ASSERT_GE(uncertain.exempt.value, certain.exempt.value);
			for (Limit limit : all_limits)
				ASSERT_FALSE(is_stricter(limit, threshold_of(uncertain.limits, limit).value,
				                         threshold_of(certain.limits, limit).value));
		}
	}
}

/* Nobody is acted on whom the guard did not look at in time. */
TEST_P(RandomRules, AreLookedAtAtLeastAsStrictlyAsTheyAre)
{
	for (int i = 0; i < rounds; i++)
	{
		make_all();
		Policy looks = resolved(Doubt::Binds);
		Policy acts = resolved(Doubt::Spares);

		ASSERT_LE(looks.exempt.value, acts.exempt.value);
		for (Limit limit : all_limits)
			ASSERT_FALSE(is_stricter(limit, threshold_of(acts.limits, limit).value,
			                         threshold_of(looks.limits, limit).value));
	}
}

TEST_P(RandomRules, NeverBindLessByTheClientsWords)
{
	for (int i = 0; i < rounds; i++)
	{
		make_all();
		std::size_t place = random() % (builders.size() + 1);
		Match match = any_of({Match::Unknown, Match::Yes});
		RuleBuilder rule;

		rule.query().exempt(one_in(2));
		for (Limit limit : all_limits)
			rule.limit(limit, any_value());
		for (Doubt doubt : {Doubt::Spares, Doubt::Binds})
		{
			std::vector<RuleBuilder> more = builders;
			std::vector<Match> more_matches = matches;

			more.insert(more.begin() + static_cast<std::ptrdiff_t>(place), rule);
			more_matches.insert(more_matches.begin() + static_cast<std::ptrdiff_t>(place), match);
			Policy before = resolved(doubt);
			Policy after = under(more, more_matches, settings, doubt);

			ASSERT_LE(after.exempt.value, before.exempt.value);
			for (Limit limit : all_limits)
				ASSERT_FALSE(is_stricter(limit, threshold_of(before.limits, limit).value,
				                         threshold_of(after.limits, limit).value));
		}
	}
}

TEST_P(RandomRules, ThatOnlyLogChangeNothing)
{
	for (int i = 0; i < rounds; i++)
	{
		make_all();
		std::vector<RuleBuilder> more = builders;
		std::vector<Match> more_matches = matches;

		more.push_back(any_rule().only_logs());
		more_matches.push_back(any_of({Match::Unknown, Match::Yes}));
		for (Doubt doubt : {Doubt::Spares, Doubt::Binds})
		{
			Policy before = resolved(doubt);
			Policy after = under(more, more_matches, settings, doubt);

			ASSERT_EQ(after.exempt, before.exempt);
			for (Limit limit : all_limits)
				expect_same(threshold_of(after.limits, limit), threshold_of(before.limits, limit));
		}
	}
}

INSTANTIATE_TEST_SUITE_P(Seeds, RandomRules, testing::Range(0U, 10U));

} // namespace
} // namespace session_guard::test
