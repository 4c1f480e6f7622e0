/*
 * A look by the guard: a session seen afresh, and what its policy says to that.
 */
#pragma once

#include "core/decision.h"
#include "core/stillness.h"

#include "status/backend_status.h"

namespace session_guard
{

/* What a look has found. */
struct Evaluation
{
	/* When it was taken.  Others before it may have kept the guard busy. */
	Instant at;
	Timestamp wall;
	ReadResult sight;
	/* The rest counts only if the session was seen. */
	BackendSnapshot snapshot;
	Policy policy;
	Decision decision;
	/* The text of its query, until the next look; empty if the session was not seen. */
	const char *query;
};

/* Allocate the memory.  Once. */
void prepare_evaluation();

/*
 * Bring the tracking of a session up to date with what was seen of it, and the
 * session with what its process alone can tell.
 */
void track(int slot, Session &session, const Policy &policy, Instant now, Asker asker);

/*
 * Look at a session because of a limit, in a transaction: bring the policies,
 * the time and the tracking up to date, and decide.
 */
Evaluation evaluate(Limit limit, int slot, SessionId id);

} // namespace session_guard
