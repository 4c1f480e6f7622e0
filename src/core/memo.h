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
	bool was_maintaining;
	/* Neither waits nor pauses count: no statement is measured from before this. */
	Timestamp statement_restart;
	/* Nor do waits for synchronous replication, nor earlier transactions, for a transaction. */
	Timestamp transaction_restart;
	/* The transaction it was last found in, what the server said was its start, the first look. */
	std::uint32_t transaction;
	Timestamp xact_start;
	Timestamp transaction_seen;
	/* The first look that found its pipeline paused, with no write to its status since. */
	Timestamp paused_since;
	std::int32_t paused_changes;
	/* How many looks in a row have found it over a limit and spared it. */
	std::int32_t spared_looks;
	Ladder ladder;
	/* The episode whose end was announced in the log and has not been brought about, by limit. */
	std::array<Timestamp, limit_count> announced;
	/* With mode = log: the episode that was last written about, by limit. */
	std::array<Timestamp, limit_count> logged;
};
static_assert(std::is_trivially_copyable_v<Memo>);
static_assert(std::is_trivially_destructible_v<Memo>);

/*
 * Bring the memo of a slot up to date with what a look or a scan has found.
 * Unless lock waiters are spared, their waiting counts as running; so does
 * maintenance, unless that is spared.
 */
void observe(Memo &memo, const Session &session, bool spare_lock_waiters, Timestamp now,
             bool spare_maintenance = false);

} // namespace session_guard
