/*
 * What a look changes in the memo of a session (see memo.h).
 */
#include "core/memo.h"

namespace session_guard
{

namespace
{

/*
 * Note when the client paused the pipeline; the status itself has no stamp of it.
 *
 * A status that was written to since is not that of one long pause.  A COPY
 * that hides behind another command's progress is told from a pause by this.
 */
void
observe_pause(Memo &memo, const Session &session, Timestamp now)
{
	if (!is_paused_pipeline(session))
		memo.paused_since = unknown_time;
	else if (memo.paused_since == unknown_time || memo.paused_changes != session.changes)
	{
		memo.paused_since = now;
		memo.paused_changes = session.changes;
	}
}

/*
 * Note which transaction this is.
 *
 * The server stamps all transactions of one message with the start of the
 * message: those of VACUUM, or of "COMMIT; BEGIN" within one.  Under the same
 * stamp a new transaction shows by its id only.
 */
void
observe_transaction(Memo &memo, const Session &session, Timestamp now)
{
	if (session.transaction == 0)
		return;
	if (session.transaction != memo.transaction)
	{
		if (session.xact_start == memo.xact_start)
			memo.transaction_restart = now;
		memo.transaction_seen = now;
	}
	memo.transaction = session.transaction;
	memo.xact_start = session.xact_start;
}

} // namespace

void
observe(Memo &memo, const Session &session, bool spare_lock_waiters, Timestamp now,
        bool spare_maintenance)
{
	if (memo.session != session.id)
	{
		memo = Memo{};
		memo.session = session.id;
	}

	bool lock = spare_lock_waiters && waits_for_lock(session);
	bool sync_rep = session.wait == Wait::SyncRep;
	bool paused = is_paused_pipeline(session);
	bool maintaining = spare_maintenance && session.maintaining;

	/*
	 * A clock restarts at the first look that finds the wait over, and not at
	 * the last one that saw it: in between the guard knows nothing, and whoever
	 * has only just got his lock must not be ended for having waited.
	 */
	bool spared = sync_rep || maintaining || memo.waited_for_sync_rep || memo.was_maintaining;
	if (lock || paused || spared || memo.waited_for_lock || memo.was_paused)
		memo.statement_restart = now;
	if (spared)
		memo.transaction_restart = now;

	observe_pause(memo, session, now);
	observe_transaction(memo, session, now);
	memo.waited_for_lock = lock;
	memo.waited_for_sync_rep = sync_rep;
	memo.was_paused = paused;
	memo.was_maintaining = maintaining;
}

} // namespace session_guard
