/*
 * The function behind the view session_guard.session: which sessions are there,
 * what each is at, and which stand in the way of others.
 *
 * It reads the status array itself, so that it shows the present also inside a
 * transaction, and the lock table once, if anybody waits for a lock at all.  Memory
 * is read of those only whose activity the caller may see: it takes longer than all
 * else.
 */
#include "pg/growing_array.h"
#include "pg/result_row.h"

#include "shmem/present_time.h"

#include "status/horizon.h"
#include "status/locks.h"
#include "status/memory.h"

#include "functions/session_columns.h"

#include <algorithm>

extern "C"
{
	PG_FUNCTION_INFO_V1(session_guard_sessions);
}

namespace session_guard
{

namespace
{

/* A column of session_guard.get_sessions(). */
enum Column
{
	Pid,
	IsSelf,
	BackendStart,
	DatabaseName,
	UserName,
	ApplicationName,
	ClientAddress,
	StateName,
	StateAge,
	QueryAge,
	TransactionAge,
	SessionAge,
	WaitEventType,
	WaitEvent,
	BlockedBy,
	RootBlockers,
	Blocks,
	HorizonAge,
	ParallelWorkers,
	Memory,
	Query,
	ColumnCount,
};

using SessionRow = ResultRow<ColumnCount>;

constexpr SessionColumns session_columns{.pid = Pid,
                                         .backend_start = BackendStart,
                                         .database = DatabaseName,
                                         .role = UserName,
                                         .application_name = ApplicationName,
                                         .client_address = ClientAddress,
                                         .state = StateName};

/* The number of different processes at one end of edges that are sorted by it. */
template <std::int32_t WaitEdge::*end>
std::size_t
distinct(std::span<const WaitEdge> edges, Datum *pids)
{
	std::size_t count = 0;

	for (std::size_t i = 0; i < edges.size(); i++)
		if (i == 0 || edges[i].*end != edges[i - 1].*end)
		{
			if (pids != nullptr)
				pids[count] = Int32GetDatum(edges[i].*end);
			count++;
		}
	return count;
}

Datum
array_of(Datum *pids, std::size_t count)
{
	return PointerGetDatum(
	    construct_array(pids, static_cast<int>(count), INT4OID, sizeof(int32), true, TYPALIGN_INT));
}

Datum
blockers_of(int pid, const WaitGraph &graph)
{
	std::span<const WaitEdge> blockers = graph.blockers_of(pid);
	auto pids = static_cast<Datum *>(palloc((blockers.size() + 1) * sizeof(Datum)));

	return array_of(pids, distinct<&WaitEdge::blocker>(blockers, pids));
}

/* Those at the end of the chains of waits that begin with a process. */
Datum
roots_of(int pid, WaitGraph &graph)
{
	GrowingArray<Datum> roots;

	graph.for_each_root_above(pid,
	                          [&](const WaitNode &root) { roots.add(Int32GetDatum(root.pid)); });
	std::ranges::sort(roots.all());
	/* Not by std::ranges: clang 14 does not take what that returns (libstdc++ 12). */
	auto end = std::unique(roots.all().begin(), roots.all().end());
	return array_of(roots.all().data(), static_cast<std::size_t>(end - roots.all().begin()));
}

void
set_blocking(SessionRow &row, int pid, WaitGraph &graph)
{
	row.set(BlockedBy, blockers_of(pid, graph));
	row.set(RootBlockers, roots_of(pid, graph));
	row.set(Blocks, Int32GetDatum(static_cast<int32>(
	                    distinct<&WaitEdge::waiter>(graph.waiters_of(pid), nullptr))));
}

/* What pg_stat_activity shows to few. */
void
set_activity(SessionRow &row, const BackendSnapshot &snapshot, text *query)
{
	const Session &session = snapshot.session;

	set_age(row, StateAge, session.state_change);
	if (is_running(session))
		set_age(row, QueryAge, statement_stamp(session));
	set_age(row, TransactionAge, session.xact_start);
	set_age(row, SessionAge, session.id.backend_start);
	row.set_text(WaitEventType, pgstat_get_wait_event_type(snapshot.wait_event_info));
	row.set_text(WaitEvent, pgstat_get_wait_event(snapshot.wait_event_info));
	if (std::optional<std::int32_t> age = horizon_age(snapshot))
		row.set(HorizonAge, Int32GetDatum(*age));
	row.set(ParallelWorkers, Int32GetDatum(snapshot.parallel_workers));
	if (std::optional<std::int64_t> memory = memory_of_session(snapshot.backend))
		row.set(Memory, Int64GetDatum(*memory));
	row.set(Query, PointerGetDatum(query));
}

/* A session, and the text of its query as it may be shown. */
struct Seen
{
	BackendSnapshot snapshot;
	text *query;
};

struct AllSeen
{
	Seen *first;
	std::size_t count;
	/* Somebody, a session or not, waits for a lock. */
	bool anybody_waits;
};

/* Read the status array; the text of a query is copied only if the caller may see it. */
AllSeen
read_all()
{
	auto slots = static_cast<std::size_t>(slot_count());
	AllSeen all{.first = static_cast<Seen *>(palloc(slots * sizeof(Seen))),
	            .count = 0,
	            /* On a standby it may be the startup process, which has no place here. */
	            .anybody_waits = RecoveryInProgress()};
	auto query = static_cast<char *>(palloc(query_size()));

	for (int slot = 0; slot < slot_count(); slot++)
	{
		Seen &seen = all.first[all.count];

		CHECK_FOR_INTERRUPTS();
		if (read_backend_in_slot(slot, seen.snapshot, Patience::Unlimited, query) !=
		    ReadResult::Read)
			continue;
		if (waits_for_lock(seen.snapshot.session))
			all.anybody_waits = true;
		if (!is_guarded(seen.snapshot) || seen.snapshot.session.state == State::Starting)
			continue;
		seen.query = may_see(seen.snapshot.role) ? sql_query(query) : nullptr;
		all.count++;
	}
	return all;
}

SessionRow
row_of(const Seen &seen, WaitGraph &graph)
{
	const BackendSnapshot &snapshot = seen.snapshot;
	int pid = snapshot.backend.id.pid;
	SessionRow row;

	bool is_visible = set_session(row, session_columns, snapshot);

	row.set(IsSelf, BoolGetDatum(pid == MyProcPid));
	set_blocking(row, pid, graph);
	/* The text was copied before, if the caller might see it then. */
	if (is_visible && seen.query != nullptr)
		set_activity(row, snapshot, seen.query);
	else
		row.set_text(Query, "<insufficient privilege>");
	return row;
}

} // namespace

} // namespace session_guard

/* One row per client session. */
Datum
session_guard_sessions(PG_FUNCTION_ARGS)
{
	using namespace session_guard;

	check_status_array();
	InitMaterializedSRF(fcinfo, 0);
	AllSeen all = read_all();
	PresentClock present = present_clock();
	WaitGraph graph = all.anybody_waits ? read_wait_graph(Patience::Unlimited, Advisory::Counts,
	                                                      present.clock, present.now)
	                                    : WaitGraph{};
	auto result = reinterpret_cast<ReturnSetInfo *>(fcinfo->resultinfo);
	for (const Seen &seen : std::span(all.first, all.count))
		row_of(seen, graph).put(*result);
	return Datum{0};
}
