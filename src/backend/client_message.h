/*
 * What a session tells its client when it was canceled or terminated: the reason
 * that it was given (shmem/client_message.h).
 */
#pragma once

#include "pg/pg.h"

namespace session_guard
{

/* Add to a message that is about to be reported the reason that this session was given for it. */
void tell_message(ErrorData &message);

/* A subtransaction of this session has failed, perhaps by a cancel. */
void note_failed_subtransaction();

} // namespace session_guard
