/*
 * How many sessions a limit that comes into force concerns.
 */
#include "core/census.h"

#include "unit/builders.h"

#include <gtest/gtest.h>

#include <numeric>

namespace session_guard::test
{
namespace
{

class CensusOfIdle : public testing::Test
{
  protected:
	static constexpr Duration threshold = 5 * minute;
	static constexpr Instant at_limit = noon + threshold;

	PolicyBuilder policy = PolicyBuilder().limit(Limit::IdleSession, threshold);
	Census census{};

	void
	count(const Session &session, Instant now, Limit limit = Limit::IdleSession)
	{
		TrackingState tracking = tracking_of(session);

		count_session(census, limit, decide(limit, session, tracking, policy, now), session,
		              tracking, policy);
	}
	std::int64_t
	spared(Spared reason) const
	{
		return census.spared[static_cast<std::size_t>(reason)];
	}
	std::int64_t
	all_spared() const
	{
		return std::accumulate(census.spared.begin(), census.spared.end(), std::int64_t{0});
	}
};

TEST_F(CensusOfIdle, CountsWhoIsOverTheLimit)
{
	count(SessionBuilder().idle(noon), at_limit);
	EXPECT_EQ(census.over, 0);
	count(SessionBuilder().idle(noon), at_limit + 1);
	count(SessionBuilder().idle(noon).switches(switches_not_read), at_limit + 1);
	EXPECT_EQ(census.over, 2);
	EXPECT_EQ(all_spared(), 0);
}

TEST_F(CensusOfIdle, CountsWhoIsSparedForGoodWhateverItDoes)
{
	for (Instant now : {noon + 1, at_limit + 1})
	{
		count(SessionBuilder().idle(noon).superuser(Superuser::Yes), now);
		count(SessionBuilder().idle(noon).listening(), now);
	}
	count(SessionBuilder().running(noon).superuser(Superuser::Yes), noon + 1);
	EXPECT_EQ(spared(Spared::Superuser), 3);
	EXPECT_EQ(spared(Spared::Listener), 2);
	policy.exempt(true);
	count(SessionBuilder().idle(noon), at_limit + 1);
	EXPECT_EQ(spared(Spared::Exempt), 1);
	EXPECT_EQ(census.over, 0);
	EXPECT_EQ(all_spared(), 6);
}

TEST_F(CensusOfIdle, CountsWhoIsSparedForNowOnlyIfItIsOverTheLimit)
{
	policy.limit(Limit::Session, threshold);
	Session busy = SessionBuilder().running(noon).connected(noon);

	count(busy, at_limit, Limit::Session);
	EXPECT_EQ(all_spared(), 0);
	count(busy, at_limit + 1, Limit::Session);
	EXPECT_EQ(spared(Spared::InTransaction), 1);
	count(busy, at_limit + 1);
	EXPECT_EQ(all_spared(), 1);
	EXPECT_EQ(census.over, 0);
}

TEST_F(CensusOfIdle, CountsNobodyWhomTheLimitIsNotSetFor)
{
	policy.limit(Limit::IdleSession, 0);
	count(SessionBuilder().idle(noon).superuser(Superuser::Yes), at_limit + 1);
	policy.limit(Limit::IdleSession, threshold).mode(Mode::Off);
	count(SessionBuilder().idle(noon).superuser(Superuser::Yes), at_limit + 1);
	EXPECT_EQ(census.over, 0);
	EXPECT_EQ(all_spared(), 0);
}

} // namespace
} // namespace session_guard::test
