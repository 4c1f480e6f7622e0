/*
 * Settings of the server, of all roles, of a database, of a role, and of a role
 * in a database: what the more special one says takes the place of the rest,
 * and what it does not speak of falls through.
 */
#include "core/policy.h"

#include "unit/builders.h"

#include <gtest/gtest.h>

#include <ostream>
#include <string>
#include <vector>

namespace session_guard::test
{
namespace
{

/* What can be stored, with the configuration file first, in the order of the
 * server. */
constexpr std::array<Source, 5> all_sources{
    Source::ConfigurationFile, Source::AllRoles, Source::Database, Source::Role,
    Source::RoleInDatabase,
};
constexpr std::array<Source, 4> stored_sources{
    Source::AllRoles,
    Source::Database,
    Source::Role,
    Source::RoleInDatabase,
};

/* Another value for each source. */
constexpr Duration
value_of(Source source)
{
	return (5 - static_cast<Duration>(source)) * minute;
}

bool
speaks(unsigned levels, Source source)
{
	return (levels >> static_cast<unsigned>(source) & 1) != 0;
}

/* Each set of sources that speak, the empty one included. */
class Sources : public testing::TestWithParam<unsigned>
{
  protected:
	/* The most special source that speaks; the configuration file always has a
	 * value. */
	Source
	winner() const
	{
		Source found = Source::ConfigurationFile;

		for (Source source : stored_sources)
			if (speaks(GetParam(), source))
				found = source;
		return found;
	}

