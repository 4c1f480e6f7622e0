/*
 * The stretch of a session's life that a limit measures.
 */
#pragma once

#include "core/limits.h"
#include "core/session.h"
#include "core/tracking_state.h"

#include <optional>

namespace session_guard
{

struct Episode
{
	/* From when it is measured. */
	Instant start;
	/*
	 * Distinguishes this episode from the next one of its kind; for most limits it
	 * is a timestamp of the server's.
	 */
	std::int64_t stamp;
};

/* How long the session has been idle outside a transaction, or has paused its pipeline there. */
std::optional<Episode> idle_episode(const Session &session, const TrackingState &tracking);

/* The episode of a limit that the session is in, if it is in one and its start is known. */
std::optional<Episode> episode_of(Limit limit, const Session &session,
                                  const TrackingState &tracking);

} // namespace session_guard
