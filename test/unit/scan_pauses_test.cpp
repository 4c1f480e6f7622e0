/*
 * When to scan again.
 */
#include "core/decision.h"
#include "core/memory_sampling.h"
#include "core/scan_pauses.h"
#include "core/stillness.h"

#include "unit/rules.h"
#include "unit/situation.h"

#include <gtest/gtest.h>

#include <limits>

namespace session_guard::test
{
namespace
{

TEST(ShortestPause, IsNoneWithoutALimit)
{
	EXPECT_EQ(shortest_pause(PolicyBuilder()), 0);
}

/* The same value for all limits that measure time, and for the others one that is out of the way.
 */
RoleDatabaseSettings
stored_at(Duration value)
{
	RoleDatabaseSettings stored{};

	for (Limit limit : all_limits)
		stored.limits[index_of(limit)] = value_at(limit, value);
	return stored;
}

/* The pause that a threshold of one limit asks for by itself. */
Duration
pause_of(Limit limit, Duration value)
{
	switch (limit)
	{
		case Limit::IdleSession:
		case Limit::IdleInTransactionSession:
		case Limit::IdleBlocker:
			return value - stillness_for(value) * 5 / 4;
		case Limit::Session:
		case Limit::Blocker:
		case Limit::DeadClient:
			return value;
		case Limit::HorizonAge:
		case Limit::AvailableMemory:
		case Limit::Headroom:
			return longest_memory_pause;
		case Limit::Memory:
			return value / (2 * fastest_growth);
		default:
			return value / 2;
	}
}

TEST(ShortestPause, IsHalfTheThresholdOfWhatMayWaitAndLeavesTheIdleTimeToBeStill)
{
	EXPECT_EQ(shortest_pause(PolicyBuilder().limit(Limit::IdleSession, minute)),
	          minute - 1250 * millisecond);
	EXPECT_EQ(shortest_pause(PolicyBuilder().limit(Limit::IdleInTransactionSession, second)),
	          second - 625 * millisecond);
	EXPECT_EQ(shortest_pause(PolicyBuilder().limit(Limit::Statement, minute)), minute / 2);
	EXPECT_EQ(shortest_pause(PolicyBuilder().limit(Limit::Transaction, minute)), minute / 2);
	EXPECT_EQ(shortest_pause(PolicyBuilder().limit(Limit::Maintenance, minute)), minute / 2);
	EXPECT_EQ(shortest_pause(PolicyBuilder().limit(Limit::Session, minute)), minute);
	EXPECT_EQ(shortest_pause(PolicyBuilder().limit(Limit::DeadClient, second)), second);
}

TEST(ShortestPause, IsTheShortestOfAll)
{
	for (Limit shortest : all_limits)
		EXPECT_EQ(shortest_pause(PolicyBuilder().all_limits_at(hour).limit(shortest, minute)),
		          pause_of(shortest, minute));
}

TEST(ShortestPause, AHalvedStatementMayBeTheShortest)
{
	auto pause = [](Duration statement)
	{
		return shortest_pause(
		    PolicyBuilder().limit(Limit::Session, minute).limit(Limit::Statement, statement));
	};

	EXPECT_EQ(pause(2 * minute - 2), minute - 1);
	EXPECT_EQ(pause(2 * minute + 2), minute);
}

/* An episode of any limit that begins right after a scan is found by the next in time. */
TEST(ShortestPause, FindsEachEpisodeInTimeForTheReadingsThatItNeeds)
{
	for (Duration value : {smallest_threshold, second, minute, day})
		for (const Session &session :
		     {Session(SessionBuilder().idle(noon).switches(7)),
		      Session(SessionBuilder().idle_in_transaction(noon).switches(7)),
		      Session(SessionBuilder().running(noon).maintaining_own_tables(noon))})
			for (Limit limit : all_limits)
			{
				Policy policy = PolicyBuilder().limit(limit, value);
				TrackingState tracking = tracking_of(session);
				Instant scan = noon + shortest_pause(policy);
				Instant now = scan;

				if (limit == Limit::Session || !episode_of(limit, session, tracking))
					continue;
				Instant deadline = episode_of(limit, session, tracking)->start + value;
				Decision decision{};
				do
				{
					Session seen = session;

					if (!wants_switches(session, tracking, policy, now, Asker::Evaluation))
						seen.switches = switches_not_read;
					observe(tracking, seen, now);
					decision = decide(limit, seen, tracking, policy, now);
					if (decision.outlook == Outlook::Wait)
						now = decision.at;
				} while (decision.outlook == Outlook::Wait);
				expect_due(decision, facts(limit).first_action);
				/* A transaction may have begun long before. */
				EXPECT_EQ(now, std::max(deadline + 1, scan)) << facts(limit).name << " " << value;
			}
}

TEST(ShortestPause, OfWhatIsStoredIsNoneWithoutALimit)
{
	RoleDatabaseSettings stored{};

	EXPECT_EQ(shortest_pause(stored), 0);
	stored.exempt = false;
	stored.cancel_grace = second;
	stored.limits.fill(0);
	EXPECT_EQ(shortest_pause(stored), 0);
}

TEST(ShortestPause, OfWhatIsStoredIsThatOfEachLimit)
{
	for (Limit limit : all_limits)
	{
		RoleDatabaseSettings stored{};

		stored.limits[index_of(limit)] = minute;
		EXPECT_EQ(shortest_pause(stored), pause_of(limit, minute));
		/* What is switched off beside it does not count. */
		for (Limit other : all_limits)
			if (other != limit)
				stored.limits[index_of(other)] = 0;
		EXPECT_EQ(shortest_pause(stored), pause_of(limit, minute));
	}
}

TEST(ShortestPause, OfWhatIsStoredIsTheShortestOfAll)
{
	for (Limit shortest : all_limits)
	{
		RoleDatabaseSettings stored = stored_at(hour);

		stored.limits[index_of(shortest)] = minute;
		EXPECT_EQ(shortest_pause(stored), pause_of(shortest, minute));
	}
}

TEST(ShortestWithWaits, IsOfTheLimitsThatWaitsAreSampledFor)
{
	for (Limit limit : all_limits)
	{
		bool takes = limit == Limit::Statement || limit == Limit::Transaction ||
		             limit == Limit::Maintenance || limit == Limit::IdleBlocker ||
		             limit == Limit::Blocker;
		RoleDatabaseSettings stored{};

		stored.limits[index_of(limit)] = minute;
		EXPECT_EQ(shortest_with_waits(PolicyBuilder().limit(limit, minute)), takes ? minute : 0);
		EXPECT_EQ(shortest_with_waits(stored), takes ? minute : 0);
		/* Of several it is the shortest, whatever the others are. */
		stored = stored_at(hour);
		stored.limits[index_of(limit)] = minute;
		EXPECT_EQ(shortest_with_waits(PolicyBuilder().all_limits_at(hour).limit(limit, minute)),
		          takes ? minute : hour);
		EXPECT_EQ(shortest_with_waits(stored), takes ? minute : hour);
	}
}

TEST(ShortestWithWaits, IsNoneWithoutALimitAndInModeOff)
{
	PolicyBuilder policy;
	RoleDatabaseSettings stored{};

	EXPECT_EQ(shortest_with_waits(policy), 0);
	EXPECT_EQ(shortest_with_waits(stored), 0);
	stored.limits.fill(0);
	EXPECT_EQ(shortest_with_waits(stored), 0);
	policy.all_limits_at(minute);
	EXPECT_EQ(shortest_with_waits(policy.mode(Mode::Log)), minute);
	EXPECT_EQ(shortest_with_waits(policy.mode(Mode::Off)), 0);
}

/* What a rule asks for, of each kind of pause. */
struct Pauses
{
	Duration pause;
	Duration blocking;
	Duration with_waits;

