/*
 * Who is in the way of whom, for the limits on that: when the lock table is read, and
 * whose turn it is of several that keep one session waiting.
 *
 * The table is read only if somebody has waited for about as long as the shortest of
 * these limits allows, and for each session that is over one once more at its
 * evaluation and at its recheck.
 */
#pragma once

#include "core/policy.h"
#include "core/session.h"
#include "core/wait_graph.h"

namespace session_guard
{

/* Which reading of the lock table is good enough. */
enum class LockTable
{
	/* One that is not much older than what it takes: to see who need not be looked at closely. */
	AsReadLately,
	AsOfNow,
};

/* Prepare the memory.  Once. */
void prepare_blockers();

/*
 * Read the lock table for a scan if somebody has waited for long enough; otherwise have
 * a scan come when somebody has.  What was read; nullptr if nothing was.
 */
WaitGraph *look_for_blockers(Instant now);

/* Read the lock table for one session, if it must be read for that; was it? */
bool read_blockers(LockTable wanted);

/* Fill in what was read about a session in a slot; nothing is known if nobody has waited for long.
 */
void note_blocking(Session &session, int slot);

/* Fill in how many sessions it keeps waiting, by what was read last. */
void count_waiters(Session &session);

/*
 * How long to leave a session alone because another one is on its way out that keeps one of
 * the same sessions waiting, by what was read last; 0 if there is none.  Its end may be
 * enough: a hundred readers must not go for the sake of one that wants the table for itself.
 */
Duration pause_for_another(const Session &session);

} // namespace session_guard
