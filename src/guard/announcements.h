/*
 * What the log is told when settings change: which limits have come into force,
 * and that clients cannot be told the reason of an action.
 */
#pragma once

#include "core/census.h"
#include "core/policy.h"

namespace session_guard
{

/*
 * Note the limits that have become stricter (a bit for each).  Each is announced
 * after the next scan, which finds the sessions that are over it, unless it is not
 * in force any more.
 */
void note_new_limits(std::uint32_t limits);

bool some_limit_is_new();
bool is_new(Limit limit);

/* How the sessions stand that a scan finds, for the limits that are to be announced. */
class LimitCensus
{
  public:
	/* Count a session by what was decided about it. */
	void add(Limit limit, const Decision &decision, const Session &session,
	         const TrackingState &tracking, const Policy &policy);

	/* Announce the new limits, which are not new any more. */
	void announce() const;

  private:
	std::array<Census, limit_count> counts_{};
};

/*
 * Say that the reason for an action will not reach the client: a message that
 * is kept out of the log does not come by the hook that adds it.
 */
void report_untold_reasons();

/* Warn of a limit that another one always comes before. */
void report_limit_without_effect();

} // namespace session_guard
