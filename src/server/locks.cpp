/*
 * Who waits for whom (see locks.h).
 */
#include "server/locks.h"

#include "server/growing.h"
#include "server/status.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <span>

namespace session_guard
{

namespace
{

using Instance = LockInstanceData;

/* Edges in the making. */
using Edges = Growing<WaitEdge>;

bool
by_tag(const Instance *a, const Instance *b)
{
	return memcmp(&a->locktag, &b->locktag, sizeof(LOCKTAG)) < 0;
}

bool
waits(const Instance &instance)
{
	return instance.waitLockMode != NoLock;
}

/* Does it hold a mode that stands in the way of the one the waiter waits for? */
bool
holds_against(const Instance &holder, const Instance &waiter)
{
	for (LOCKMODE mode = AccessShareLock; mode <= MaxLockMode; mode++)
		if ((holder.holdMask & LOCKBIT_ON(mode)) != 0 &&
		    DoLockModesConflict(mode, waiter.waitLockMode))
			return true;
	return false;
}

/* Does it wait ahead of the waiter, for a mode that stands in its way? */
bool
queues_against(const Instance &other, const Instance &waiter)
{
	return waits(other) && other.waitStart != unknown_time && waiter.waitStart != unknown_time &&
	       other.waitStart < waiter.waitStart &&
	       DoLockModesConflict(other.waitLockMode, waiter.waitLockMode);
}

WaitedLock
kind_of_lock(const LOCKTAG &tag)
{
	switch (static_cast<LockTagType>(tag.locktag_type))
	{
		case LOCKTAG_RELATION:
		case LOCKTAG_TUPLE:
		case LOCKTAG_TRANSACTION:
		case LOCKTAG_OBJECT:
			return WaitedLock::Ordinary;
		case LOCKTAG_ADVISORY:
			return WaitedLock::Advisory;
		case LOCKTAG_VIRTUALTRANSACTION:
			return WaitedLock::Snapshot;
		default:
			return WaitedLock::Own;
	}
}

/*
 * Who waits for a lock; what waits for the server's own is nobody's concern.  The startup process
 * is not in the ProcArray.  What reports no progress yet is known by the flags of its process or by
 * its text.
 */
WhoWaits
kind_of_waiter(int pid)
{
	constexpr int maintenance = PROC_IS_AUTOVACUUM | PROC_IN_VACUUM | PROC_IN_SAFE_IC;
	const PGPROC *process = BackendPidGetProc(pid);

	if (process == nullptr)
		return WhoWaits::NoSession;
	return (process->statusFlags & maintenance) != 0 || is_maintaining(pid) ? WhoWaits::Maintenance
	                                                                        : WhoWaits::Session;
}

/* Add an edge for each of those on the same lock that blocks the waiter. */
template <typename Blocks>
void
add_blockers(Edges &edges, const Instance &waiter, std::span<Instance *const> same_lock,
             Blocks blocks)
{
	WaitedLock lock = kind_of_lock(waiter.locktag);
	std::optional<WhoWaits> kind;

	for (const Instance *other : same_lock)
	{
		if ((other->pid != prepared_transaction && other->leaderPid == waiter.leaderPid) ||
		    !blocks(*other, waiter))
			continue;
		if (!kind)
			kind = lock == WaitedLock::Own ? WhoWaits::Session : kind_of_waiter(waiter.leaderPid);
		edges.add({.waiter = waiter.leaderPid,
		           .blocker = other->leaderPid,
		           .since = waiter.waitStart,
		           .lock = lock,
		           .kind = *kind});
	}
}

/* The instances on locks that somebody waits for, sorted by lock. */
std::span<Instance *>
contended_instances(LockData &data)
{
	std::span<Instance> all(data.locks, static_cast<std::size_t>(data.nelements));
	Growing<Instance *> waiters;
	Growing<Instance *> contended;

	for (Instance &instance : all)
		if (waits(instance))
			waiters.add(&instance);
	std::ranges::sort(waiters.all(), by_tag);
	for (Instance &instance : all)
		if (std::ranges::binary_search(waiters.all(), &instance, by_tag))
			contended.add(&instance);
	std::ranges::sort(contended.all(), by_tag);
	return contended.all();
}

} // namespace

WaitGraph
read_wait_graph()
{
	std::span<Instance *> contended = contended_instances(*GetLockStatusData());
	Edges edges;

	for (const Instance *waiter : contended)
	{
		if (!waits(*waiter))
			continue;

		std::span<Instance *const> others(std::ranges::lower_bound(contended, waiter, by_tag),
		                                  std::ranges::upper_bound(contended, waiter, by_tag));
		std::size_t before = edges.count();

		add_blockers(edges, *waiter, others, holds_against);
		if (edges.count() == before)
			add_blockers(edges, *waiter, others, queues_against);
	}
	Edges copy;
	for (const WaitEdge &edge : edges.all())
		copy.add(edge);
	return {edges.all(), copy.all()};
}

} // namespace session_guard