	/* Let each source that speaks say what "say" makes it say, from the most
	 * general on. */
	template <typename Say>
	Policy
	resolved(Policy policy, Say say) const
	{
		for (Source source : stored_sources)
		{
			RoleDatabaseSettings stored{};

			if (speaks(GetParam(), source))
				say(stored, source);
			apply(stored, source, policy);
		}
		return policy;
	}
};

TEST_P(Sources, TheMostSpecialDecidesEachLimit)
{
	for (Limit limit : all_limits)
	{
		Policy policy = resolved(PolicyBuilder().limit(limit, value_of(Source::ConfigurationFile)),
		                         [&](RoleDatabaseSettings &stored, Source source)
		                         { stored.limits[index_of(limit)] = value_of(source); });

		EXPECT_EQ(threshold_of(policy.limits, limit).value, value_of(winner()));
		EXPECT_EQ(threshold_of(policy.limits, limit).source, winner());
		for (Limit other : all_limits)
			if (other != limit)
			{
				EXPECT_EQ(threshold_of(policy.limits, other).value, 0);
				EXPECT_EQ(threshold_of(policy.limits, other).source, Source::ConfigurationFile);
			}
	}
}

TEST_P(Sources, TheMostSpecialDecidesTheGrace)
{
	Policy policy = resolved(PolicyBuilder().cancel_grace(value_of(Source::ConfigurationFile)),
	                         [](RoleDatabaseSettings &stored, Source source)
	                         { stored.cancel_grace = value_of(source); });

	EXPECT_EQ(policy.cancel_grace, value_of(winner()));
}

TEST_P(Sources, TheMostSpecialDecidesTheExemption)
{
	/* The one that decides says otherwise than all the others, in both ways. */
	for (bool value : {false, true})
	{
		bool by_file = winner() == Source::ConfigurationFile ? value : !value;
		Policy policy = resolved(PolicyBuilder().exempt(by_file, Source::ConfigurationFile),
		                         [&](RoleDatabaseSettings &stored, Source source)
		                         { stored.exempt = source == winner() ? value : !value; });

		EXPECT_EQ(policy.exempt, (Exemption{.value = value, .source = winner()}));
	}
}

TEST_P(Sources, ZeroOfTheMostSpecialSwitchesOff)
{
	Policy policy = resolved(PolicyBuilder().all_limits_at(minute).cancel_grace(minute),
	                         [&](RoleDatabaseSettings &stored, Source source)
	                         {
		                         Duration value = source == winner() ? 0 : value_of(source);

		                         stored.limits.fill(value);
		                         stored.cancel_grace = value;
	                         });
	bool is_off = winner() != Source::ConfigurationFile;

	EXPECT_EQ(policy.cancel_grace, is_off ? 0 : minute);
	for (Limit limit : all_limits)
	{
		EXPECT_EQ(threshold_of(policy.limits, limit).value, is_off ? 0 : value_at(limit, minute));
		EXPECT_EQ(threshold_of(policy.limits, limit).source, winner());
	}
}

TEST_P(Sources, AMoreSpecialOneSetsAgainWhatIsOffForTheRest)
{
	Policy policy = resolved(PolicyBuilder(), [&](RoleDatabaseSettings &stored, Source source)
	                         { stored.limits.fill(source == winner() ? minute : 0); });

	for (Limit limit : all_limits)
		EXPECT_EQ(threshold_of(policy.limits, limit).value,
		          winner() == Source::ConfigurationFile ? 0 : minute);
}

TEST_P(Sources, SilenceFallsThroughForEachSettingByItself)
{
	/* Each source speaks of the limit of its own place, all of them of one. */
	Policy policy = resolved(PolicyBuilder().all_limits_at(value_of(Source::ConfigurationFile)),
	                         [&](RoleDatabaseSettings &stored, Source source) {
		                         stored.limits[static_cast<std::size_t>(source)] = value_of(source);
	                         });

	for (Source place : all_sources)
	{
		Source expected = place != Source::ConfigurationFile && speaks(GetParam(), place)
		                      ? place
		                      : Source::ConfigurationFile;
		const Threshold &threshold = policy.limits[static_cast<std::size_t>(place)];

		EXPECT_EQ(threshold.value, value_of(expected));
		EXPECT_EQ(threshold.source, expected);
	}
	EXPECT_EQ(policy.exempt, Exemption{});
	EXPECT_EQ(policy.cancel_grace, Policy(PolicyBuilder()).cancel_grace);
}

TEST_P(Sources, LeaveTheSwitchesOfTheServerAlone)
{
	auto say_all = [](RoleDatabaseSettings &stored, Source)
	{
		stored.exempt = true;
		stored.cancel_grace = second;
		stored.limits.fill(second);
	};

	for (bool on : {true, false})
	{
		Policy policy = resolved(PolicyBuilder()
		                             .mode(Mode::Log)
		                             .exempt_superusers(on)
		                             .spare_lock_waiters(on)
		                             .spare_listeners(on)
		                             .spare_maintenance(on),
		                         say_all);

		EXPECT_EQ(policy.mode, Mode::Log);
		EXPECT_EQ(policy.exempt_superusers, on);
		EXPECT_EQ(policy.spare_lock_waiters, on);
		EXPECT_EQ(policy.spare_listeners, on);
		EXPECT_EQ(policy.spare_maintenance, on);
	}
}

std::string
name_of_levels(unsigned levels)
{
	constexpr std::array<const char *, 5> names{"", "AllRoles", "Database", "Role",
	                                            "RoleInDatabase"};
	std::string name;

	for (Source source : stored_sources)
		if (speaks(levels, source))
			name += names[static_cast<std::size_t>(source)];
	return name.empty() ? "FileOnly" : name;
}

/* The bit of the configuration file stands for nothing: it always speaks. */
INSTANTIATE_TEST_SUITE_P(Policy, Sources, testing::Range(0U, 32U, 2U),
                         [](const auto &test) { return name_of_levels(test.param); });

/* ---- What a new policy of the server brings into force. ---- */

class ComesIntoForce : public testing::TestWithParam<Limit>
{
  protected:
	Limit limit = GetParam();
	PolicyBuilder before;
	PolicyBuilder now;

