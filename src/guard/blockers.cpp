/*
 * Who is in the way of whom (see blockers.h).
 */
#include "guard/blockers.h"

#include "core/scan_pauses.h"

#include "pg/monotonic_clock.h"
#include "pg/pg.h"

#include "shmem/present_time.h"

#include "status/locks.h"

#include "policy/policy_cache.h"

#include "guard/follow.h"
#include "guard/scan_pace.h"

#include <algorithm>

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

/* While many wait for long, scans do with one reading for so many times what it took. */
constexpr int rest_after_reading = 10;

} // namespace

void
prepare_blockers()
{
	graph_context =
	    AllocSetContextCreate(TopMemoryContext, "session guard wait graph", ALLOCSET_DEFAULT_SIZES);
}

void
read_blockers()
{
	Instant start = monotonic_now();

	graph = WaitGraph{};
	MemoryContextReset(graph_context);
	MemoryContext caller = MemoryContextSwitchTo(graph_context);
	graph = read_wait_graph(Patience::None);
	MemoryContextSwitchTo(caller);
	is_read = true;
	read_at = start;
	reading_took = monotonic_now() - start;
}

const WaitGraph *
look_for_blockers(Instant now)
{
	Duration shortest = shortest_blocking_of_all();

	is_read = false;
	if (shortest == 0)
		return nullptr;
	Timestamp oldest = oldest_lock_wait();
	if (oldest == unknown_time)
		return nullptr;
	note_lock_wait();
	Instant matters_at = later(time_of(wall_clock(), oldest, now), wait_before_looking(shortest));
	if (matters_at > now)
	{
		ask_for_scan_at(matters_at);
		return nullptr;
	}
	if (now - read_at < std::min(rest_after_reading * reading_took, second))
	{
		is_read = true;
		return nullptr;
	}
	read_blockers();
	return &graph;
}

void
note_blocking(Session &session, const Policy &policy, Instant now)
{
	if (is_read)
		session.blocking = blocking_in(graph, session.id.pid,
		                               advisory_if(policy.count_advisory_locks), wall_clock(), now);
}

bool
is_another_ending(const Session &session, const Policy &policy)
{
	std::int32_t pid = session.id.pid;
	Advisory advisory = advisory_if(policy.count_advisory_locks);

	return any_blocker_is_ending(
	    [&](std::int32_t other)
	    { return other != pid && graph.share_waiter(pid, other, advisory); });
}

} // namespace session_guard
