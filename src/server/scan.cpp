/*
 * The scan (see scan.h).
 */
#include "server/scan.h"

#include "server/catalogs.h"
#include "server/status.h"

#include <algorithm>
#include <string_view>

namespace session_guard
{

namespace
{

constexpr char query[] =
    "SELECT pid, usesysid, datid, state, wait_event_type, wait_event, xact_start, query_start,"
    " backend_start, state_change, backend_type, leader_pid"
    " FROM pg_catalog.pg_stat_get_activity(NULL)";

enum Column
{
	Pid = 1,
	UserId,
	DatabaseId,
	StateName,
	WaitType,
	WaitName,
	XactStart,
	QueryStart,
	BackendStart,
	StateChange,
	Kind,
	LeaderPid,
};

/* Where a process stands in the array. */
struct Place
{
	int pid;
	int slot;
	/* Of its status entry, before the scan read it: whatever comes later is a change. */
	int changes;
};

SPIPlanPtr plan = nullptr;
CatalogWork querying{.what = "query backend status", .has_failed = false};
Scanned *scanned = nullptr;
std::size_t scanned_count = 0;
Place *places = nullptr;
std::size_t place_count = 0;
/* The leaders of parallel workers that wait for a lock. */
int *waiting_leaders = nullptr;
std::size_t waiting_leader_count = 0;

bool
by_pid(const Place &a, const Place &b)
{
	return a.pid < b.pid;
}

/* Learn which place belongs to which pid.  Each look asks again, so a reused place does no harm. */
void
read_places()
{
	place_count = 0;
	for (int slot = 0; slot < slot_count(); slot++)
		if (int pid = pid_in_slot(slot); pid > 0)
			places[place_count++] = {.pid = pid, .slot = slot, .changes = changes_in_slot(slot)};
	std::sort(places, places + place_count, by_pid);
}

/* Where a process was when the places were read; nullptr if it came later. */
const Place *
place_of(int pid)
{
	const Place *end = places + place_count;
	const Place *found = std::lower_bound(static_cast<const Place *>(places), end,
	                                      Place{.pid = pid, .slot = -1, .changes = 0}, by_pid);

	return found != end && found->pid == pid ? found : nullptr;
}

/* One row of the result, column by column. */
class Row
{
  public:
	Row(HeapTuple tuple, TupleDesc desc) : tuple_(tuple), desc_(desc)
	{
	}

	/* 0 for NULL, which is the server's own way to have no stamp, pid or oid. */
	int64
	number(Column column, int64 (*convert)(Datum)) const
	{
		bool isnull;
		Datum value = SPI_getbinval(tuple_, desc_, column, &isnull);

		return isnull ? 0 : convert(value);
	}

	bool
	is(Column column, std::string_view word) const
	{
		bool isnull;
		Datum value = SPI_getbinval(tuple_, desc_, column, &isnull);

		if (isnull)
			return false;
		text *found = DatumGetTextPP(value);
		return word == std::string_view(VARDATA_ANY(found), VARSIZE_ANY_EXHDR(found));
	}

