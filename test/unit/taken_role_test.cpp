/*
 * What is stored for a role that a session has taken on.
 */
#include "core/policy.h"

#include "unit/builders.h"

#include <gtest/gtest.h>

namespace session_guard::test
{
namespace
{

RoleDatabaseSettings
stored(Limit limit, std::int64_t value)
{
	RoleDatabaseSettings settings{};

	settings.limits[index_of(limit)] = value;
	return settings;
}

/* Both are in reach of how each limit measures: so many, and half of that. */
constexpr std::int64_t more = 2 * minute;
constexpr std::int64_t less = minute;

class TakenRole : public testing::TestWithParam<Limit>
{
  protected:
	Limit limit = GetParam();
	std::int64_t strict = bounds_what_is_left(limit) ? more : less;
	std::int64_t mild = bounds_what_is_left(limit) ? less : more;

	/* What holds for the role that has logged in, and then with the other. */
	Threshold
	after(std::int64_t own, const RoleDatabaseSettings &taken)
	{
		Policy policy = PolicyBuilder().limit(limit, own);

		policy.limits[index_of(limit)].source = Source::Role;
		tighten(taken, Source::TakenRole, policy);
		return threshold_of(policy.limits, limit);
	}
};

TEST_P(TakenRole, BindsIfItIsStricter)
{
	for (std::int64_t own : {mild, std::int64_t{0}})
	{
		Threshold threshold = after(own, stored(limit, strict));

		EXPECT_EQ(threshold.value, strict);
		EXPECT_EQ(threshold.source, Source::TakenRole);
		EXPECT_EQ(threshold.rule, no_rule);
	}
}

TEST_P(TakenRole, FreesNobody)
{
	for (std::int64_t taken : {mild, strict, std::int64_t{0}})
	{
		EXPECT_EQ(after(strict, stored(limit, taken)).value, strict);
		EXPECT_EQ(after(strict, stored(limit, taken)).source, Source::Role);
	}
	EXPECT_EQ(after(0, stored(limit, 0)).source, Source::Role);
	EXPECT_EQ(after(strict, RoleDatabaseSettings{}).source, Source::Role);
}

TEST_P(TakenRole, LeavesOtherLimits)
{
	Policy policy = PolicyBuilder().all_limits_at(minute);

	tighten(stored(limit, 1), Source::TakenRole, policy);
	for (Limit other : all_limits)
		if (other != limit)
		{
			EXPECT_EQ(threshold_of(policy.limits, other).value, value_at(other, minute));
			EXPECT_EQ(threshold_of(policy.limits, other).source, Source::ConfigurationFile);
		}
}

/* It takes the place of a rule as of a setting, and what only logs stays. */
TEST_P(TakenRole, TakesThePlaceOfARule)
{
	Policy policy = PolicyBuilder();
	Threshold &own = policy.limits[index_of(limit)];
	Threshold &trial = policy.trials[index_of(limit)];

	own = {.value = mild, .source = Source::Rule, .rule = 3};
	trial = {.value = mild, .source = Source::Rule, .rule = 2};
	tighten(stored(limit, strict), Source::TakenRoleInDatabase, policy);
	EXPECT_EQ(own.value, strict);
	EXPECT_EQ(own.source, Source::TakenRoleInDatabase);
	EXPECT_EQ(own.rule, no_rule);
	EXPECT_EQ(trial.value, mild);
	EXPECT_EQ(trial.rule, 2);
}

INSTANTIATE_TEST_SUITE_P(All, TakenRole, testing::ValuesIn(all_limits),
                         [](const auto &test) { return std::string(facts(test.param).name); });

TEST(TakenRoleGrace, IsTheShorter)
{
	auto after = [](Duration own, std::optional<Duration> taken)
	{
		Policy policy = PolicyBuilder().cancel_grace(own);

		tighten({.exempt = {}, .cancel_grace = taken, .limits = {}}, Source::TakenRole, policy);
		return policy.cancel_grace;
	};

	EXPECT_EQ(after(minute, second), second);
	EXPECT_EQ(after(second, minute), second);
	EXPECT_EQ(after(minute, 0), minute);
	EXPECT_EQ(after(0, minute), minute);
	EXPECT_EQ(after(0, 0), 0);
	EXPECT_EQ(after(minute, std::nullopt), minute);
	EXPECT_EQ(after(0, std::nullopt), 0);
}

TEST(TakenRoleExemption, IsNotTakenOver)
{
	for (bool own : {false, true})
		for (bool taken : {false, true})
		{
			Policy policy = PolicyBuilder().exempt(own, Source::Database);

			tighten({.exempt = taken, .cancel_grace = {}, .limits = {}}, Source::TakenRole, policy);
			EXPECT_EQ(policy.exempt, (Exemption{.value = own, .source = Source::Database}));
		}
}

} // namespace
} // namespace session_guard::test
