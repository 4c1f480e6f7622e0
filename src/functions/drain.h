/*
 * Draining: have all sessions of a database, or of a role, end without breaking what they are
 * at, while no new ones are let in.
 */
#pragma once

#include "functions/close.h"
#include "functions/request.h"

namespace session_guard
{

struct DrainTimes
{
	/* How long transactions may go on. */
	Duration deadline;
	/* How long it stays closed when it is drained. */
	Duration keep_closed_for;
};

/*
 * Close, ask each session to end after its transaction, terminate at the deadline those that are
 * left, and wait until they have ended, for up to the request's timeout.
 *
 * If something is left then, which a WARNING names, or if the call is broken off, everything
 * is opened again, and nobody is asked to end any longer.  A closing by close_database() or
 * close_role() stays.
 */
Targets drain(const Request &request, const ClosedObjects &objects, const DrainTimes &times);

} // namespace session_guard
