/*
 * Those who keep others waiting for longer than a limit allows and are not ended for it:
 * sessions that are spared, and what is no session.  The log names each once.
 */
#pragma once

#include "core/decision.h"
#include "core/wait_graph.h"

#include "guard/evaluation.h"

namespace session_guard
{

/* Is a session that is spared from a limit on blocking yet to be named? */
bool is_to_be_named(Limit limit, const Decision &decision, const TrackingState &tracking);

/* Name it, once within its transaction, or within its idle phase outside of one. */
void name_spared_blocker(const Evaluation &evaluation);

/*
 * Name the prepared transactions, the processes that are no client sessions, and the sessions
 * that no limit on blocking binds, that are at the root of waits which have lasted for so long, by
 * a graph that was read now, in a transaction: each once, until it has been in nobody's way for an
 * hour.
 */
void name_other_blockers(WaitGraph &graph, Duration longer_than, Instant now);

} // namespace session_guard
