/*
 * The scan (see scan.h).
 */
#include "status/scan.h"

#include "status/catalogs.h"
#include "status/entry_reader.h"

#include <algorithm>

namespace session_guard
{

namespace
{

/*
 * Only who is there: what is known of a session comes from the entry reader.  These
 * functions list the same processes as pg_stat_get_activity(), without making a row of
 * 30 columns for each.
 */
constexpr char query[] = "SELECT pg_catalog.pg_stat_get_backend_pid(id)"
                         " FROM pg_catalog.pg_stat_get_backend_idset() AS id";

/* Which place of the array a process has. */
struct Place
{
	int pid;
	int slot;
};

SPIPlanPtr plan = nullptr;
CatalogWork querying{.what = "query backend status", .has_failed = false};
Scanned *scanned = nullptr;
std::size_t scanned_count = 0;
Place *places = nullptr;
std::size_t place_count = 0;

bool
by_pid(const Place &a, const Place &b)
{
	return a.pid < b.pid;
}

/*
 * Read which place belongs to which pid; false if an entry is being written.  The
 * server's own reader would wait for that as long as it takes, and take a core meanwhile.
 */
bool
read_places()
{
	place_count = 0;
	for (int slot = 0; slot < slot_count(); slot++)
	{
		if (is_being_written(slot))
			return false;
		if (int pid = pid_in_slot(slot); pid > 0)
			places[place_count++] = {.pid = pid, .slot = slot};
	}
	std::sort(places, places + place_count, by_pid);
	return true;
}

/* The place of a process when the places were read; -1 if it came later. */
int
place_of(int pid)
{
	const Place *end = places + place_count;
	const Place *found = std::lower_bound(static_cast<const Place *>(places), end,
	                                      Place{.pid = pid, .slot = -1}, by_pid);

	return found != end && found->pid == pid ? found->slot : -1;
}

/* Read the backend in a place, and keep it if it is guarded. */
void
scan_slot(int slot)
{
	BackendSnapshot snapshot;

	if (read_backend_in_slot(slot, snapshot, Patience::None) != ReadResult::Read ||
	    !is_guarded(snapshot) || scanned_count == static_cast<std::size_t>(slot_count()))
		return;
	snapshot.session.superuser = superuser_of(snapshot.role);
	scanned[scanned_count++] = {
	    .session = snapshot.session, .slot = slot, .bound = bound_of(snapshot)};
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

/* Scan the processes that the server lists. */
void
scan_listed()
{
	/* The list must not be the one that this transaction has read before. */
	pgstat_clear_backend_activity_snapshot();

	SPI_connect();
	prepare_plan();
	PushActiveSnapshot(GetTransactionSnapshot());
	if (SPI_execute_plan(plan, nullptr, nullptr, true, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not read backend status");
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		bool isnull;
		Datum pid = SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1, &isnull);

		/* The next scan finds those that came after the places were read. */
		if (int slot = isnull ? -1 : place_of(DatumGetInt32(pid)); slot >= 0)
			scan_slot(slot);
	}
	PopActiveSnapshot();
	SPI_finish();
	pgstat_clear_backend_activity_snapshot();
}

void
scan_slots()
{
	for (int slot = 0; slot < slot_count(); slot++)
		scan_slot(slot);
}

/* Read the roles once more if one is not known: it may be new, or have been dropped. */
void
settle_unknown_roles(std::span<Scanned> sessions)
{
	auto is_unknown = [](const Scanned &one)
	{ return one.session.superuser == Superuser::Unknown && one.bound.role != InvalidOid; };

	if (std::ranges::none_of(sessions, is_unknown) || !read_roles_again())
		return;
	for (Scanned &one : sessions)
		if (is_unknown(one))
			one.session.superuser = superuser_or_dropped(one.bound.role);
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
}

std::span<Scanned>
scan_sessions(ScanKind kind)
{
	scanned_count = 0;
	/* Running a query reads pg_authid, for the right to its functions. */
	if (kind == ScanKind::Between || !catalogs_can_be_read() || !read_places() ||
	    !with_catalogs(querying, scan_listed))
	{
		scanned_count = 0;
		scan_slots();
	}
	settle_unknown_roles({scanned, scanned_count});
	return {scanned, scanned_count};
}

} // namespace session_guard