	void
	SetUp() override
	{
		before.limit(limit, minute);
		now.limit(limit, minute);
	}
	bool
	comes(bool is_stored = false)
	{
		return comes_into_force(now, before, limit, is_stored);
	}
};

TEST_P(ComesIntoForce, NotIfNothingChanged)
{
	EXPECT_FALSE(comes());
}

/* What is to be left for all is stricter if it is more. */
TEST_P(ComesIntoForce, WithAStricterThresholdOnly)
{
	now.limit(limit, minute - 1);
	EXPECT_NE(comes(), bounds_what_is_left(limit));
	now.limit(limit, minute + 1);
	EXPECT_EQ(comes(), bounds_what_is_left(limit));
}

TEST_P(ComesIntoForce, WithALimitThatWasOff)
{
	before.limit(limit, 0);
	EXPECT_TRUE(comes());
}

TEST_P(ComesIntoForce, NotWithALimitThatIsOff)
{
	now.limit(limit, 0).exempt_superusers(false);
	EXPECT_FALSE(comes());
	before.limit(limit, 0);
	EXPECT_FALSE(comes());
}

TEST_P(ComesIntoForce, NotBecauseOfAnotherLimit)
{
	for (Limit other : all_limits)
		if (other != limit && other != Limit::Maintenance)
			now.limit(other, second);
	EXPECT_FALSE(comes());
}

TEST_P(ComesIntoForce, OfATransactionWithTheLimitThatBoundsWhatIsTakenOffIt)
{
	if (limit == Limit::Maintenance)
		return;
	now.limit(Limit::Maintenance, second);
	EXPECT_EQ(comes(), limit == Limit::Transaction);
}

TEST_P(ComesIntoForce, WhenTheModeBeginsToAct)
{
	for (Mode mode : {Mode::Off, Mode::Log})
	{
		before.mode(mode);
		EXPECT_TRUE(comes());
	}
	now.mode(Mode::Log);
	before.mode(Mode::Off);
	EXPECT_TRUE(comes());
}

TEST_P(ComesIntoForce, NotInModeOff)
{
	now.mode(Mode::Off).limit(limit, second);
	EXPECT_FALSE(comes());
}

TEST_P(ComesIntoForce, WhenSuperusersAreNoLongerExempt)
{
	now.exempt_superusers(false);
	EXPECT_TRUE(comes());
	before.exempt_superusers(false);
	EXPECT_FALSE(comes());
	now.exempt_superusers(true);
	EXPECT_FALSE(comes());
}

TEST_P(ComesIntoForce, WhenTheServerIsNoLongerExempt)
{
	before.exempt(true, Source::ConfigurationFile);
	EXPECT_TRUE(comes());
	now.exempt(true, Source::ConfigurationFile);
	EXPECT_FALSE(comes());
	before.exempt(false);
	EXPECT_FALSE(comes());
}

TEST_P(ComesIntoForce, WhenRoomIsMadeByThoseIdleForLess)
{
	now.headroom_min_idle(second);
	EXPECT_EQ(comes(), limit == Limit::Headroom);
	before.headroom_min_idle(millisecond);
	EXPECT_FALSE(comes());
}

TEST_P(ComesIntoForce, WhenListenersAreNoLongerSparedFromIt)
{
	now.spare_listeners(false);
	EXPECT_EQ(comes(), limit == Limit::IdleSession || limit == Limit::Headroom);
	before.spare_listeners(false);
	EXPECT_FALSE(comes());
	now.spare_listeners(true);
	EXPECT_FALSE(comes());
}

TEST_P(ComesIntoForce, WhenMaintenanceIsNoLongerSparedFromIt)
{
	now.spare_maintenance(false);
	EXPECT_EQ(comes(), limit == Limit::Statement || limit == Limit::Transaction ||
	                       limit == Limit::Blocker || limit == Limit::HorizonAge ||
	                       limit == Limit::DeadClient);
	before.spare_maintenance(false);
	EXPECT_FALSE(comes());
	now.spare_maintenance(true);
	EXPECT_FALSE(comes());
}

TEST_P(ComesIntoForce, WhenAdvisoryLocksBeginToCountForIt)
{
	now.count_advisory_locks(true);
	EXPECT_EQ(comes(), limit == Limit::IdleBlocker || limit == Limit::Blocker);
	before.count_advisory_locks(true);
	EXPECT_FALSE(comes());
	now.count_advisory_locks(false);
	EXPECT_FALSE(comes());
}

TEST_P(ComesIntoForce, WhenBackgroundWorkersAreGuardedThatItBinds)
{
	bool binds = limit != Limit::IdleSession && limit != Limit::IdleInTransactionSession &&
	             limit != Limit::Session && limit != Limit::IdleBlocker &&
	             limit != Limit::DeadClient && limit != Limit::Headroom;

	now.background_workers(1);
	EXPECT_EQ(comes(), binds);
	before.background_workers(2);
	EXPECT_EQ(comes(), binds);
	now.background_workers(2);
	EXPECT_FALSE(comes());
	now.background_workers(0);
	EXPECT_FALSE(comes());
}

TEST_P(ComesIntoForce, IfStoredThoughOffForTheServerWhenSomebodyIsNoLongerSpared)
{
	before.limit(limit, 0).exempt_superusers(true).mode(Mode::Log);
	now.limit(limit, 0).exempt_superusers(false).mode(Mode::Log);
	EXPECT_TRUE(comes(true));
	EXPECT_FALSE(comes(false));

	before.exempt_superusers(false);
	EXPECT_FALSE(comes(true));
	now.mode(Mode::Enforce);
	EXPECT_TRUE(comes(true));
	EXPECT_FALSE(comes(false));
}

TEST_P(ComesIntoForce, NotIfStoredAndTheServerSwitchesItsOwnOff)
{
	now.limit(limit, 0);
	EXPECT_FALSE(comes(true));
	now.mode(Mode::Off);
	before.mode(Mode::Log);
	EXPECT_FALSE(comes(true));
}

TEST_P(ComesIntoForce, NotWhenLockWaitersAreNewlySpared)
{
	before.spare_lock_waiters(false);
	EXPECT_FALSE(comes());
	now.spare_lock_waiters(false);
	EXPECT_FALSE(comes());
}

TEST_P(ComesIntoForce, WhenLockWaitersAreNoLongerSparedFromIt)
{
	now.spare_lock_waiters(false);
	EXPECT_EQ(comes(), limit == Limit::IdleInTransactionSession || limit == Limit::Statement ||
	                       limit == Limit::Transaction || limit == Limit::Maintenance ||
	                       limit == Limit::HorizonAge);
	before.spare_lock_waiters(false);
	EXPECT_FALSE(comes());
}

INSTANTIATE_TEST_SUITE_P(Policy, ComesIntoForce, testing::ValuesIn(all_limits),
                         [](const auto &test) { return std::string(facts(test.param).name); });

/* ---- What becomes stricter between two readings. ---- */

class StoredComesIntoForce : public testing::TestWithParam<Limit>
{
  protected:
	Limit limit = GetParam();
	RoleDatabaseSettings before{};
	RoleDatabaseSettings now{};

