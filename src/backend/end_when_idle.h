/*
 * The end of a session that was asked for it, between two of its transactions.
 */
#pragma once

namespace session_guard
{

/*
 * At the end of each transaction: if the session is asked to end (shmem/end_requests.h), end it
 * as soon as it reads the next command.
 */
void end_if_requested();

} // namespace session_guard
