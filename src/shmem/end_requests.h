/*
 * Which sessions are asked to end by themselves, as soon as they are outside of a transaction.
 *
 * A signal from another process cannot be sure of that: the session may begin its next
 * transaction while the signal is on its way.  So the session itself looks here whenever a
 * transaction of it has ended (backend/end_when_idle.h).  One place for each in the
 * backend-status array; what is asked of one session counts for no other.
 */
#pragma once

#include "core/session.h"

#include "pg/pg.h"

namespace session_guard
{

Size end_requests_size();
void end_requests_init(void *memory, bool found);

/* Ask the session in a place to end. */
void request_end(int slot, const SessionId &session);

/* Ask it no longer; false if it is ending already, or is not asked. */
bool withdraw_end(int slot, const SessionId &session);

/* Is this session asked to end? */
bool is_end_requested();

/* For a session that is asked to end, and is about to: false if it has just been withdrawn. */
bool take_end_request();

} // namespace session_guard
