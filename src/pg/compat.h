/*
 * What differs between the server's versions: the newest API is the norm, and
 * older servers get a shim.
 */
#pragma once

#include "pg/pg.h"

/* 18: a module says its name and version to the server. */
#if PG_VERSION_NUM >= 180000
#define SESSION_GUARD_MODULE_MAGIC(module, its_version)                                            \
	PG_MODULE_MAGIC_EXT(.name = module, .version = its_version)
#else
#define SESSION_GUARD_MODULE_MAGIC(module, its_version) PG_MODULE_MAGIC
#endif

/* 19: a worker can give way to CREATE, ALTER and DROP DATABASE. */
#if PG_VERSION_NUM < 190000
#define BGWORKER_INTERRUPTIBLE 0
#endif

#include <optional>

namespace session_guard
{

/* The class of a wait event (wait_event.h); the rest tells which of its class it is. */
inline constexpr uint32 wait_class_mask = 0xFF000000U;

/* Does the server itself have workers leave the database that such a command is about? */
inline constexpr bool server_calls_workers_off = BGWORKER_INTERRUPTIBLE != 0;

/* 19 has a type of its own for the number of a system cache. */
#if PG_VERSION_NUM >= 190000
using CacheId = SysCacheIdentifier;
#else
using CacheId = int;
#endif

/*
 * The place of this process in the backend-status array.
 *
 * backend_status.c: it is MyBackendId - 1 in 15 and 16, and MyProcNumber from 17 on.
 * Client backends are in the first MaxBackends places.
 */
inline int
own_status_slot()
{
#if PG_VERSION_NUM >= 170000
	return MyProcNumber;
#else
	return MyBackendId - 1;
#endif
}

/* Has this process a place there that belongs to a client backend or a worker? */
inline bool
has_own_status_slot()
{
	return MyBEEntry != nullptr && own_status_slot() >= 0 && own_status_slot() < MaxBackends;
}

/*
 * Have the session in a place of the backend-status array catch up with what others have changed in
 * the catalogs, as soon as it waits for its client outside of a transaction; false if another
 * process is there.
 */
inline bool
send_catchup(int pid, int slot)
{
#if PG_VERSION_NUM >= 170000
	return SendProcSignal(pid, PROCSIG_CATCHUP_INTERRUPT, slot) == 0;
#else
	return SendProcSignal(pid, PROCSIG_CATCHUP_INTERRUPT, slot + 1) == 0;
#endif
}

/* The process in a place of the backend-status array; nullptr if there is none. */
inline PGPROC *
proc_in_slot(int slot)
{
#if PG_VERSION_NUM >= 170000
	return ProcNumberGetProc(slot);
#else
	return BackendIdGetProc(slot + 1);
#endif
}

/* The process of a transaction; nullptr if it is prepared, or has ended. */
inline const PGPROC *
proc_of(const VirtualTransactionId &transaction)
{
#if PG_VERSION_NUM >= 170000
	return ProcNumberGetProc(transaction.procNumber);
#else
	return BackendIdGetProc(transaction.backendId);
#endif
}

/* The place of a process that has one in the backend-status array. */
inline int
slot_of_proc(const PGPROC *proc)
{
#if PG_VERSION_NUM >= 170000
	return static_cast<int>(GetNumberFromPGProc(proc));
#else
	return proc->backendId - 1;
#endif
}

/*
 * The queue of a lock, and the claims on it: of each process that holds it or
 * waits for it, which modes it holds.  nullptr is the end.  The lock's partition
 * must be locked.
 *
 * 15 has lists of its own kind for that; 19 has a link for the queue only.
 */
#if PG_VERSION_NUM >= 160000
using LockLink = dlist_node;
#else
using LockLink = SHM_QUEUE;
#endif

inline const LockLink *
queue_head(const LOCK *lock)
{
#if PG_VERSION_NUM >= 160000
	return &lock->waitProcs.dlist.head;
#else
	return &lock->waitProcs.links;
#endif
}

inline const LockLink *
claims_head(const LOCK *lock)
{
#if PG_VERSION_NUM >= 160000
	return &lock->procLocks.head;
#else
	return &lock->procLocks;
#endif
}

#if PG_VERSION_NUM >= 190000
inline constexpr std::size_t queue_link_offset = offsetof(PGPROC, waitLink);
#else
inline constexpr std::size_t queue_link_offset = offsetof(PGPROC, links);
#endif

template <typename T>
const T *
next_in_list(const LockLink *head, const LockLink *link, std::size_t link_offset)
{
	if (link->next == head)
		return nullptr;
	return reinterpret_cast<const T *>(reinterpret_cast<const char *>(link->next) - link_offset);
}

inline const PGPROC *
first_in_queue(const LOCK *lock)
{
	return next_in_list<PGPROC>(queue_head(lock), queue_head(lock), queue_link_offset);
}

inline const PGPROC *
next_in_queue(const LOCK *lock, const PGPROC *process)
{
	auto link = reinterpret_cast<const LockLink *>(reinterpret_cast<const char *>(process) +
	                                               queue_link_offset);

	return next_in_list<PGPROC>(queue_head(lock), link, queue_link_offset);
}

inline const PROCLOCK *
first_claim(const LOCK *lock)
{
	return next_in_list<PROCLOCK>(claims_head(lock), claims_head(lock),
	                              offsetof(PROCLOCK, lockLink));
}

inline const PROCLOCK *
next_claim(const LOCK *lock, const PROCLOCK *claim)
{
	return next_in_list<PROCLOCK>(claims_head(lock), &claim->lockLink,
	                              offsetof(PROCLOCK, lockLink));
}

/* The local part of the virtual transaction id.  From 17 on it is in a struct of its own. */
inline LocalTransactionId
local_transaction(const PGPROC *proc)
{
#if PG_VERSION_NUM >= 170000
	return proc->vxid.lxid;
#else
	return proc->lxid;
#endif
}

/*
 * The table that a CLUSTER or REPACK names, nullptr if it names none; no value for
 * another command.  REPACK came with 19 and does CLUSTER's work, too.
 */
inline std::optional<const RangeVar *>
clustered_relation(const Node *node)
{
#if PG_VERSION_NUM >= 190000
	if (!IsA(node, RepackStmt))
		return std::nullopt;
	const VacuumRelation *table = reinterpret_cast<const RepackStmt *>(node)->relation;
	return table != nullptr ? table->relation : nullptr;
#else
	if (!IsA(node, ClusterStmt))
		return std::nullopt;
	return reinterpret_cast<const ClusterStmt *>(node)->relation;
#endif
}

/* 17: the expression of a generated column can be changed, which computes it anew. */
inline bool
sets_expression(AlterTableType command)
{
#if PG_VERSION_NUM >= 170000
	return command == AT_SetExpression;
#else
	(void)command;
	return false;
#endif
}

/* Is a command with a clustered_relation() REPACK, and not CLUSTER? */
inline bool
is_repack(const Node *node)
{
#if PG_VERSION_NUM >= 190000
	return reinterpret_cast<const RepackStmt *>(node)->command != REPACK_COMMAND_CLUSTER;
#else
	(void)node;
	return false;
#endif
}

/* 18 shows a backend that still authenticates; before, it has no entry yet. */
inline bool
is_starting(BackendState state)
{
#if PG_VERSION_NUM >= 180000
	return state == STATE_STARTING;
#else
	(void)state;
	return false;
#endif
}

/* A wait event of our own, where extensions can have one (17). */
inline uint32
own_wait_event(const char *name)
{
#if PG_VERSION_NUM >= 170000
	return WaitEventExtensionNew(name);
#else
	(void)name;
	return PG_WAIT_EXTENSION;
#endif
}

/* The least that this process writes to the log.  19: each kind of process has a level of its own.
 */
inline int
own_log_level()
{
#if PG_VERSION_NUM >= 190000
	return log_min_messages[MyBackendType];
#else
	return log_min_messages;
#endif
}

/* The least that client sessions write to the log, unless they were told otherwise. */
inline int
client_log_level()
{
#if PG_VERSION_NUM >= 190000
	return log_min_messages[B_BACKEND];
#else
	return log_min_messages;
#endif
}

/* May a role call a function?  From 16 on one function serves all kinds of object. */
inline bool
may_execute(Oid function, Oid role)
{
#if PG_VERSION_NUM >= 160000
	return object_aclcheck(ProcedureRelationId, function, role, ACL_EXECUTE) == ACLCHECK_OK;
#else
	return pg_proc_aclcheck(function, role, ACL_EXECUTE) == ACLCHECK_OK;
#endif
}

/* Does a role own a database?  Superusers own everything. */
inline bool
owns_database(Oid role, Oid database)
{
#if PG_VERSION_NUM >= 160000
	return object_ownercheck(DatabaseRelationId, database, role);
#else
	return pg_database_ownercheck(database, role);
#endif
}

/* Does CREATEROLE reach only as far as the option ADMIN on a role (16)? */
inline constexpr bool createrole_needs_admin_option = PG_VERSION_NUM >= 160000;

/*
 * 18: the role whose members may signal a process that has no role, or a
 * superuser's: autovacuum workers have one.  InvalidOid if there is none.
 */
inline Oid
signaler_of(const PGPROC &process)
{
#if PG_VERSION_NUM >= 190000
	return process.backendType == B_AUTOVAC_WORKER ? ROLE_PG_SIGNAL_AUTOVACUUM_WORKER : InvalidOid;
#elif PG_VERSION_NUM >= 180000
	BackendType type = pgstat_get_backend_type_by_proc_number(
	    static_cast<ProcNumber>(GetNumberFromPGProc(&process)));
	return type == B_AUTOVAC_WORKER ? ROLE_PG_SIGNAL_AUTOVACUUM_WORKER : InvalidOid;
#else
	(void)process;
	return InvalidOid;
#endif
}

/* How many places there are for replication slots.  19 has some for REPACK alone. */
inline int
replication_slot_count()
{
#if PG_VERSION_NUM >= 190000
	return max_replication_slots + max_repack_replication_slots;
#else
	return max_replication_slots;
#endif
}

/* Has a slot lost what it was kept for, so that it holds nothing any more? */
inline bool
is_invalidated(const ReplicationSlot &slot)
{
#if PG_VERSION_NUM >= 160000
	return slot.data.invalidated != RS_INVAL_NONE;
#else
	return !XLogRecPtrIsInvalid(slot.data.invalidated_at) &&
	       XLogRecPtrIsInvalid(slot.data.restart_lsn);
#endif
}

/* The process that uses a slot; 0 if none does. */
inline int
active_pid_of(const ReplicationSlot &slot)
{
#if PG_VERSION_NUM >= 190000
	return slot.active_proc != INVALID_PROC_NUMBER ? GetPGProcByNumber(slot.active_proc)->pid : 0;
#else
	return slot.active_pid;
#endif
}

/*
 * Are so many places for client backends free?  This one has its place already.  It counts
 * them one by one, under a spinlock that all who connect want.
 */
inline bool
has_free_places(int count)
{
	if (count <= 0)
		return true;
#if PG_VERSION_NUM >= 160000
	int free;

	return HaveNFreeProcs(count, &free);
#else
	return HaveNFreeProcs(count);
#endif
}

/* How many of them are reserved for superusers, and for them and certain other roles (16). */
inline int
places_of_superusers()
{
#if PG_VERSION_NUM >= 160000
	return SuperuserReservedConnections;
#else
	return ReservedBackends;
#endif
}

inline int
reserved_places()
{
#if PG_VERSION_NUM >= 160000
	return SuperuserReservedConnections + ReservedConnections;
#else
	return ReservedBackends;
#endif
}

/*
 * 16: May a role use reserved connections?  Before a session has its database the server does
 * not take it for the owner of one, and it keeps what it has found of a role for the next
 * question about the same.  So another one is asked last, about whom nobody asks again.
 */
inline bool
may_use_reserved_places(Oid role)
{
#if PG_VERSION_NUM >= 160000
	bool may_use = has_privs_of_role(role, ROLE_PG_USE_RESERVED_CONNECTIONS);

	(void)has_privs_of_role(ROLE_PG_USE_RESERVED_CONNECTIONS, role);
	return may_use;
#else
	(void)role;
	return false;
#endif
}

/*
 * Where the server keeps the function that puts a value of one of its own settings in force; the
 * value must be a string.  nullptr if there is no such setting.  15 does not give out one
 * setting, and 19 has no type of its own for those that are strings.
 */
inline GucStringAssignHook *
assign_hook_of(const char *setting)
{
#if PG_VERSION_NUM >= 160000
	config_generic *found = find_option(setting, false, true, DEBUG5);
#else
	config_generic **all = get_guc_variables();
	config_generic *found = nullptr;

	for (int i = 0; i < GetNumConfigOptions(); i++)
		if (strcmp(all[i]->name, setting) == 0)
			found = all[i];
#endif
	if (found == nullptr || found->vartype != PGC_STRING)
		return nullptr;
#if PG_VERSION_NUM >= 190000
	return &found->_string.assign_hook;
#else
	return &reinterpret_cast<config_string *>(found)->assign_hook;
#endif
}

/* Begin to read a table from its start to its end; 19 also asks what is to be done on the way. */
inline TableScanDesc
begin_table_scan(Relation table, Snapshot snapshot)
{
#if PG_VERSION_NUM >= 190000
	return table_beginscan(table, snapshot, 0, nullptr, SO_NONE);
#else
	return table_beginscan(table, snapshot, 0, nullptr);
#endif
}

/* A tranche for LWLocks of our own; in the postmaster, from which all processes have its name. */
inline int
new_lwlock_tranche(const char *name)
{
#if PG_VERSION_NUM >= 190000
	return LWLockNewTrancheId(name);
#else
	int tranche = LWLockNewTrancheId();

	LWLockRegisterTranche(tranche, name);
	return tranche;
#endif
}

} // namespace session_guard
