/*
 * What rules make of a policy.
 */
#include "core/rule.h"

#include "unit/rules.h"

#include <gtest/gtest.h>

namespace session_guard::test
{
namespace
{

/* One that can only tighten. */
RuleBuilder
by_words(Duration value)
{
	return rule(value).application_name("%");
}

void
expect_threshold(const Threshold &threshold, Duration value, std::int32_t rule)
{
	EXPECT_EQ(threshold.value, value);
	EXPECT_EQ(threshold.source, rule == no_rule ? Source::ConfigurationFile : Source::Rule);
	EXPECT_EQ(threshold.rule, rule);
}

/* The limit on statements, and by which rule, or by settings. */
void
expect_statement(const Policy &policy, Duration value, std::int32_t rule)
{
	expect_threshold(threshold_of(policy.limits, Limit::Statement), value, rule);
}

void
expect_trial(const Policy &policy, Duration value, std::int32_t rule)
{
	expect_threshold(threshold_of(policy.trials, Limit::Statement), value, rule);
}

TEST(Rules, NoneLeaveThePolicyAlone)
{
	expect_statement(under({}, settings()), 5 * minute, no_rule);
	expect_trial(under({}, settings()), 0, no_rule);
	EXPECT_FALSE(under({}, settings()).exempt.value);
	EXPECT_FALSE(under({}, settings()).is_trial);
}

TEST(Rules, TheFirstThatMeansTheSessionDecides)
{
	std::vector<RuleBuilder> rules{rule(minute), rule(hour), rule(second)};

	expect_statement(under(rules, {Yes, Yes, Yes}, settings()), minute, 0);
	expect_statement(under(rules, {No, Yes, Yes}, settings()), hour, 1);
	expect_statement(under(rules, {No, No, Yes}, settings()), second, 2);
	expect_statement(under(rules, {No, No, No}, settings()), 5 * minute, no_rule);
}

TEST(Rules, AreSilentIfDisabledAndAreNotAsked)
{
	Rule rules[] = {RuleBuilder().statement(minute).disabled().rule(), RuleBuilder().rule(),
	                RuleBuilder().statement(hour).rule(), RuleBuilder().statement(second).rule()};
	std::vector<std::size_t> asked;
	Policy policy = settings();

	apply_rules(
	    rules,
	    [&](std::size_t index)
	    {
		    asked.push_back(index);
		    return Judgment{.match = Yes, .doubt = Doubt::Spares};
	    },
	    policy);
	expect_statement(policy, hour, 2);
	EXPECT_EQ(asked, (std::vector<std::size_t>{3, 2}));
}

TEST(Rules, DecideEachLimitByItself)
{
	for (Limit limit : all_limits)
		for (Limit next : all_limits)
		{
			if (next == limit || is_of_server(limit) || is_of_server(next))
				continue;
			Policy policy =
			    under({RuleBuilder().limit(limit, 7), RuleBuilder().limit(limit, 8).limit(next, 9)},
			          PolicyBuilder().all_limits_at(minute));
			for (Limit each : all_limits)
				expect_threshold(threshold_of(policy.limits, each),
				                 each == limit  ? 7
				                 : each == next ? 9
				                                : value_at(each, minute),
				                 each == limit  ? 0
				                 : each == next ? 1
				                                : no_rule);
		}
}

TEST(Rules, DecideNoLimitOfTheServer)
{
	for (Limit limit : all_limits)
		if (is_of_server(limit))
		{
			Policy policy =
			    under({RuleBuilder().limit(limit, 7), RuleBuilder().limit(limit, 8).only_logs()},
			          PolicyBuilder().limit(limit, 9));

			expect_threshold(threshold_of(policy.limits, limit), 9, no_rule);
			expect_threshold(threshold_of(policy.trials, limit), 0, no_rule);
		}
}

TEST(Rules, OffIsADecisionAndNothingIsNone)
{
	expect_statement(under({rule(0), rule(second)}, settings()), 0, 0);
	expect_statement(under({RuleBuilder(), rule(second)}, settings()), second, 1);
	/* It decides even if it says the same as the settings. */
	expect_statement(under({rule(5 * minute)}, settings()), 5 * minute, 0);
	expect_statement(under({rule(0)}, settings(0)), 0, 0);
}

TEST(Rules, LeaveTheRestOfThePolicyAlone)
{
	Policy policy = under({rule(minute).exempt(true)},
	                      PolicyBuilder().mode(Mode::Log).cancel_grace(minute).spare_listeners(0));

	EXPECT_EQ(policy.mode, Mode::Log);
	EXPECT_EQ(policy.cancel_grace, minute);
	EXPECT_FALSE(policy.spare_listeners);
	EXPECT_TRUE(policy.spare_maintenance);
}

TEST(RulesByWords, OnlyTighten)
{
	expect_statement(under({by_words(minute)}, settings()), minute, 0);
	expect_statement(under({by_words(hour)}, settings()), 5 * minute, no_rule);
	expect_statement(under({by_words(0)}, settings()), 5 * minute, no_rule);
	expect_statement(under({by_words(hour)}, settings(0)), hour, 0);
	/* One that changes nothing is not the source. */
	expect_statement(under({by_words(5 * minute)}, settings()), 5 * minute, no_rule);
}

TEST(RulesByWords, DoNotKeepLaterOnesFromSpeaking)
{
	expect_statement(under({by_words(hour), rule(minute)}, settings()), minute, 1);
	expect_statement(under({by_words(minute), rule(hour)}, settings()), minute, 0);
	expect_statement(under({by_words(minute), by_words(second)}, settings()), second, 1);
	expect_statement(under({by_words(second), by_words(minute)}, settings()), second, 0);
	expect_statement(under({by_words(second), by_words(second)}, settings()), second, 1);
	expect_statement(under({by_words(minute), rule(0)}, settings()), minute, 0);
	expect_statement(under({rule(0), by_words(minute)}, settings()), 0, 0);
	expect_statement(under({rule(hour), by_words(minute)}, settings()), hour, 0);
}

TEST(RulesByWords, MayRelaxTogetherWithARoleOrAnAddress)
{
	expect_statement(under({by_words(hour).roles({1})}, settings()), hour, 0);
	expect_statement(under({by_words(0).client_addr({})}, settings()), 0, 0);
}

TEST(UnknownRules, CountAsWhatSparesMore)
{
	auto after = [](const RuleBuilder &unknown, Duration otherwise = 5 * minute)
	{ return under({unknown}, {Unknown}, settings(otherwise)); };

	expect_statement(after(rule(hour)), hour, 0);
	expect_statement(after(rule(0)), 0, 0);
	expect_statement(after(rule(minute)), 5 * minute, no_rule);
	expect_statement(after(rule(5 * minute)), 5 * minute, no_rule);
	expect_statement(after(rule(minute), 0), 0, no_rule);
	expect_statement(after(by_words(minute)), 5 * minute, no_rule);
	expect_statement(after(by_words(hour)), 5 * minute, no_rule);
	expect_statement(after(by_words(0)), 5 * minute, no_rule);
}

TEST(UnknownRules, CountAsWhatBindsMoreToKnowWhenToLook)
{
	auto after = [](const RuleBuilder &unknown, Duration otherwise = 5 * minute)
	{ return under({unknown}, {Unknown}, settings(otherwise), Doubt::Binds); };

	for (auto make : {rule, by_words})
	{
		expect_statement(after(make(minute)), minute, 0);
		expect_statement(after(make(minute), 0), minute, 0);
		expect_statement(after(make(hour)), 5 * minute, no_rule);
		expect_statement(after(make(0)), 5 * minute, no_rule);
		expect_statement(after(make(5 * minute)), 5 * minute, no_rule);
	}
}

TEST(UnknownRules, LetLaterOnesSpeak)
{
	std::vector<RuleBuilder> rules{rule(minute), rule(hour), rule(second)};

	expect_statement(under(rules, {Unknown, Yes, Yes}, settings()), hour, 1);
	expect_statement(under(rules, {Unknown, Unknown, Yes}, settings()), hour, 1);
	expect_statement(under(rules, {Unknown, No, Yes}, settings()), minute, 0);
	expect_statement(under(rules, {Unknown, Yes, Yes}, settings(), Doubt::Binds), minute, 0);
	expect_statement(under(rules, {Unknown, Unknown, Yes}, settings(), Doubt::Binds), second, 2);
}

void
expect_exempt(const Policy &policy, bool value, std::int32_t rule = no_rule)
{
	EXPECT_EQ(policy.exempt,
	          (Exemption{.value = value,
	                     .source = rule == no_rule ? Source::ConfigurationFile : Source::Rule,
	                     .rule = rule}));
}

TEST(ExemptingRules, TheFirstDecides)
{
	RuleBuilder spares = RuleBuilder().exempt(true);
	RuleBuilder binds = RuleBuilder().exempt(false);

	expect_exempt(under({spares}, {Yes}, settings()), true, 0);
	expect_exempt(under({spares}, {No}, settings()), false);
	expect_exempt(under({spares, binds}, settings()), true, 0);
	expect_exempt(under({binds, spares}, settings()), false);
	expect_exempt(under({binds, spares}, {No, Yes}, settings()), true, 1);
	expect_exempt(under({spares, spares}, settings()), true, 0);
	expect_exempt(under({rule(minute), spares}, settings()), true, 1);
}

TEST(ExemptingRules, LiftNoExemptionBySettings)
{
	Policy exempt = PolicyBuilder().exempt(true, Source::Database);
	Exemption expected{.value = true, .source = Source::Database};

	EXPECT_EQ(under({RuleBuilder().exempt(false)}, exempt).exempt, expected);
	EXPECT_EQ(under({RuleBuilder().exempt(true)}, exempt).exempt, expected);
	/* Where the settings say that it is not is told if no rule says otherwise. */
	exempt.exempt.value = expected.value = false;
	EXPECT_EQ(under({RuleBuilder().exempt(false)}, exempt).exempt, expected);
	EXPECT_TRUE(under({RuleBuilder().exempt(true)}, exempt).exempt.value);
}

TEST(ExemptingRules, ByWordsExemptNobodyButKeepFromIt)
{
	RuleBuilder spares = RuleBuilder().exempt(true).query();
	RuleBuilder binds = RuleBuilder().exempt(false).query();
	RuleBuilder all = RuleBuilder().exempt(true);

	expect_exempt(under({spares}, settings()), false);
	expect_exempt(under({spares}, {Unknown}, settings()), false);
	expect_exempt(under({spares.roles({1})}, settings()), true, 0);
	expect_exempt(under({binds, all}, settings()), false);
	expect_exempt(under({binds, all}, {Unknown, Yes}, settings()), true, 1);
}

TEST(ExemptingRules, InDoubtSpareOrBind)
{
	std::vector<RuleBuilder> spares{RuleBuilder().exempt(true)};
	std::vector<RuleBuilder> both{RuleBuilder().exempt(false), RuleBuilder().exempt(true)};
	std::vector<RuleBuilder> twice{RuleBuilder().exempt(true), RuleBuilder().exempt(true)};

	expect_exempt(under(spares, {Unknown}, settings(), Doubt::Spares), true, 0);
	expect_exempt(under(spares, {Unknown}, settings(), Doubt::Binds), false);
	expect_exempt(under(both, {Unknown, Yes}, settings(), Doubt::Spares), true, 1);
	expect_exempt(under(both, {Unknown, Yes}, settings(), Doubt::Binds), false);
	/* The one that surely means it is the source. */
	expect_exempt(under(twice, {Unknown, Yes}, settings(), Doubt::Spares), true, 1);
	expect_exempt(under(twice, {Unknown, Yes}, settings(), Doubt::Binds), true, 1);
}

TEST(ExemptingRules, LeaveTheLimits)
{
	expect_statement(under({RuleBuilder().exempt(true), rule(minute)}, settings()), minute, 1);
}

} // namespace
} // namespace session_guard::test
