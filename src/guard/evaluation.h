/*
 * The evaluation of one session: its status read afresh, its tracking brought up
 * to date, and what its policy decides about a limit.
 */
#pragma once

#include "core/decision.h"
#include "core/stillness.h"

#include "status/backend_status.h"

#include "guard/blockers.h"

namespace session_guard
{

struct Evaluation
{
	/* When the session was read.  Sessions before it may have kept the guard busy. */
	Instant at;
	Timestamp wall;
	ReadResult result;
	/* The rest counts only if the session was read. */
	BackendSnapshot snapshot;
	Policy policy;
	Decision decision{};
	/* What is tracked of the session, as it is now. */
	const TrackingState *tracking;
	/* The text of its query, until the next evaluation; empty if the session was not read. */
	const char *query;
	/* It is of the moment: what it depends on was not taken from an earlier reading. */
	bool is_fresh;
};

/* Allocate the memory.  Once. */
void prepare_evaluation();

/*
 * Bring the tracking of a session up to date with what was read of it, and the
 * session with what its process alone can tell.
 */
const TrackingState &track(int slot, Session &session, const Policy &policy, Instant now,
                           Asker asker);

/*
 * Evaluate a session because of a limit, in a transaction: bring the policies,
 * the time and the tracking up to date, and decide.
 */
Evaluation evaluate(Limit limit, int slot, SessionId id, LockTable wanted = LockTable::AsOfNow);

} // namespace session_guard
