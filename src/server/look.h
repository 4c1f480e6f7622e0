/*
 * A look by the guard: a session seen afresh, and what its policy says to that.
 */
#pragma once

#include "server/status.h"

#include "core/policy.h"

namespace session_guard
{

/* What a look has found. */
struct Looked
{
	/* When it was taken.  Others before it may have kept the guard busy. */
	Instant at;
	Timestamp wall;
	Sight sight;
	/* The rest counts only if the session was seen. */
	Sighting sighting;
	Policy policy;
	Decision decision;
	/* The text of its query, until the next look; empty if the session was not seen. */
	const char *query;
};

/* Allocate the memory.  Once. */
void prepare_looks();

/*
 * Bring the memo of a session up to date with what was seen of it, and the
 * session with what its process alone can tell.
 */
void take_in(int slot, Session &session, const Policy &policy, Instant now, Asker asker);

/*
 * Look at a session because of a limit, in a transaction: bring the policies,
 * the time and the memo up to date, and decide.
 */
Looked look_and_decide(Limit limit, int slot, SessionId id);

} // namespace session_guard
