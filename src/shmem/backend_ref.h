/*
 * Which backend is meant: wherever one is named that may have ended by the time
 * that it is asked for.
 */
#pragma once

#include "core/session.h"

#include "pg/pg.h"

namespace session_guard
{

struct BackendRef
{
	/* A pid alone comes back in time; with the start it is the session's for good. */
	SessionId id;
	/* Its place in the backend-status array; -1 if it has none. */
	int slot;
	/* Its process, for as long as that has this pid. */
	const PGPROC *process;
};

} // namespace session_guard
