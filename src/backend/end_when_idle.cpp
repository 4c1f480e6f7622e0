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
 * Have the session catch up when it waits for its client.
 *
 * The next transaction of the same message, or that in which notifications are received, makes
 * it forget that again, so it takes the end of each.  But in the middle of an exchange of messages,
 * when none is executed, the state is not idle, and this may be the end of the transaction that
 * does nothing: if that asked for another one each time, they would never end.  It then is asked
 * for a few times only, and whoever has asked for the end wakes the session when it is idle.
 */
void
look_again_when_idle()
{
	constexpr int most_for_one_message = 3;
	static TimestampTz last_message = 0;
	static int times = 0;

	if (debug_query_string == nullptr)
	{
		TimestampTz message = GetCurrentStatementStartTimestamp();

		times = message == last_message ? times + 1 : 1;
		last_message = message;
		if (times > most_for_one_message)
			return;
	}
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
	if (!take_end_request())
		return;
	/* As the server's handler of the signal does (postgres.c, die()). */
	pgStatSessionEndCause = DISCONNECT_KILLED;
	ProcDiePending = 1;
	InterruptPending = 1;
	SetLatch(MyLatch);
}

} // namespace session_guard
