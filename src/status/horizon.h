/*
 * Who holds back the horizon: which transactions vacuum must not clean up after
 * yet, and for whose sake.
 *
 * Nothing here reads a catalog, takes a heavyweight lock or waits for long: the
 * fields of processes are read as they are, and the server's own short locks are
 * taken for prepared transactions and replication slots.
 */
#pragma once

#include "status/backend_status.h"

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
};

/*
 * Read all holders, in the current memory context.  They are not of one moment; but
 * who has held the horizon all the while is among them.
 */
std::span<HorizonHolder> read_horizon_holders();

/* What the next transaction will have for an ID. */
TransactionId next_xid();

/* The greatest age of the holder's three, in transactions. */
std::int32_t age_of(const HorizonHolder &holder, TransactionId next);

/* How far a session holds vacuum back, in transactions; none if it does not. */
std::optional<std::int32_t> horizon_age(const BackendSnapshot &snapshot);

struct OldestHolder
{
	HorizonHolder holder;
	std::int32_t age;
};

/*
 * Who, of all that are no session, holds vacuum back furthest in the user tables of a
 * database; none if nobody does.  Where that is older than what a session holds,
 * the end of the session frees nothing.  This process does not count.  It allocates
 * nothing.
 */
std::optional<OldestHolder> oldest_beside_sessions(Oid database, TransactionId next);

/*
 * Complete what is known of the horizon of a session, with what the next transaction
 * gets, asked after the session was read; and if it is older than a number of
 * transactions, with who else is as old.  Returns who is no session, and holds back
 * vacuum as much; none if nobody does.  On a standby whose feedback is off a session
 * holds back nothing.
 */
std::optional<OldestHolder> complete_horizon(Horizon &horizon, const BackendRef &backend,
                                             Oid database, std::int64_t older_than,
                                             TransactionId next);

} // namespace session_guard
