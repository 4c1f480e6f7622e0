/*
 * A session and the limit that binds it, for tests of decisions.
 */
#pragma once

#include "core/decision.h"

#include "unit/builders.h"

#include <gtest/gtest.h>

namespace session_guard::test
{

inline constexpr Duration threshold = 5 * minute;
/* At first an episode that began at noon does not exceed the threshold yet, and then it does. */
inline constexpr Instant at_limit = noon + threshold;
inline constexpr Instant over_limit = at_limit + 1;

/* One limit is set, and a session is read that was never read before. */
struct Situation
{
	Limit limit;
	Session session;
	TrackingState tracking;
	Policy policy;

	Situation(Limit bound, const Session &found)
	    : limit(bound), session(found), tracking(tracking_of(found)),
	      policy(PolicyBuilder().limit(bound, threshold))
	{
	}

	Decision
	decide_at(Instant now) const
	{
		return decide(limit, session, tracking, policy, now);
	}
};

inline void
expect_nothing(const Decision &decision)
{
	EXPECT_EQ(decision.outlook, Outlook::Nothing);
	EXPECT_EQ(decision.at, never);
}

inline void
expect_wait_until(const Decision &decision, Instant at)
{
	EXPECT_EQ(decision.outlook, Outlook::Wait);
	EXPECT_EQ(decision.at, at);
}

inline void
expect_spared(const Decision &decision, Spared reason)
{
	EXPECT_EQ(decision.outlook, Outlook::Spared);
	EXPECT_EQ(decision.spared, reason);
}

inline void
expect_due(const Decision &decision, Action action)
{
	EXPECT_EQ(decision.outlook, Outlook::Due);
	EXPECT_EQ(decision.spared, Spared::No);
	EXPECT_EQ(decision.verdict.action, action);
}

} // namespace session_guard::test