	bool
	comes() const
	{
		return comes_into_force(now, before, limit);
	}
	void
	change(std::optional<Duration> from, std::optional<Duration> to)
	{
		before.limits[index_of(limit)] = from;
		now.limits[index_of(limit)] = to;
	}
};

TEST_P(StoredComesIntoForce, NotIfAllIsAlike)
{
	EXPECT_FALSE(comes());
	now.limits.fill(minute);
	before.limits.fill(minute);
	now.exempt = before.exempt = false;
	EXPECT_FALSE(comes());
}

TEST_P(StoredComesIntoForce, WithAStricterValueOnly)
{
	change(minute, minute - 1);
	EXPECT_NE(comes(), bounds_what_is_left(limit));
	change(minute, minute + 1);
	EXPECT_EQ(comes(), bounds_what_is_left(limit));
}

TEST_P(StoredComesIntoForce, WithAValueThatWasOffOrSilent)
{
	change(0, minute);
	EXPECT_TRUE(comes());
	change(std::nullopt, minute);
	EXPECT_TRUE(comes());
}

TEST_P(StoredComesIntoForce, NotWhenItIsSwitchedOff)
{
	change(minute, 0);
	EXPECT_FALSE(comes());
	change(std::nullopt, 0);
	EXPECT_FALSE(comes());
}

TEST_P(StoredComesIntoForce, WithSilenceThatGivesWayToWhatIsMoreGeneral)
{
	change(minute, std::nullopt);
	EXPECT_TRUE(comes());
	change(0, std::nullopt);
	EXPECT_TRUE(comes());
}

TEST_P(StoredComesIntoForce, NotBecauseOfAnotherLimit)
{
	now.limits.fill(minute);
	now.limits[index_of(limit)] = std::nullopt;
	/* It bounds what is taken off a transaction. */
	EXPECT_EQ(comes(), limit == Limit::Transaction);
	now.limits[index_of(Limit::Maintenance)] = std::nullopt;
	EXPECT_FALSE(comes());
}

TEST_P(StoredComesIntoForce, WithTheEndOfAnExemptionOnly)
{
	before.exempt = true;
	EXPECT_TRUE(comes());
	now.exempt = false;
	EXPECT_TRUE(comes());
	/* What is more general may exempt; this says no to it. */
	before.exempt = std::nullopt;
	EXPECT_TRUE(comes());
	now.exempt = true;
	EXPECT_FALSE(comes());
	before.exempt = false;
	EXPECT_FALSE(comes());
}

INSTANTIATE_TEST_SUITE_P(Policy, StoredComesIntoForce, testing::ValuesIn(all_limits),
                         [](const auto &test) { return std::string(facts(test.param).name); });

/*
 * Whatever changes in one row: whoever is bound more strictly by it than
 * before, whatever the more general sources say, is noticed.
 */
TEST(StoredComesIntoForceForSomebody, MissesNothingThatBecomesStricter)
{
	constexpr std::array<std::optional<Duration>, 4> values{std::nullopt, 0, minute, hour};
	constexpr std::array<std::optional<bool>, 3> exemptions{std::nullopt, false, true};
	/* Each policy that one row can make of a more general one. */
	struct Case
	{
		RoleDatabaseSettings row;
		Policy policy;
	};
	/* 0 is the mildest of all, and so is to be exempt. */
	auto strictness = [](const Policy &policy)
	{
		Duration value = threshold_of(policy.limits, Limit::IdleSession).value;

		return policy.exempt.value || value == 0 ? 0 : 2 * hour - value;
	};
	int stricter = 0;

	for (Duration general : {Duration(0), minute, hour})
		for (bool is_exempt : {false, true})
		{
			std::vector<Case> cases;

			for (std::optional<Duration> value : values)
				for (std::optional<bool> exempt : exemptions)
				{
					Case one{.row = {.exempt = exempt, .cancel_grace = {}, .limits = {value}},
					         .policy = PolicyBuilder()
					                       .limit(Limit::IdleSession, general)
					                       .exempt(is_exempt, Source::AllRoles)};

					apply(one.row, Source::Role, one.policy);
					cases.push_back(one);
				}
			for (const Case &before : cases)
				for (const Case &now : cases)
				{
					if (strictness(now.policy) <= strictness(before.policy))
						continue;
					stricter++;
					EXPECT_TRUE(comes_into_force(now.row, before.row, Limit::IdleSession))
					    << "in general " << general << (is_exempt ? ", exempt" : "") << "; value "
					    << before.row.limits[0].value_or(-1) << " to "
					    << now.row.limits[0].value_or(-1) << ", exempt "
					    << before.row.exempt.value_or(false) << " to "
					    << now.row.exempt.value_or(false);
				}
		}
	EXPECT_GT(stricter, 100);
}

} // namespace
} // namespace session_guard::test
