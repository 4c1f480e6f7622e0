/*
 * Who waits for whom (see locks.h).
 */
#include "server/locks.h"

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
class Edges
{
  public:
	void
	add(const WaitEdge &edge)
	{
		if (count_ == capacity_)
			grow();
		edges_[count_++] = edge;
	}

	std::size_t
	count() const
	{
		return count_;
	}

	std::span<WaitEdge>
	all() const
	{
		return {edges_, count_};
	}

	std::span<WaitEdge>
	copy() const
	{
		auto copied = static_cast<WaitEdge *>(MemoryContextAllocHuge(
		    CurrentMemoryContext, std::max<std::size_t>(count_, 1) * sizeof(WaitEdge)));

		std::copy_n(edges_, count_, copied);
		return {copied, count_};
	}

  private:
	void
	grow()
	{
		capacity_ = std::max<std::size_t>(2 * capacity_, 64);
		std::size_t size = capacity_ * sizeof(WaitEdge);

		edges_ = static_cast<WaitEdge *>(edges_ == nullptr
		                                     ? MemoryContextAllocHuge(CurrentMemoryContext, size)
		                                     : repalloc_huge(edges_, size));
	}

	WaitEdge *edges_ = nullptr;
	std::size_t count_ = 0;
	std::size_t capacity_ = 0;
};

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

/* Is it a lock that people wait for, and not the server's own machinery or an advisory one? */
bool
is_convicting_lock(const LOCKTAG &tag)
{
	switch (static_cast<LockTagType>(tag.locktag_type))
	{
		case LOCKTAG_RELATION:
		case LOCKTAG_TUPLE:
		case LOCKTAG_TRANSACTION:
		case LOCKTAG_OBJECT:
			return true;
		default:
			return false;
	}
}

/*
 * Is it a session that waits, and not maintenance?  The startup process is not
 * in the ProcArray.  What reports no progress yet is known by the flags of its
 * process or by its text.
 */
bool
is_convicting_waiter(int pid)
{
	constexpr int maintenance = PROC_IS_AUTOVACUUM | PROC_IN_VACUUM | PROC_IN_SAFE_IC;
	const PGPROC *process = BackendPidGetProc(pid);

	return process != nullptr && (process->statusFlags & maintenance) == 0 && !is_maintaining(pid);
}

/* Add an edge for each of those on the same lock that blocks the waiter. */
template <typename Blocks>
void
add_blockers(Edges &edges, const Instance &waiter, std::span<Instance *const> same_lock,
             Blocks blocks)
{
	std::optional<bool> convicts;

	for (const Instance *other : same_lock)
	{
		if ((other->pid != prepared_transaction && other->leaderPid == waiter.leaderPid) ||
		    !blocks(*other, waiter))
			continue;
		if (!convicts)
			convicts = is_convicting_lock(waiter.locktag) && is_convicting_waiter(waiter.leaderPid);
		edges.add({.waiter = waiter.leaderPid,
		           .blocker = other->leaderPid,
		           .since = waiter.waitStart,
		           .convicts = *convicts});
	}
}

/* The instances on locks that somebody waits for, sorted by lock. */
std::span<Instance *>
contended_instances(LockData &data)
{
	auto all = static_cast<std::size_t>(data.nelements);
	auto pointers = static_cast<Instance **>(
	    MemoryContextAllocHuge(CurrentMemoryContext, (2 * all + 1) * sizeof(Instance *)));
	std::span<Instance *> waiters(pointers, 0);

	for (Instance &instance : std::span(data.locks, all))
		if (waits(instance))
		{
			pointers[waiters.size()] = &instance;
			waiters = {pointers, waiters.size() + 1};
		}
	std::ranges::sort(waiters, by_tag);

	std::span<Instance *> contended(pointers + waiters.size(), 0);
	for (Instance &instance : std::span(data.locks, all))
		if (std::ranges::binary_search(waiters, &instance, by_tag))
		{
			contended.data()[contended.size()] = &instance;
			contended = {contended.data(), contended.size() + 1};
		}
	std::ranges::sort(contended, by_tag);
	return contended;
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
	return {edges.all(), edges.copy()};
}

} // namespace session_guard
