/*
 * A session ends between two transactions (see end_when_idle.h).
 *
 * Before the server waits for the next command, it sees to signals, and catches up with what
 * other sessions have changed in the catalogs: by a transaction that does nothing, and only if
 * none is open (postgres.c, ProcessClientReadInterrupt(); sinval.c, ProcessCatchupInterrupt()).
 * By then the client has been told what became of its own transaction, and no command that it
 * has sent since has begun.  So a session that is asked to end has itself catch up, and does at
 * the end of that transaction what the signal to end would have done.
 */
#include "backend/end_when_idle.h"

#include "pg/pg.h"

#include "shmem/end_requests.h"

namespace session_guard
{

namespace
{

/*
 * Have the session catch up when it waits for its client, once for each message of that.
 *
 * In the middle of an exchange of messages the state is not idle yet; if the end of the
 * transaction that does nothing asked for another one, they would never end.  Where several
 * transactions have one message, whoever asks for the end finds the session idle.
 */
void
look_again_when_idle()
{
	static TimestampTz last_message = 0;
	TimestampTz message = GetCurrentStatementStartTimestamp();

	if (message == last_message)
		return;
	last_message = message;
	catchupInterruptPending = 1;
}

} // namespace

void
end_if_requested()
{
	if (!is_end_requested())
		return;
	if (MyBEEntry->st_state != STATE_IDLE)
		return look_again_when_idle();
	/* As the server's handler of the signal does (postgres.c, die()). */
	ProcDiePending = 1;
	InterruptPending = 1;
	SetLatch(MyLatch);
}

} // namespace session_guard
