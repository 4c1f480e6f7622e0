/*
 * How many sessions a limit concerns (see census.h).
 */
#include "core/census.h"

namespace session_guard
{

void
count_session(Census &census, Limit limit, const Decision &decision, const Session &session,
              const TrackingState &tracking, const Policy &policy)
{
	if (!is_set(policy, limit))
		return;
	if (is_over(decision))
	{
		census.over++;
		return;
	}
	Spared spared = spared_from(limit, session, tracking, policy);
	if (spared != Spared::No && (decision.outlook == Outlook::Spared || !may_pass_soon(spared)))
		census.spared[static_cast<std::size_t>(spared)]++;
}

} // namespace session_guard
