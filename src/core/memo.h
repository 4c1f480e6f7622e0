/*
 * What the guard keeps in mind of one session between two looks, because
 * backend status does not tell it: when its clocks were restarted, what was
 * done about it, what was said about it.
 *
 * One per backend slot, in shared memory, so that it outlives the worker.  It
 * counts only for the session whose identity it carries.
 */
#pragma once

#include "core/ladder.h"
#include "core/limits.h"
#include "core/session.h"

#include <array>
#include <type_traits>

namespace session_guard
{

struct Memo
{
	SessionId session;
	/* How it was found at the last look: waiting for what is not its fault. */
	bool waited_for_lock;
	bool waited_for_sync_rep;
	bool was_paused;
	/* Neither waits nor pauses count: no statement is measured from before this. */
	Timestamp statement_restart;
	/* Waits for synchronous replication do not count for a transaction either. */
	Timestamp transaction_restart;
	/* The first look that found its pipeline paused since paused_state_change. */
	Timestamp paused_since;
	Timestamp paused_state_change;
	/* How many looks in a row have found it over a limit and spared it. */
	std::int32_t spared_looks;
	Ladder ladder;
	/* With mode = log: the episode that was last written about, by limit. */
	std::array<Timestamp, limit_count> logged;
};
static_assert(std::is_trivially_copyable_v<Memo>);
static_assert(std::is_trivially_destructible_v<Memo>);

/*
 * Bring the memo of a slot up to date with what a look or a scan has found.
 * Unless lock waiters are spared, their waiting counts as running.
 */
void observe(Memo &memo, const Session &session, bool spare_lock_waiters, Timestamp now);

} // namespace session_guard