  private:
	HeapTuple tuple_;
	TupleDesc desc_;
};

int64
int32_value(Datum value)
{
	return DatumGetInt32(value);
}

int64
oid_value(Datum value)
{
	return DatumGetObjectId(value);
}

int64
time_value(Datum value)
{
	return DatumGetTimestampTz(value);
}

State
state_in(const Row &row)
{
	for (auto [name, state] : state_names)
		if (row.is(StateName, name))
			return state;
	return State::Unknown;
}

Wait
wait_in(const Row &row)
{
	if (row.is(WaitType, "Lock"))
		return Wait::Lock;
	if (row.is(WaitName, "SyncRep"))
		return Wait::SyncRep;
	if (row.is(WaitName, "ClientRead"))
		return Wait::ClientRead;
	return Wait::Other;
}

void
add_session(const Row &row, int pid)
{
	const Place *place = place_of(pid);

	/* The next scan is for those who came after the places were read. */
	if (place == nullptr)
		return;

	Session session{};
	session.id = {.pid = pid, .backend_start = row.number(BackendStart, time_value)};
	session.state = state_in(row);
	session.wait = wait_in(row);
	session.superuser = superuser_of(static_cast<Oid>(row.number(UserId, oid_value)));
	session.xact_start = row.number(XactStart, time_value);
	session.query_start = row.number(QueryStart, time_value);
	session.state_change = row.number(StateChange, time_value);
	session.changes = place->changes;
	add_unpublished(place->slot, session);
	scanned[scanned_count++] = {
	    .session = session,
	    .slot = place->slot,
	    .role = static_cast<Oid>(row.number(UserId, oid_value)),
	    .database = static_cast<Oid>(row.number(DatabaseId, oid_value)),
	};
}

void
add_row(const Row &row)
{
	int pid = static_cast<int>(row.number(Pid, int32_value));
	int leader = static_cast<int>(row.number(LeaderPid, int32_value));
	auto capacity = static_cast<std::size_t>(slot_count());

	if (leader != 0 && leader != pid && row.is(WaitType, "Lock") && waiting_leader_count < capacity)
		waiting_leaders[waiting_leader_count++] = leader;
	if (row.is(Kind, "client backend") && scanned_count < capacity)
		add_session(row, pid);
}

/* A parallel worker that waits for a lock makes its leader a lock waiter. */
void
mark_waiting_leaders()
{
	std::sort(waiting_leaders, waiting_leaders + waiting_leader_count);
	for (std::size_t i = 0; waiting_leader_count > 0 && i < scanned_count; i++)
		scanned[i].session.worker_waits_for_lock = std::binary_search(
		    waiting_leaders, waiting_leaders + waiting_leader_count, scanned[i].session.id.pid);
}

/* Prepare the query once, at the first scan that no lock is in the way of. */
void
prepare_plan()
{
	if (plan != nullptr)
		return;

	SPIPlanPtr prepared = SPI_prepare(query, 0, nullptr);
	if (prepared == nullptr || SPI_keepplan(prepared) != 0)
		elog(ERROR, "could not prepare the scan of backend status");
	plan = prepared;
}

/* Scan through SPI. */
void
run_query()
{
	/* What this transaction has seen before must not be seen again. */
	pgstat_clear_backend_activity_snapshot();
	read_places();

	SPI_connect();
	prepare_plan();
	PushActiveSnapshot(GetTransactionSnapshot());
	if (SPI_execute_plan(plan, nullptr, nullptr, true, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not read backend status");
	for (uint64 i = 0; i < SPI_processed; i++)
		add_row(Row(SPI_tuptable->vals[i], SPI_tuptable->tupdesc));
	PopActiveSnapshot();
	SPI_finish();
	pgstat_clear_backend_activity_snapshot();
	mark_waiting_leaders();
}

void
start_over()
{
	scanned_count = 0;
	waiting_leader_count = 0;
}

/* Scan the array itself, by one look after the other. */
void
scan_by_looks()
{
	for (int slot = 0; slot < slot_count(); slot++)
	{
		Sighting sighting;

		if (look_at_slot(slot, sighting) != Sight::Seen || !is_client_backend(sighting))
			continue;
		sighting.session.superuser = superuser_of(sighting.role);
		scanned[scanned_count++] = {.session = sighting.session,
		                            .slot = slot,
		                            .role = sighting.role,
		                            .database = sighting.database};
	}
}

/* One more reading of roles for all whose role is not known: it may have been dropped. */
void
settle_unknown_roles(std::span<Scanned> sessions)
{
	auto is_unknown = [](const Scanned &one)
	{ return one.session.superuser == Superuser::Unknown && one.role != InvalidOid; };

	if (std::ranges::none_of(sessions, is_unknown) || !read_roles_again())
		return;
	for (Scanned &one : sessions)
		if (is_unknown(one))
			one.session.superuser = superuser_or_dropped(one.role);
}

template <typename T>
T *
allocate(std::size_t count)
{
	return static_cast<T *>(MemoryContextAllocZero(TopMemoryContext, count * sizeof(T)));
}

} // namespace

void
prepare_scan()
{
	auto slots = static_cast<std::size_t>(slot_count());

	scanned = allocate<Scanned>(slots);
	places = allocate<Place>(slots);
	waiting_leaders = allocate<int>(slots);
}

std::span<const Scanned>
scan_sessions()
{
	start_over();
	/* Even pg_stat_get_activity() asks pg_authid who we are. */
	if (!catalogs_are_free() || !with_catalogs(querying, run_query))
	{
		start_over();
		scan_by_looks();
	}
	settle_unknown_roles({scanned, scanned_count});
	return {scanned, scanned_count};
}

} // namespace session_guard
