/*
 * Who holds back the horizon (see horizon.h).
 */
#include "status/horizon.h"

#include "core/xid_age.h"

#include "pg/compat.h"
#include "pg/growing_array.h"

#include "status/guarded_worker.h"

namespace session_guard
{

namespace
{

HolderKind
kind_of_process(int slot, const PGPROC *process, int pid, HorizonScope scope)
{
	if (scope == HorizonScope::AllDatabases)
		return HolderKind::Standby;
	BackendType kind = kind_in_slot(slot);
	bool is_session = pid_in_slot(slot) == pid && !is_starting(state_in_slot(slot)) &&
	                  (kind == B_BACKEND || is_guarded_worker(process, pid, kind));
	return is_session ? HolderKind::Session : HolderKind::OtherProcess;
}

/* A parallel worker runs on its leader's snapshot, which the leader keeps meanwhile. */
bool
is_parallel_worker(const PGPROC *process)
{
	return process->lockGroupLeader != nullptr && process->lockGroupLeader != process;
}

/* The process in a place as a holder, if it is one. */
std::optional<HorizonHolder>
holder_in_slot(int slot)
{
	const PGPROC *process = proc_in_slot(slot);
	if (process == nullptr)
		return std::nullopt;

	int pid = process->pid;
	ProcessHorizon horizon = read_process_horizon(process);
	if (pid == 0 || horizon.scope == HorizonScope::Nowhere || is_parallel_worker(process))
		return std::nullopt;

	HorizonHolder holder{.kind = kind_of_process(slot, process, pid, horizon.scope),
	                     .pid = pid,
	                     .slot = slot,
	                     .xid = horizon.xid,
	                     .xmin = horizon.xmin,
	                     .catalog_xmin = InvalidTransactionId,
	                     .database = process->databaseId,
	                     .role = process->roleId,
	                     .scope = horizon.scope,
	                     .slot_name = {},
	                     .is_tracked = state_in_slot(slot) != STATE_DISABLED};
	/* Another one in its place? */
	return process->pid == pid ? std::optional(holder) : std::nullopt;
}

template <typename Visit>
void
for_each_process(Visit visit)
{
	for (int slot = 0; slot < slot_count(); slot++)
		if (std::optional<HorizonHolder> holder = holder_in_slot(slot))
			visit(*holder);
}

/*
 * Is a prepared transaction still there?  Its process stays as it was when it has
 * ended, but its place among the running ones goes to others.  ProcArrayLock must
 * be held.
 */
bool
is_still_prepared(const PGPROC *prepared)
{
	return TransactionIdIsNormal(prepared->xid) &&
	       ProcGlobal->xids[prepared->pgxactoff] == prepared->xid;
}

template <typename Visit>
void
for_each_prepared_transaction(Visit visit)
{
	if (max_prepared_xacts == 0)
		return;
	LWLockAcquire(ProcArrayLock, LW_SHARED);
	for (int i = 0; i < max_prepared_xacts; i++)
	{
		const PGPROC *prepared = &PreparedXactProcs[i];

		if (is_still_prepared(prepared))
			visit(HorizonHolder{.kind = HolderKind::PreparedTransaction,
			                    .pid = 0,
			                    .slot = -1,
			                    .xid = prepared->xid,
			                    .xmin = InvalidTransactionId,
			                    .catalog_xmin = InvalidTransactionId,
			                    .database = prepared->databaseId,
			                    .role = prepared->roleId,
			                    .scope = HorizonScope::OneDatabase,
			                    .slot_name = {}});
	}
	LWLockRelease(ProcArrayLock);
}

/*
 * A replication slot as a holder, if it is one.  What counts is effective_xmin, not
 * what pg_replication_slots shows: the slot of a decoder may need more than it has
 * saved (ReplicationSlotsComputeRequiredXmin() in slot.c).
 */
std::optional<HorizonHolder>
holder_of(ReplicationSlot &slot)
{
	HorizonHolder holder{.kind = HolderKind::ReplicationSlot,
	                     .pid = 0,
	                     .slot = -1,
	                     .xid = InvalidTransactionId,
	                     .xmin = InvalidTransactionId,
	                     .catalog_xmin = InvalidTransactionId,
	                     .database = InvalidOid,
	                     .role = InvalidOid,
	                     .scope = HorizonScope::AllDatabases,
	                     .slot_name = {}};

	SpinLockAcquire(&slot.mutex);
	bool is_valid = !is_invalidated(slot);
	holder.pid = active_pid_of(slot);
	holder.xmin = slot.effective_xmin;
	holder.catalog_xmin = slot.effective_catalog_xmin;
	holder.database = slot.data.database;
	holder.slot_name = slot.data.name;
	SpinLockRelease(&slot.mutex);

	bool holds = TransactionIdIsNormal(holder.xmin) || TransactionIdIsNormal(holder.catalog_xmin);
	return is_valid && holds ? std::optional(holder) : std::nullopt;
}

template <typename Visit>
void
for_each_replication_slot(Visit visit)
{
	LWLockAcquire(ReplicationSlotControlLock, LW_SHARED);
	for (int i = 0; i < replication_slot_count(); i++)
	{
		ReplicationSlot &slot = ReplicationSlotCtl->replication_slots[i];

		if (!slot.in_use)
			continue;
		if (std::optional<HorizonHolder> holder = holder_of(slot))
			visit(*holder);
	}
	LWLockRelease(ReplicationSlotControlLock);
}

template <typename Visit>
void
for_each_holder(Visit visit)
{
	for_each_process(visit);
	for_each_prepared_transaction(visit);
	for_each_replication_slot(visit);
}

bool
holds_back(const HorizonHolder &holder, Oid database)
{
	return holds_back_all(holder) || holder.database == database;
}

/* The oldest transaction that runs now, by what a snapshot says that is taken now. */
TransactionId
oldest_running_xid()
{
	/* A parallel query cannot take one, but it has taken its own a moment ago. */
	if (IsInParallelMode())
		return GetActiveSnapshot()->xmin;
	PushActiveSnapshot(GetLatestSnapshot());
	TransactionId oldest = GetActiveSnapshot()->xmin;
	PopActiveSnapshot();
	return oldest;
}

/* The oldest of the lasting holders that passes a test, if it is so old at least. */
template <typename Test>
const LastingHolder *
find_lasting(const HorizonReading &reading, std::int32_t age, Test test)
{
	for (const LastingHolder &lasting : reading.lasting)
	{
		if (lasting.age < age)
			return nullptr;
		if (test(lasting.holder))
			return &lasting;
	}
	return nullptr;
}

} // namespace

std::span<HorizonHolder>
read_horizon_holders()
{
	GrowingArray<HorizonHolder> holders;

	for_each_holder([&](const HorizonHolder &holder) { holders.add(holder); });
	return holders.all();
}

/* On a standby everybody does: whom a transaction is in is not known there. */
bool
holds_back_all(const HorizonHolder &holder)
{
	return holder.scope == HorizonScope::AllDatabases || RecoveryInProgress();
}

TransactionId
oldest_running(std::span<const HorizonHolder> holders, TransactionId next)
{
	TransactionId oldest = InvalidTransactionId;

	/* No process here has those of the primary. */
	if (RecoveryInProgress())
		return oldest_running_xid();
	for (const HorizonHolder &holder : holders)
		if (xid_age(holder.xid, next) > xid_age(oldest, next))
			oldest = holder.xid;
	return oldest;
}

TransactionId
next_xid()
{
	return XidFromFullTransactionId(ReadNextFullTransactionId());
}

std::int32_t
age_of(const HorizonHolder &holder, TransactionId next)
{
	return std::max(older_xid_age(holder.xid, holder.xmin, next),
	                xid_age(holder.catalog_xmin, next))
	    .value_or(0);
}

std::optional<std::int32_t>
horizon_age(const BackendSnapshot &snapshot)
{
	if (snapshot.horizon_scope == HorizonScope::Nowhere)
		return std::nullopt;
	return older_xid_age(snapshot.backend_xid, snapshot.backend_xmin, next_xid());
}

bool
is_horizon_held_by_sessions()
{
	return !RecoveryInProgress() || hot_standby_feedback;
}

Bound
bound_of(const HorizonHolder &holder, Patience patience)
{
	BackendSnapshot snapshot;

	if (holder.slot >= 0 &&
	    read_backend_in_slot(holder.slot, snapshot, patience) == ReadResult::Read &&
	    snapshot.backend.id.pid == holder.pid)
		return bound_of(snapshot);
	return bound_of(holder.role, holder.database);
}

bool
is_this_process(const HorizonHolder &holder)
{
	return holder.slot >= 0 && holder.pid == MyProcPid;
}

std::int32_t
table_age_of(const HorizonHolder &holder, TransactionId next)
{
	return older_xid_age(holder.xid, holder.xmin, next).value_or(0);
}

bool
is_snapshot_kept(const HorizonReading &reading, TransactionId xmin)
{
	std::int32_t age = xid_age(xmin, reading.next).value_or(0);

	/* It began after the reading if it is none old. */
	return age > 0 && xid_age(reading.oldest_running, reading.next).value_or(-1) < age;
}

const LastingHolder *
who_exceeds_own(const Horizon &horizon, Oid database, const HorizonReading &reading)
{
	std::int32_t age = xid_age(horizon.xid, reading.next).value_or(-1);

	/* Snapshots that are taken while it runs are as old, and no reason to spare it. */
	return find_lasting(reading, age + 1,
	                    [&](const HorizonHolder &holder)
	                    { return age >= 0 && holds_back(holder, database); });
}

const LastingHolder *
who_matches_snapshot(const Horizon &horizon, Oid database, const HorizonReading &reading)
{
	std::int32_t age = xid_age(horizon.xmin, reading.next).value_or(-1);

	/* As long as a transaction runs that is as old, in whatever database, any snapshot is. */
	return find_lasting(reading, age,
	                    [&](const HorizonHolder &holder)
	                    {
		                    return age >= 0 &&
		                           (holds_back(holder, database) ||
		                            xid_age(holder.xid, reading.next).value_or(-1) >= age);
	                    });
}

void
complete_horizon(Horizon &horizon, Oid database, std::int64_t older_than,
                 const HorizonReading &reading)
{
	auto is_older = [&](TransactionId xid)
	{ return xid_age(xid, reading.next).value_or(0) > older_than; };

	horizon.next = reading.next;
	horizon.own_is_exceeded =
	    is_older(horizon.xid) && who_exceeds_own(horizon, database, reading) != nullptr;
	horizon.snapshot_is_matched =
	    is_older(horizon.xmin) && who_matches_snapshot(horizon, database, reading) != nullptr;
}

} // namespace session_guard
