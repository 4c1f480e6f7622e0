/*
 * Who holds back the horizon: which transactions vacuum must not clean up after
 * yet, and for whose sake.
 *
 * Nothing here reads a catalog, takes a heavyweight lock or waits for long: the
 * fields of processes are read as they are, and the server's own short locks are
 * taken for prepared transactions and replication slots.
 */
#pragma once

#include "status/bound.h"

#include <algorithm>
#include <functional>
#include <optional>
#include <span>

namespace session_guard
{

enum class HolderKind : std::uint8_t
{
	/* A client session; a parallel worker counts as its leader. */
	Session,
	/* A standby without a replication slot, by its feedback: a walsender. */
	Standby,
	/* Any other process: autovacuum that is not in VACUUM, a background worker, a client that is
	 * still connecting. */
	OtherProcess,
	PreparedTransaction,
	ReplicationSlot,
};

struct HorizonHolder
{
	HolderKind kind;
	/* Of a slot, who uses it; 0 if there is no process. */
	int pid;
	/* The place of the process in the backend-status array; -1 for what is no process. */
	int slot;
	/* Invalid if there is none. */
	TransactionId xid;
	TransactionId xmin;
	/* The oldest that a slot needs in catalogs; user tables are not held back by it. */
	TransactionId catalog_xmin;
	/* Invalid if it belongs to none. */
	Oid database;
	/* Invalid for slots, and for processes that have none yet. */
	Oid role;
	HorizonScope scope;
	/* Of a slot. */
	NameData slot_name;
	/* Of a session: its activities are tracked (track_activities). */
	bool is_tracked = true;
};

/*
 * Read all holders, in the current memory context.  They are not of one moment; but
 * who has held the horizon all the while is among them.
 */
std::span<HorizonHolder> read_horizon_holders();

/* Does it hold back vacuum in all databases? */
bool holds_back_all(const HorizonHolder &holder);

/*
 * The oldest transaction that runs, by who was read as holders; invalid if none does.  On a
 * standby those that run are the primary's.
 */
TransactionId oldest_running(std::span<const HorizonHolder> holders, TransactionId next);

/* What the next transaction will have for an ID. */
TransactionId next_xid();

/* The greatest age of the holder's three, in transactions. */
std::int32_t age_of(const HorizonHolder &holder, TransactionId next);

/* How far a session holds vacuum back, in transactions; none if it does not. */
std::optional<std::int32_t> horizon_age(const BackendSnapshot &snapshot);

/* Not on a standby that does not tell the primary what its queries need. */
bool is_horizon_held_by_sessions();

/* What binds a holder that is a session. */
Bound bound_of(const HorizonHolder &holder, Patience patience);

bool is_this_process(const HorizonHolder &holder);

/* As age_of(), for user tables. */
std::int32_t table_age_of(const HorizonHolder &holder, TransactionId next);

/* A holder that nobody will end, and how far it holds back user tables. */
struct LastingHolder
{
	HorizonHolder holder;
	std::int32_t age;
};

/* What is to be known of all holders about one session that is bound by the limit. */
struct HorizonReading
{
	/* What the next transaction would have got before the holders were read. */
	TransactionId next;
	/* The oldest that ran, of whomever; invalid if none did. */
	TransactionId oldest_running;
	/* Without this process, the oldest first. */
	std::span<LastingHolder> lasting;
};

/*
 * Read that once for many sessions, in the current memory context.  Whether a holder may be
 * ended for holding back vacuum is asked of those that are sessions; others never are.  On a
 * standby whose feedback is off a session holds back nothing: none.
 */
template <typename MayEnd>
std::optional<HorizonReading>
read_horizon(MayEnd may_end)
{
	if (!is_horizon_held_by_sessions())
		return std::nullopt;
	TransactionId next = next_xid();
	std::span<HorizonHolder> holders = read_horizon_holders();
	auto lasting =
	    static_cast<LastingHolder *>(palloc((holders.size() + 1) * sizeof(LastingHolder)));
	std::size_t count = 0;

	for (const HorizonHolder &holder : holders)
		if (!is_this_process(holder) && (holder.kind != HolderKind::Session || !may_end(holder)))
			lasting[count++] = {.holder = holder, .age = table_age_of(holder, next)};
	std::ranges::sort(lasting, lasting + count, std::ranges::greater(), &LastingHolder::age);
	return HorizonReading{.next = next,
	                      .oldest_running = session_guard::oldest_running(holders, next),
	                      .lasting = {lasting, count}};
}

/* Has the transaction ended whose ID a snapshot goes back to, so that no other can become as old?
 */
bool is_snapshot_kept(const HorizonReading &reading, TransactionId xmin);

/*
 * Who that nobody will end holds vacuum back in a database by more than the session's own
 * transaction does, or by as much as its snapshot does; nullptr if nobody does.
 */
const LastingHolder *who_exceeds_own(const Horizon &horizon, Oid database,
                                     const HorizonReading &reading);
const LastingHolder *who_matches_snapshot(const Horizon &horizon, Oid database,
                                          const HorizonReading &reading);

/*
 * Complete what is known of the horizon of a session in a database, but for since when its
 * snapshot has been kept; and where it is older than a number of transactions, whether others
 * are, too.
 */
void complete_horizon(Horizon &horizon, Oid database, std::int64_t older_than,
                      const HorizonReading &reading);

} // namespace session_guard
