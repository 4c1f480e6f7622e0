/*
 * Who is in the way of whom, for the limits on that: when the lock table is read, and
 * whose turn it is of several that keep one session waiting.
 *
 * The table is read only if somebody has waited for about as long as the shortest of
 * these limits allows, and for each session that is over one once more at its
 * evaluation and at its recheck.
 */
#pragma once

#include "core/blocking.h"
#include "core/policy.h"
#include "core/session.h"

namespace session_guard
{

/* Prepare the memory.  Once. */
void prepare_blockers();

/*
 * Read the lock table for a scan if somebody has waited for long enough; otherwise have
 * a scan come when somebody has.  What was read; nullptr if nothing was.
 */
const WaitGraph *look_for_blockers(Instant now);

/* Read the lock table for one session. */
void read_blockers();

/* Fill in what was read about a session; nothing is known if nobody has waited for long. */
void note_blocking(Session &session, const Policy &policy, Instant now);

/*
 * Is another session on its way out that keeps one of the same sessions waiting, by what
 * was read last?  Its end may be enough: a hundred readers must not go for the sake of one
 * that wants the table for itself.
 */
bool is_another_ending(const Session &session, const Policy &policy);

} // namespace session_guard
