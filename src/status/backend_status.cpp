/*
 * The status of one backend (see backend_status.h).
 */
#include "status/backend_status.h"

#include "core/maintenance.h"
#include "core/xid_age.h"

#include "pg/compat.h"
#include "pg/monotonic_clock.h"

#include "shmem/published.h"
#include "shmem/shared_memory.h"
#include "shmem/tracking.h"

#include "status/guarded_worker.h"
#include "status/process_wait.h"

#include <algorithm>
#include <array>
#include <span>
#include <string_view>

namespace session_guard
{

namespace
{

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

/* Does the progress that a command reports tell that it keeps a table in shape? */
bool
reports_maintenance(ProgressCommandType command)
{
	return command != PROGRESS_COMMAND_INVALID && command != PROGRESS_COMMAND_COPY &&
	       command != PROGRESS_COMMAND_BASEBACKUP;
}

/* Enough for a maintenance command. */
using TextStart = std::array<char, 1024>;

/* Only a preloaded library knows that of all sessions. */
bool
is_listening(int slot, Timestamp backend_start)
{
	return has_shared_memory() &&
	       pg_atomic_read_u64(&listener_mark(slot)) == static_cast<uint64>(backend_start);
}

/*
 * What a session does as far as its progress and its text tell: for functions
 * without the library preloaded, where a session publishes nothing.
 *
 * Progress is reported only part of the time: not between the tables of a
 * command, nor while it waits for its table.
 */
Published
guess(const PgBackendStatus &entry, std::span<const char> text)
{
	Published published{};

	published.copying = entry.st_progress_command == PROGRESS_COMMAND_COPY;
	/* An idle session shows the text of its last statement. */
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

/* Read what a session publishes of itself; false if that kept changing under the read. */
bool
published_by(int slot, const PgBackendStatus &entry, std::span<const char> text,
             Published &published)
{
	if (has_shared_memory())
		return read_published(slot, entry.st_proc_start_timestamp, published);
	published = guess(entry, text);
	return true;
}

Session
session_of(int slot, const PgBackendStatus &entry, const Published &published,
           const ProcessWait &wait, const PGPROC *process)
{
	return {
	    .id = {.pid = entry.st_procpid, .backend_start = entry.st_proc_start_timestamp},
	    .state = state_of(entry.st_state),
	    .wait = wait.wait,
	    .worker_waits_for_lock = wait.worker_waits_for_lock,
	    .copying = published.copying,
	    .is_worker = entry.st_backendType == B_BG_WORKER,
	    .listening = is_listening(slot, entry.st_proc_start_timestamp),
	    .superuser = Superuser::Unknown,
	    .maintenance = published.maintenance,
	    .transaction = local_transaction(process),
	    .failed_at = published.failed_at,
	    .switches = switches_not_read,
	    .awake = false,
	    .xact_start = entry.st_xact_start_timestamp,
	    .query_start = entry.st_activity_start_timestamp,
	    .state_change = entry.st_state_start_timestamp,
	    .wait_start = wait.wait_start,
	    .times = {},
	    .blocking = {},
	    .horizon = {},
	    .memory = memory_not_read,
	    .shortage = {},
	    .peer = Peer::NotRead,
	    .room = {},
	};
}

void
fill(BackendSnapshot &snapshot, int slot, const PgBackendStatus &entry, const Published &published,
     PGPROC *process)
{
	ProcessWait wait = read_wait(process);
	ProcessHorizon horizon = read_process_horizon(process);

	snapshot.session = session_of(slot, entry, published, wait, process);
	snapshot.backend = {.id = snapshot.session.id, .slot = slot, .process = process};
	snapshot.role = entry.st_userid;
	snapshot.taken_role = taken_role_of(slot, entry.st_proc_start_timestamp);
	snapshot.database = entry.st_databaseid;
	snapshot.kind = entry.st_backendType;
	snapshot.is_guarded_worker = is_guarded_worker(process, entry.st_procpid, snapshot.kind);
	snapshot.wait_event_info = wait.wait_event_info;
	snapshot.backend_xid = horizon.xid;
	snapshot.backend_xmin = horizon.xmin;
	snapshot.horizon_scope = horizon.scope;
	if (horizon.scope != HorizonScope::Nowhere)
	{
		snapshot.session.horizon.xid = older_xid(horizon.xid, 0);
		snapshot.session.horizon.xmin = older_xid(horizon.xmin, 0);
	}
	snapshot.parallel_workers = wait.parallel_workers;
	snapshot.client_address = entry.st_clientaddr;
}

/* Read a place once. */
ReadResult
try_slot(int slot, BackendSnapshot &snapshot, char *query)
{
	PgBackendStatus entry;
	Published published;
	TextStart start;
	std::span<char> text(start);

	start[0] = '\0';
	if (query != nullptr)
		text = std::span(query, query_size());
	else if (has_shared_memory())
		text = {};
	if (!copy_entry(slot, entry, snapshot.application_name, text))
		return ReadResult::Unreadable;
	if (entry.st_procpid <= 0)
		return ReadResult::Gone;

	/*
	 * What is published and the wait are read after the entry: they may spare the
	 * session, so they have to be the fresher of the two.
	 */
	if (!published_by(slot, entry, text, published))
		return ReadResult::Unreadable;
	PGPROC *process = proc_in_slot(slot);
	if (process == nullptr || process->pid != entry.st_procpid)
		return ReadResult::Gone;
	fill(snapshot, slot, entry, published, process);
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

ReadResult
read_backend_in_slot(int slot, BackendSnapshot &snapshot, Patience patience, char *query)
{
	ReadResult result;
	auto attempt = [&]
	{
		result = try_slot(slot, snapshot, query);
		return result != ReadResult::Unreadable || patience == Patience::None;
	};

	insist(attempt);
	return result;
}

ReadResult
read_session(int slot, SessionId id, BackendSnapshot &snapshot, Patience patience, char *query)
{
	ReadResult result = read_backend_in_slot(slot, snapshot, patience, query);

	if (result == ReadResult::Read && snapshot.session.id != id)
		result = ReadResult::Gone;
	/* The text may be another session's. */
	if (result != ReadResult::Read && query != nullptr)
		query[0] = '\0';
	return result;
}

bool
read_process(int pid, BackendSnapshot &snapshot, Patience patience)
{
	int slot = slot_of(pid);

	return slot >= 0 && read_backend_in_slot(slot, snapshot, patience) == ReadResult::Read &&
	       snapshot.backend.id.pid == pid;
}

std::size_t
query_size()
{
	return static_cast<std::size_t>(pgstat_track_activity_query_size);
}

bool
is_maintaining(int slot, int pid, Patience patience)
{
	TextStart start;
	PgBackendStatus entry;
	Published published;
	char application_name[NAMEDATALEN];
	bool is_read = false;

	insist(
	    [&]
	    {
		    is_read = copy_entry(slot, entry, application_name, start) &&
		              (entry.st_procpid != pid || published_by(slot, entry, start, published));
		    return is_read || patience == Patience::None;
	    });
	if (!is_read)
		return true;
	return entry.st_procpid == pid && published.maintenance.since != unknown_time &&
	       is_upkeep(published.maintenance.command);
}

} // namespace session_guard
