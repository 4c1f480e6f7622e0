/*
 * The look (see status.h).
 */
#include "server/status.h"

namespace session_guard
{

namespace
{

/* A writer is between two counts for nanoseconds only, unless it was put to sleep there. */
constexpr int read_tries = 100;

volatile PgBackendStatus *
entry_at(int slot)
{
	return MyBEEntry - own_status_slot() + slot;
}

State
state_of(BackendState state)
{
	if (is_starting(state))
		return State::Starting;
	switch (state)
	{
		case STATE_IDLE:
			return State::Idle;
		case STATE_RUNNING:
			return State::Active;
		case STATE_IDLEINTRANSACTION:
			return State::IdleInTransaction;
		case STATE_IDLEINTRANSACTION_ABORTED:
			return State::IdleInTransactionAborted;
		case STATE_FASTPATH:
			return State::Fastpath;
		case STATE_DISABLED:
			return State::Disabled;
		default:
			return State::Unknown;
	}
}

/* The wait of a session, given what its process shows. */
Wait
wait_from_info(uint32 wait_event_info)
{
	constexpr uint32 class_mask = 0xFF000000U;

	if ((wait_event_info & class_mask) == PG_WAIT_LOCK)
		return Wait::Lock;
	switch (wait_event_info)
	{
		case WAIT_EVENT_SYNC_REP:
			return Wait::SyncRep;
		case WAIT_EVENT_CLIENT_READ:
			return Wait::ClientRead;
		default:
			return Wait::Other;
	}
}

/* Copy what is needed of an entry, by the server's change-count protocol. */
bool
copy_entry(volatile PgBackendStatus *entry, PgBackendStatus &copy, char *application_name)
{
	for (int i = 0; i < read_tries; i++)
	{
		int before;
		int after;

		pgstat_begin_read_activity(entry, before);
		memcpy(&copy, const_cast<PgBackendStatus *>(entry), sizeof(copy));
		/* A free entry's text may have been another session's. */
		if (copy.st_procpid > 0)
			strlcpy(application_name, copy.st_appname, NAMEDATALEN);
		pgstat_end_read_activity(entry, after);
		if (pgstat_read_activity_complete(before, after))
			return true;
	}
	return false;
}

PGPROC *
lock_group_member(dlist_node *link)
{
	return reinterpret_cast<PGPROC *>(reinterpret_cast<char *>(link) -
	                                  offsetof(PGPROC, lockGroupLink));
}

/* Does a parallel worker of this process wait for a lock? */
bool
worker_waits_for_lock(PGPROC *leader)
{
	/* Only who has led a parallel query belongs to a lock group, and then for good. */
	if (leader->lockGroupLeader != leader)
		return false;

	bool waits = false;
	LWLock *lock = LockHashPartitionLockByProc(leader);
	dlist_node *head = &leader->lockGroupMembers.head;

	LWLockAcquire(lock, LW_SHARED);
	for (dlist_node *link = head->next; link != head && !waits; link = link->next)
		waits = wait_from_info(lock_group_member(link)->wait_event_info) == Wait::Lock;
	LWLockRelease(lock);
	return waits;
}

void
fill(Sighting &sighting, int slot, const PgBackendStatus &entry, PGPROC *proc)
{
	sighting.session = {
	    .id = {.pid = entry.st_procpid, .backend_start = entry.st_proc_start_timestamp},
	    .state = state_of(entry.st_state),
	    .wait = wait_from_info(proc->wait_event_info),
	    .worker_waits_for_lock = worker_waits_for_lock(proc),
	    .copying = entry.st_progress_command == PROGRESS_COMMAND_COPY,
	    .superuser = Superuser::Unknown,
	    .transaction = local_transaction(proc),
	    .changes = entry.st_changecount,
	    .xact_start = entry.st_xact_start_timestamp,
	    .query_start = entry.st_activity_start_timestamp,
	    .state_change = entry.st_state_start_timestamp,
	};
	sighting.slot = slot;
	sighting.role = entry.st_userid;
	sighting.database = entry.st_databaseid;
	sighting.is_client_backend = entry.st_backendType == B_BACKEND;
	sighting.client_address = entry.st_clientaddr;
}

} // namespace

void
check_status_array()
{
	int slot = own_status_slot();

	if (MyBEEntry == nullptr || slot < 0 || slot >= slot_count() ||
	    entry_at(slot)->st_procpid != MyProcPid || BackendPidGetProc(MyProcPid) != MyProc)
		elog(FATAL, "backend status is not where it is expected");
}

int
slot_count()
{
	return MaxBackends;
}

int
pid_in_slot(int slot)
{
	return entry_at(slot)->st_procpid;
}

int
changes_in_slot(int slot)
{
	return entry_at(slot)->st_changecount;
}

Sight
look_at_slot(int slot, Sighting &sighting)
{
	PgBackendStatus entry;

	if (!copy_entry(entry_at(slot), entry, sighting.application_name))
		return Sight::Unreadable;
	if (entry.st_procpid <= 0)
		return Sight::Gone;

	/* The wait is read after the entry: it may spare, so it has to be the fresher of the two. */
	PGPROC *proc = BackendPidGetProc(entry.st_procpid);
	if (proc == nullptr)
		return Sight::Gone;
	fill(sighting, slot, entry, proc);
	return Sight::Seen;
}

Sight
look_at_session(int slot, SessionId id, Sighting &sighting)
{
	Sight sight = look_at_slot(slot, sighting);

	if (sight == Sight::Seen && sighting.session.id != id)
		return Sight::Gone;
	return sight;
}

void
add_unpublished(int slot, Session &session)
{
	volatile PgBackendStatus *entry = entry_at(slot);
	PGPROC *proc = proc_in_slot(slot);

	session.copying = entry->st_progress_command == PROGRESS_COMMAND_COPY;
	session.transaction =
	    proc != nullptr && proc->pid == session.id.pid ? local_transaction(proc) : 0;
}

} // namespace session_guard