	explicit Pauses(const Rule &rule)
	    : pause(shortest_pause(rule)), blocking(shortest_blocking(rule)),
	      with_waits(shortest_with_waits(rule))
	{
	}
	explicit Pauses(const RoleDatabaseSettings &stored)
	    : pause(shortest_pause(stored)), blocking(shortest_blocking(stored)),
	      with_waits(shortest_with_waits(stored))
	{
	}
	friend bool operator==(const Pauses &, const Pauses &) = default;
};

TEST(PausesOfRules, AreThoseOfTheSameLimitsStored)
{
	Pauses none(RoleDatabaseSettings{});

	for (Limit limit : all_limits)
	{
		RuleBuilder rule = RuleBuilder().limit(limit, minute);
		RoleDatabaseSettings stored{};

		stored.limits[index_of(limit)] = minute;
		Pauses expected = is_of_server(limit) ? none : Pauses(stored);
		EXPECT_EQ(Pauses(rule.rule()), expected) << facts(limit).name;
		/* Whom it means and whether it is enforced does not count. */
		EXPECT_EQ(Pauses(RuleBuilder(rule).roles({}).query().rule()), expected);
		EXPECT_EQ(Pauses(RuleBuilder(rule).only_logs().rule()), expected);
		EXPECT_EQ(Pauses(RuleBuilder(rule).disabled().rule()), none);
	}
}

TEST(PausesOfRules, AreTheShortestOfAll)
{
	for (Limit shortest : all_limits)
	{
		RuleBuilder rule;
		RoleDatabaseSettings stored{};

		if (is_of_server(shortest))
			continue;
		for (Limit limit : all_limits)
		{
			Duration value = limit == shortest ? minute : value_at(limit, hour);

			rule.limit(limit, is_of_server(limit) ? 1 : value);
			stored.limits[index_of(limit)] = is_of_server(limit) ? 0 : value;
		}
		EXPECT_EQ(Pauses(rule.rule()), Pauses(stored));
	}
}

TEST(PausesOfRules, AreNoneIfItSwitchesOffOrDoesNotSpeak)
{
	RuleBuilder off = RuleBuilder().exempt(true);

	EXPECT_EQ(Pauses(off.rule()), Pauses(RoleDatabaseSettings{}));
	for (Limit limit : all_limits)
		off.limit(limit, 0);
	EXPECT_EQ(Pauses(off.rule()), Pauses(RoleDatabaseSettings{}));
}

TEST(ShortestBlocking, IsOfTheLimitsOnBlockingOnly)
{
	for (Limit limit : all_limits)
	{
		Duration expected = limit == Limit::IdleBlocker || limit == Limit::Blocker ? minute : 0;
		RoleDatabaseSettings stored{};

		stored.limits[index_of(limit)] = minute;
		EXPECT_EQ(shortest_blocking(PolicyBuilder().limit(limit, minute)), expected);
		EXPECT_EQ(shortest_blocking(stored), expected);
		EXPECT_EQ(shortest_blocking(PolicyBuilder().limit(limit, minute).mode(Mode::Off)), 0);
	}
}

TEST(WaitBeforeLooking, LeavesTimeToBeStill)
{
	for (Duration value : {smallest_threshold, second, minute, day})
	{
		EXPECT_GT(wait_before_looking(value), 0);
		EXPECT_LT(wait_before_looking(value), value - reading_before_deadline(value));
	}
}

TEST(SamplingPause, IsShorterTheMoreHangsOnIt)
{
	EXPECT_EQ(sampling_pause(4 * second, Pace::Quiet), 2 * second);
	EXPECT_EQ(sampling_pause(4 * second, Pace::Running), second / 2);
	EXPECT_EQ(sampling_pause(4 * second, Pace::Waiting), second / 5);
	/* Waits are sampled at least once a second. */
	EXPECT_EQ(sampling_pause(20 * second, Pace::Waiting), second);
	EXPECT_EQ(sampling_pause(day, Pace::Waiting), second);
	EXPECT_EQ(sampling_pause(day, Pace::Running), 3 * hour);
}

TEST(ShorterPause, TakesTheShorterOfWhatThereIs)
{
	EXPECT_EQ(shorter_pause(second, minute), second);
	EXPECT_EQ(shorter_pause(minute, second), second);
	EXPECT_EQ(shorter_pause(0, minute), minute);
	EXPECT_EQ(shorter_pause(minute, 0), minute);
	EXPECT_EQ(shorter_pause(minute, minute), minute);
	EXPECT_EQ(shorter_pause(0, 0), 0);
}

TEST(ShortestPause, IsNoneInModeOffOnly)
{
	PolicyBuilder policy;

	policy.all_limits_at(minute);
	EXPECT_EQ(shortest_pause(policy.mode(Mode::Off)), 0);
	EXPECT_EQ(shortest_pause(policy.mode(Mode::Log)), minute / 2);
}

} // namespace
} // namespace session_guard::test
