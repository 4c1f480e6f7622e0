/*
 * What a session does to the server, for the limits on that: how far it holds vacuum back,
 * and how much memory it uses.  Its status does not tell.
 */
#pragma once

#include "core/policy.h"
#include "core/session.h"

#include "pg/pg.h"

namespace session_guard
{

/* What the next transaction gets, if there is a limit on how far sessions hold vacuum back. */
TransactionId next_xid_for_horizon();

/*
 * Note how far a session holds vacuum back, if there is a limit on that, and who else does.
 * What the next transaction gets was asked after the session was read.
 */
void note_horizon(Session &session, int slot, Oid database, const Policy &policy,
                  TransactionId next);

/* Read the memory of the session in a place. */
void read_memory(Session &session, int slot);

} // namespace session_guard
