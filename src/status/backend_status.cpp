/*
 * The look (see backend_status.h).
 */
#include "status/backend_status.h"

#include "core/maintenance.h"

#include "shmem/present_time.h"
#include "shmem/published.h"
#include "shmem/shared_memory.h"

#include <algorithm>
#include <array>
#include <span>
#include <string_view>

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

/* Whatever else reports its progress keeps the database in shape.  For who publishes nothing. */
bool
reports_maintenance(ProgressCommandType command)
{
	return command != PROGRESS_COMMAND_INVALID && command != PROGRESS_COMMAND_COPY &&
	       command != PROGRESS_COMMAND_BASEBACKUP;
}

/* Is it a lock that the server takes for its own short work, and not for somebody's transaction? */
bool
is_own_short_lock(uint32 wait_event)
{
	return wait_event == LOCKTAG_RELATION_EXTEND || wait_event == LOCKTAG_DATABASE_FROZEN_IDS ||
	       wait_event == LOCKTAG_PAGE || wait_event == LOCKTAG_SPECULATIVE_TOKEN;
}

/* The wait of a session, given what its process shows. */
Wait
wait_from_info(uint32 wait_event_info)
{
	if ((wait_event_info & wait_class_mask) == PG_WAIT_LOCK)
		return is_own_short_lock(wait_event_info & ~wait_class_mask) ? Wait::Other : Wait::Lock;
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

/* Enough for a maintenance command. */
using TextStart = std::array<char, 1024>;

/* Copy what is needed of an entry, by the server's change-count protocol. */
bool
copy_entry(volatile PgBackendStatus *entry, PgBackendStatus &copy, char *application_name,
           std::span<char> query)
{
	for (int i = 0; i < read_tries; i++)
	{
		int before;
		int after;

		pgstat_begin_read_activity(entry, before);
		memcpy(&copy, const_cast<PgBackendStatus *>(entry), sizeof(copy));
		/* A free entry's text may have been another session's. */
		if (copy.st_procpid > 0)
		{
			strlcpy(application_name, copy.st_appname, NAMEDATALEN);
			if (!query.empty())
				strlcpy(query.data(), copy.st_activity_raw, query.size());
		}
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

/*
 * Does a process of a parallel query do anything for it?  The others wait: for a
 * lock, for each other, or for time to pass.
 */
bool
is_at_work(uint32 wait_event_info)
{
	switch (wait_event_info & wait_class_mask)
	{
		case PG_WAIT_IPC:
		case PG_WAIT_TIMEOUT:
			return false;
		default:
			return wait_from_info(wait_event_info) != Wait::Lock;
	}
}

/* What the parallel workers of a process are at. */
struct Workers
{
	int count;
	bool one_is_at_work;
	bool one_waits_for_lock;
	/* Of the last of them to wait: since then all do, if none is at work. */
	Timestamp wait_start;
};

Workers
workers_of(PGPROC *leader)
{
	Workers workers{};

	/* Only who has led a parallel query belongs to a lock group, and then for good. */
	if (leader->lockGroupLeader != leader)
		return workers;

	LWLock *lock = LockHashPartitionLockByProc(leader);
	dlist_node *head = &leader->lockGroupMembers.head;

	LWLockAcquire(lock, LW_SHARED);
	for (dlist_node *link = head->next; link != head; link = link->next)
	{
		PGPROC *member = lock_group_member(link);
		uint32 wait_event_info = member->wait_event_info;

		if (member != leader)
		{
			workers.count++;
			workers.one_is_at_work = workers.one_is_at_work || is_at_work(wait_event_info);
		}
		if (wait_from_info(wait_event_info) != Wait::Lock)
			continue;
		Timestamp start = wait_start_of(member);
		if (!workers.one_waits_for_lock || start > workers.wait_start)
			workers.wait_start = start;
		workers.one_waits_for_lock = true;
	}
	LWLockRelease(lock);
	return workers;
}

/* Without the library preloaded nobody has kept account of that. */
bool
is_listening(int slot, Timestamp backend_start)
{
	return shared() != nullptr &&
	       pg_atomic_read_u64(&listener_mark(slot)) == static_cast<uint64>(backend_start);
}

/*
 * What a session is at as far as its progress and its text tell, where it cannot
 * publish it: without the library preloaded, for functions only.
 *
 * Progress is reported only part of the time: not between the tables of a
 * command, nor while it waits for its table.
 */
Published
guess(const PgBackendStatus &entry, std::span<const char> text)
{
	Published published{};

	published.copying = entry.st_progress_command == PROGRESS_COMMAND_COPY;
	/* Of who is idle it is the text of what it did before. */
	if (entry.st_state != STATE_RUNNING)
		return published;
	published.maintenance.command = maintenance_in(std::string_view(text.data()));
	if (reports_maintenance(entry.st_progress_command) ||
	    published.maintenance.command != MaintenanceCommand::None)
		published.maintenance.since = published.maintenance.spared_since = monotonic_now();
	return published;
}

/* Is it a command that can as well be run another time?  A migration cannot. */
bool
is_upkeep(MaintenanceCommand command)
{
	return command != MaintenanceCommand::AlterTable &&
	       command != MaintenanceCommand::RefreshMaterializedView;
}

/* What is known of a session that it alone can tell; false if it kept changing under the read. */
bool
published_by(int slot, const PgBackendStatus &entry, std::span<const char> text,
             Published &published)
{
	if (shared() != nullptr)
		return read_published(slot, entry.st_proc_start_timestamp, published);
	published = guess(entry, text);
	return true;
}

void
fill(BackendSnapshot &snapshot, int slot, const PgBackendStatus &entry, const Published &published,
     PGPROC *proc)
{
	Workers workers = workers_of(proc);
	uint32 wait_event_info = proc->wait_event_info;
	Wait wait = wait_from_info(wait_event_info);
	Timestamp wait_start = unknown_time;

	/* A query waits for a lock only if all of it does: one process may wait on purpose. */
	if (wait == Wait::Lock && workers.one_is_at_work)
		wait = Wait::Other;
	bool worker_waits =
	    workers.one_waits_for_lock && !workers.one_is_at_work && !is_at_work(wait_event_info);

	if (wait == Wait::Lock)
		wait_start = wait_start_of(proc);
	else if (worker_waits)
		wait_start = workers.wait_start;

	snapshot.session = {
	    .id = {.pid = entry.st_procpid, .backend_start = entry.st_proc_start_timestamp},
	    .state = state_of(entry.st_state),
	    .wait = wait,
	    .worker_waits_for_lock = worker_waits,
	    .copying = published.copying,
	    .listening = is_listening(slot, entry.st_proc_start_timestamp),
	    .superuser = Superuser::Unknown,
	    .maintenance = published.maintenance,
	    .transaction = local_transaction(proc),
	    .failed_at = published.failed_at,
	    .switches = switches_not_read,
	    .awake = false,
	    .xact_start = entry.st_xact_start_timestamp,
	    .query_start = entry.st_activity_start_timestamp,
	    .state_change = entry.st_state_start_timestamp,
	    .wait_start = wait_start,
	    .times = {},
	};
	snapshot.backend = {.id = snapshot.session.id, .slot = slot, .process = proc};
	snapshot.role = entry.st_userid;
	snapshot.database = entry.st_databaseid;
	snapshot.kind = entry.st_backendType;
	snapshot.wait_event_info = wait_event_info;
	snapshot.backend_xid = proc->xid;
	snapshot.backend_xmin = proc->xmin;
	snapshot.parallel_workers = workers.count;
	snapshot.client_address = entry.st_clientaddr;
}

/* Look once. */
ReadResult
try_slot(int slot, BackendSnapshot &snapshot, char *query)
{
	PgBackendStatus entry;
	Published published;
	TextStart start{};
	std::span<char> text(start);

	if (query != nullptr)
		text = std::span(query, query_size());
	else if (shared() != nullptr)
		text = {};
	if (!copy_entry(entry_at(slot), entry, snapshot.application_name, text))
		return ReadResult::Unreadable;
	if (entry.st_procpid <= 0)
		return ReadResult::Gone;

	/*
	 * What is published and the wait are read after the entry: they may spare, so
	 * they have to be the fresher of the two.
	 */
	if (!published_by(slot, entry, text, published))
		return ReadResult::Unreadable;
	PGPROC *proc = proc_in_slot(slot);
	if (proc == nullptr || proc->pid != entry.st_procpid)
		return ReadResult::Gone;
	fill(snapshot, slot, entry, published, proc);
	return ReadResult::Read;
}

/*
 * Try again until it succeeds.  The server's own reader does not pause, and so
 * takes a core while a writer is stopped.
 */
template <typename Try>
void
insist(Try attempt)
{
	constexpr long longest_pause = 10 * millisecond;

	for (long pause = 50; !attempt(); pause = std::min(2 * pause, longest_pause))
	{
		CHECK_FOR_INTERRUPTS();
		pg_usleep(pause);
	}
}

} // namespace

void
check_status_array()
{
	int slot = own_status_slot();

	if (MyBEEntry == nullptr || slot < 0 || slot >= slot_count() ||
	    entry_at(slot)->st_procpid != MyProcPid || BackendPidGetProc(MyProcPid) != MyProc)
		elog(ERROR, "backend status is not where it is expected");
}

Timestamp
own_statement_stamp()
{
	return MyBEEntry->st_state == STATE_FASTPATH ? MyBEEntry->st_state_start_timestamp
	                                             : MyBEEntry->st_activity_start_timestamp;
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

ReadResult
read_backend_in_slot(int slot, BackendSnapshot &snapshot, Patience patience, char *query)
{
	ReadResult sight;
	auto attempt = [&]
	{
		sight = try_slot(slot, snapshot, query);
		return sight != ReadResult::Unreadable || patience == Patience::None;
	};

	insist(attempt);
	return sight;
}

ReadResult
read_session(int slot, SessionId id, BackendSnapshot &snapshot, Patience patience, char *query)
{
	ReadResult sight = read_backend_in_slot(slot, snapshot, patience, query);

	if (sight == ReadResult::Read && snapshot.session.id != id)
		sight = ReadResult::Gone;
	/* It may be somebody else's. */
	if (sight != ReadResult::Read && query != nullptr)
		query[0] = '\0';
	return sight;
}

bool
all_can_be_read()
{
	auto is_being_written = [](int slot) { return entry_at(slot)->st_changecount % 2 != 0; };

	for (int slot = 0; slot < slot_count(); slot++)
	{
		int tries = 0;

		while (is_being_written(slot))
			if (++tries == read_tries)
				return false;
	}
	return true;
}

std::size_t
query_size()
{
	return static_cast<std::size_t>(pgstat_track_activity_query_size);
}

bool
has_left(const BackendRef &backend)
{
	auto [id, slot, process] = backend;

	/* The status entry is cleared first, and cheaper to ask. */
	if (slot >= 0 && pid_in_slot(slot) == id.pid)
		return entry_at(slot)->st_proc_start_timestamp != id.backend_start;
	return BackendPidGetProc(id.pid) != process;
}

int
slot_of(int pid)
{
	for (int slot = 0; slot < slot_count(); slot++)
		if (pid_in_slot(slot) == pid)
			return slot;
	return -1;
}

int
connecting_in_slot(int slot, Oid database)
{
	const PGPROC *process = proc_in_slot(slot);

	if (process == nullptr || process->databaseId != database || process->pid == 0)
		return 0;
	bool is_ready = pid_in_slot(slot) == process->pid && !is_starting(entry_at(slot)->st_state);
	return is_ready ? 0 : process->pid;
}

Timestamp
wait_start_of(const PGPROC *process)
{
	return static_cast<Timestamp>(
	    pg_atomic_read_u64(const_cast<pg_atomic_uint64 *>(&process->waitStart)));
}

bool
is_maintaining(int slot, int pid)
{
	TextStart start;
	PgBackendStatus entry;
	Published published;
	char application_name[NAMEDATALEN];

	insist(
	    [&]
	    {
		    return copy_entry(entry_at(slot), entry, application_name, start) &&
		           (entry.st_procpid != pid || published_by(slot, entry, start, published));
	    });
	return entry.st_procpid == pid && published.maintenance.since != unknown_time &&
	       is_upkeep(published.maintenance.command);
}

} // namespace session_guard
