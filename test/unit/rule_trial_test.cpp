/*
 * Rules that only log, and the policies by which what they would do is logged.
 */
#include "core/decision.h"
#include "core/rule.h"

#include "unit/rules.h"
#include "unit/situation.h"

#include <gtest/gtest.h>

namespace session_guard::test
{
namespace
{

RuleBuilder
tried(Duration value)
{
	return rule(value).only_logs();
}

/* The limits that are in force stay those of the settings and of enforced rules. */
void
expect_trial(const Policy &policy, Duration in_force, Duration value, std::int32_t rule)
{
	const Threshold &trial = threshold_of(policy.trials, Limit::Statement);

	EXPECT_EQ(threshold_of(policy.limits, Limit::Statement).value, in_force);
	EXPECT_EQ(trial.value, value);
	EXPECT_EQ(trial.source, rule == no_rule ? Source::ConfigurationFile : Source::Rule);
	EXPECT_EQ(trial.rule, rule);
}

void
expect_no_trial(const Policy &policy, Duration in_force)
{
	expect_trial(policy, in_force, 0, no_rule);
}

TEST(Trials, AreWhatWouldHoldIfTheRuleWereEnforced)
{
	expect_trial(under({tried(minute)}, settings()), 5 * minute, minute, 0);
	expect_trial(under({tried(hour)}, settings()), 5 * minute, hour, 0);
	expect_trial(under({tried(minute)}, settings(0)), 0, minute, 0);
	expect_trial(under({tried(5 * minute)}, settings()), 5 * minute, 5 * minute, 0);
	expect_no_trial(under({tried(minute)}, {No}, settings()), 5 * minute);
	expect_no_trial(under({tried(minute).disabled()}, settings()), 5 * minute);
}

TEST(Trials, AreNoneIfTheRuleWouldSwitchOff)
{
	expect_no_trial(under({tried(0)}, settings()), 5 * minute);
	expect_no_trial(under({tried(0), tried(minute)}, settings()), 5 * minute);
}

TEST(Trials, AreNoneBehindARuleThatDecides)
{
	expect_no_trial(under({rule(hour), tried(minute)}, settings()), hour);
	expect_trial(under({tried(minute), rule(hour)}, settings()), hour, minute, 0);
	expect_trial(under({rule(hour), tried(minute)}, {No, Yes}, settings()), 5 * minute, minute, 1);
	expect_trial(under({tried(second), tried(minute)}, settings()), 5 * minute, second, 0);
}

TEST(Trials, OfWhatOnlyTightensAreNoneIfItIsMilder)
{
	expect_trial(under({tried(minute).query()}, settings()), 5 * minute, minute, 0);
	expect_no_trial(under({tried(hour).query()}, settings()), 5 * minute);
	expect_no_trial(under({tried(5 * minute).query()}, settings()), 5 * minute);
	/* What an enforced one tightens further is its own. */
	expect_no_trial(under({rule(second).query(), tried(minute)}, settings()), second);
	expect_trial(under({rule(hour).query(), tried(minute)}, settings()), 5 * minute, minute, 1);
}

TEST(Trials, InDoubtAreNotToBeLogged)
{
	for (Duration value : {Duration{0}, minute, hour})
		for (const RuleBuilder &unknown : {tried(value), tried(value).query()})
		{
			expect_no_trial(under({unknown}, {Unknown}, settings()), 5 * minute);
			/* Nor does it keep later ones from being logged. */
			expect_trial(under({unknown, tried(second)}, {Unknown, Yes}, settings()), 5 * minute,
			             second, 1);
		}
	/* An enforced one does, which may spare. */
	expect_no_trial(under({rule(hour), tried(second)}, {Unknown, Yes}, settings()), hour);
}

TEST(Trials, InDoubtTellWhenToLook)
{
	auto after = [](const RuleBuilder &unknown)
	{ return under({unknown}, {Unknown}, settings(), Doubt::Binds); };

	expect_trial(after(tried(minute)), 5 * minute, minute, 0);
	expect_trial(after(tried(minute).query()), 5 * minute, minute, 0);
	expect_no_trial(after(tried(hour)), 5 * minute);
}

TEST(Trials, ExemptNobodyAndKeepNobodyFromIt)
{
	RuleBuilder spares = RuleBuilder().exempt(true);

	EXPECT_FALSE(under({spares.only_logs()}, settings()).exempt.value);
	EXPECT_TRUE(
	    under({RuleBuilder().exempt(false).only_logs(), RuleBuilder().exempt(true)}, settings())
	        .exempt.value);
}

TEST(Trials, OfEachLimitAreItsOwn)
{
	for (Limit limit : all_limits)
	{
		if (is_of_server(limit))
			continue;
		Policy policy = under({RuleBuilder().limit(limit, minute).only_logs()}, settings());

		for (Limit each : all_limits)
			EXPECT_EQ(threshold_of(policy.trials, each).value, each == limit ? minute : 0);
	}
}

/* What was there before does not stay. */
TEST(Trials, AreMadeAnew)
{
	Policy before = under({tried(minute)}, settings());

	expect_no_trial(under({}, before), 5 * minute);
}

TEST(TrialOf, LogsByTheThresholdOfTheTrial)
{
	Policy policy = under({tried(minute)}, settings());
	Policy trial = trial_of(policy, Limit::Statement);

	EXPECT_FALSE(policy.is_trial);
	EXPECT_TRUE(trial.is_trial);
	EXPECT_EQ(trial.mode, Mode::Log);
	EXPECT_EQ(threshold_of(trial.limits, Limit::Statement).value, minute);
	EXPECT_EQ(threshold_of(trial.limits, Limit::Statement).rule, 0);
	policy.mode = Mode::Off;
	EXPECT_EQ(trial_of(policy, Limit::Statement).mode, Mode::Off);
}

TEST(TrialOf, LeavesTheOtherLimits)
{
	Policy policy = under({tried(minute).limit(Limit::Transaction, second)},
	                      PolicyBuilder().all_limits_at(hour));
	Policy trial = trial_of(policy, Limit::Statement);

	for (Limit each : all_limits)
		EXPECT_EQ(threshold_of(trial.limits, each).value,
		          each == Limit::Statement ? minute : value_at(each, hour));
}

/* Whoever is logged has been sampled in time for that. */
TEST(WithTrials, HasTheStricterOfALimitAndItsTrial)
{
	auto value = [](const Policy &policy)
	{ return threshold_of(with_trials(policy).limits, Limit::Statement).value; };

	EXPECT_EQ(value(under({tried(minute)}, settings())), minute);
	EXPECT_EQ(value(under({tried(hour)}, settings())), 5 * minute);
	EXPECT_EQ(value(under({tried(hour)}, settings(0))), hour);
	EXPECT_EQ(value(settings()), 5 * minute);
	EXPECT_EQ(value(settings(0)), 0);
}

/* With mode = log both are logged, each once. */
TEST(TrialOf, IsLoggedApartFromTheLimit)
{
	Situation situation(Limit::Statement, SessionBuilder().running(noon));
	Policy policy = under({tried(minute)}, situation.policy);
	TrackingState &tracking = situation.tracking;
	auto now = [&](bool is_trial)
	{
		situation.policy = is_trial ? trial_of(policy, Limit::Statement) : policy;
		return situation.decide_at(over_limit);
	};

	policy.mode = Mode::Log;
	expect_due(now(true), Action::Log);
	tracking.logged[logged_index(Limit::Statement, true)] = noon;
	expect_nothing(now(true));
	expect_due(now(false), Action::Log);
	tracking.logged[logged_index(Limit::Statement, false)] = noon;
	expect_nothing(now(false));
}

TEST(TrialOf, IsOnlyLogged)
{
	Session session = SessionBuilder().running(noon);
	TrackingState tracking = tracking_of(session);
	Policy policy = under({tried(minute)}, settings());
	Policy trial = trial_of(policy, Limit::Statement);
	Instant between = noon + minute + 1;

	expect_wait_until(decide(Limit::Statement, session, tracking, policy, between),
	                  noon + 5 * minute + 1);
	Decision decision = decide(Limit::Statement, session, tracking, trial, between);
	expect_due(decision, Action::Log);
	EXPECT_EQ(decision.verdict.not_taken, Action::Cancel);
	EXPECT_EQ(decision.verdict.threshold.rule, 0);
	/* Without a trial there is nothing to log. */
	expect_nothing(decide(Limit::Statement, session, tracking,
	                      trial_of(settings(), Limit::Statement), between));
}

} // namespace
} // namespace session_guard::test
