/*
 * From a verdict to a signal: the line in the log, one last look, the
 * server's own function, the step noted.
 */
#pragma once

#include "server/status.h"

#include "core/outcome.h"
#include "core/policy.h"

namespace session_guard
{

/*
 * Carry out a verdict on the session of this sighting, in a transaction.
 * Signaled, raced, or a dry run with mode = log.
 */
Outcome carry_out(const Verdict &verdict, const Sighting &sighting);

} // namespace session_guard
