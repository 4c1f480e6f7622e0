/*
 * What will happen to a session for a limit if it goes on as it is.
 */
#pragma once

#include "core/decision.h"

#include <optional>

namespace session_guard
{

struct Forecast
{
	/* The verdict at its deadline; none if it is in no episode of the limit. */
	std::optional<Verdict> verdict;
	/*
	 * When the next step is due; never, if none is.  For a session that is spared
	 * only for now it is the earliest moment, if the session is not spared any more
	 * by then; once that is past, no other moment is known.  With mode = off every
	 * session is spared for now.
	 */
	Instant due_at;
	/* Why it is spared at this moment. */
	Spared spared;
	/* Everything was done: it was logged with mode = log, canceled, or terminated. */
	bool is_done;
};

/* What decide() will say at the deadline; with mode = off, what it would say if it were on. */
Forecast forecast(Limit limit, const Session &session, const TrackingState &tracking,
                  const Policy &policy, Instant now);

} // namespace session_guard
