/*
 * The evaluation of one session: its status read afresh, its tracking brought up
 * to date, and what its policy decides about a limit.
 */
#pragma once

#include "core/decision.h"
#include "core/messages.h"
#include "core/stillness.h"

#include "status/backend_status.h"
#include "status/sql_values.h"

#include "guard/blockers.h"

#include <array>

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
	/* The rules that decide the limit, and that exempt; empty if none does. */
	std::array<char, NAMEDATALEN> rule;
	std::array<char, NAMEDATALEN> exempting_rule;
	/* What is tracked of the session, as it is now. */
	const TrackingState *tracking;
	/* The text of its query, until the next evaluation; empty if the session was not read. */
	const char *query;
	/* It is of the moment: what it depends on was not taken from an earlier reading. */
	bool is_fresh;
};

/* What is to be said of where it was set that the session was to be ended, or not; shown so. */
Names names_of(const Evaluation &evaluation, Converter *shown);

/* Allocate the memory.  Once. */
void prepare_evaluation();

/*
 * Bring the tracking of a session up to date with what was read of it, and the
 * session with what its process alone can tell.
 */
const TrackingState &track(int slot, Session &session, const Policy &policy, Instant now,
                           Asker asker);

/*
 * Evaluate a session because of a limit, or of what a rule that only logs would put in its place,
 * in a transaction: bring the policies, the time and the tracking up to date, and decide.
 */
Evaluation evaluate(Limit limit, int slot, SessionId id, LockTable wanted = LockTable::AsOfNow,
                    bool is_trial = false);

} // namespace session_guard
