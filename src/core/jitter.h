/*
 * How much later than its limit a session ends, so that those of a pool that were born
 * together do not end together.
 */
#pragma once

#include "core/policy.h"
#include "core/session.h"

namespace session_guard
{

/*
 * What is added to the threshold of a limit for this session: for session_timeout a share of the
 * threshold between 0 and session_timeout_jitter percent, for the other limits nothing.
 *
 * It is the session's own as long as it lives, whoever asks, and grows with the threshold and with
 * the percentage: a limit that is raised ends nobody sooner.
 */
Duration jitter_of(Limit limit, SessionId session, const Policy &policy);

} // namespace session_guard
