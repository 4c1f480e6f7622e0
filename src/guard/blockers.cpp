/*
 * Who is in the way of whom (see blockers.h).
 */
#include "guard/blockers.h"

#include "core/scan_pauses.h"
#include "core/spared.h"

#include "pg/monotonic_clock.h"
#include "pg/pg.h"

#include "shmem/present_time.h"
#include "shmem/tracking.h"

#include "status/backend_status.h"
#include "status/catalogs.h"
#include "status/locks.h"

#include "policy/policy_cache.h"

#include "guard/follow.h"
#include "guard/scan_pace.h"

#include <algorithm>
#include <iterator>

namespace session_guard
{

namespace
{

/* What was read of the lock table last, and the memory that it is in. */
WaitGraph graph;
MemoryContext graph_context = nullptr;
/* Does it belong to this pass, or is nobody waiting for long enough? */
bool is_read = false;
/* When that was, and how long it took. */
Instant read_at = beginning;
Duration reading_took = 0;

/* While many wait for long, one reading is good for so many times what it took. */
constexpr int rest_after_reading = 10;

/* Was the table read so recently that reading it again would be too much? */
bool
is_read_lately(Instant now)
{
	return is_read && now - read_at < std::min(rest_after_reading * reading_took, second);
}

/* May the guard ever end what is at this root, if it keeps others waiting for long? */
bool
may_end(const WaitNode &root)
{
	BackendSnapshot snapshot;

	if (!read_session_of(root, snapshot, Patience::None))
		return false;
	snapshot.session.superuser = superuser_of_session(snapshot.role);
	return may_end_for_blocking(snapshot.session,
	                            policy_of(snapshot.session.superuser, bound_of(snapshot)));
}

void
read_lock_table()
{
	Instant start = monotonic_now();

	is_read = false;
	graph = WaitGraph{};
	MemoryContextReset(graph_context);
	MemoryContext caller = MemoryContextSwitchTo(graph_context);
	graph = read_wait_graph(Patience::None, advisory_if(base_policy().count_advisory_locks),
	                        wall_clock(), start);
	MemoryContextSwitchTo(caller);
	graph.leave_out_kept_anyway(may_end);
	is_read = true;
	read_at = start;
	reading_took = monotonic_now() - start;
}

} // namespace

void
prepare_blockers()
{
	graph_context =
	    AllocSetContextCreate(TopMemoryContext, "session guard wait graph", ALLOCSET_DEFAULT_SIZES);
}

bool
read_blockers(LockTable wanted)
{
	if (wanted == LockTable::AsReadLately && is_read_lately(monotonic_now()))
		return false;
	read_lock_table();
	return true;
}

WaitGraph *
look_for_blockers(Instant now)
{
	Duration shortest = shortest_blocking_of_all();
	Timestamp oldest = shortest == 0 ? unknown_time : oldest_lock_wait();

	if (oldest == unknown_time)
	{
		is_read = false;
		return nullptr;
	}
	note_lock_wait();
	Instant matters_at = later(time_of(wall_clock(), oldest, now), wait_before_looking(shortest));
	if (matters_at > now)
	{
		is_read = false;
		ask_for_scan_at(matters_at);
		return nullptr;
	}
	if (is_read_lately(now))
		return nullptr;
	read_lock_table();
	return &graph;
}

void
note_blocking(Session &session, int slot)
{
	if (is_read)
		session.blocking = blocking_in(graph, read_at, session.id, tracking_of(slot));
}

void
count_waiters(Session &session)
{
	if (const WaitNode *node = is_read ? graph.find(session.id.pid) : nullptr)
		session.blocking.waiters = graph.count_waiters(*node);
}

Duration
pause_for_another(const Session &session)
{
	constexpr Duration shortest = 20 * millisecond;
	std::int32_t pid = session.id.pid;
	bool is_another_ending = any_blocker_is_ending(
	    [&](std::int32_t other) { return other != pid && graph.share_waiter(pid, other); });

	/* As many as there are ask again, one of them soon. */
	return is_another_ending ? shortest + std::ssize(graph.processes()) * (millisecond / 2) : 0;
}

} // namespace session_guard
