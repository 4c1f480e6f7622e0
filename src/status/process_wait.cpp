/*
 * What a process waits for (see process_wait.h).
 */
#include "status/process_wait.h"

#include "pg/compat.h"

#include "status/lock_group.h"

namespace session_guard
{

namespace
{

/* Is it a lock that the server takes for its own short work, not for a transaction? */
bool
is_own_short_lock(uint32 wait_event)
{
	return wait_event == LOCKTAG_RELATION_EXTEND || wait_event == LOCKTAG_DATABASE_FROZEN_IDS ||
	       wait_event == LOCKTAG_PAGE || wait_event == LOCKTAG_SPECULATIVE_TOKEN;
}

/* The kind of a wait event. */
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

/*
 * Is a process of a parallel query at work for it?  The others wait: for a lock,
 * for each other, or for time to pass.
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

/* What the parallel workers of a process do. */
struct ParallelWorkers
{
	int count;
	bool one_is_at_work;
	bool one_waits_for_lock;
	/* Of the last one to wait: since then all do, if none is at work. */
	Timestamp wait_start;
};

ParallelWorkers
parallel_workers_of(const PGPROC *leader)
{
	ParallelWorkers workers{};
	auto add = [&](const PGPROC *member)
	{
		uint32 wait_event_info = member->wait_event_info;

		if (member != leader)
		{
			workers.count++;
			workers.one_is_at_work = workers.one_is_at_work || is_at_work(wait_event_info);
		}
		if (wait_from_info(wait_event_info) != Wait::Lock)
			return;
		Timestamp start = wait_start_of(member);
		if (!workers.one_waits_for_lock || start > workers.wait_start)
			workers.wait_start = start;
		workers.one_waits_for_lock = true;
	};

	for_each_in_lock_group(leader, add);
	return workers;
}

} // namespace

ProcessWait
read_wait(PGPROC *process)
{
	ParallelWorkers workers = parallel_workers_of(process);
	uint32 wait_event_info = process->wait_event_info;
	ProcessWait read{.wait_event_info = wait_event_info,
	                 .wait = wait_from_info(wait_event_info),
	                 .worker_waits_for_lock = workers.one_waits_for_lock &&
	                                          !workers.one_is_at_work &&
	                                          !is_at_work(wait_event_info),
	                 .wait_start = unknown_time,
	                 .parallel_workers = workers.count};

	/* A query waits for a lock only if all of it does: one process may wait on purpose. */
	if (read.wait == Wait::Lock && workers.one_is_at_work)
		read.wait = Wait::Other;
	if (read.wait == Wait::Lock)
		read.wait_start = wait_start_of(process);
	else if (read.worker_waits_for_lock)
		read.wait_start = workers.wait_start;
	return read;
}

Timestamp
wait_start_of(const PGPROC *process)
{
	return static_cast<Timestamp>(
	    pg_atomic_read_u64(const_cast<pg_atomic_uint64 *>(&process->waitStart)));
}

} // namespace session_guard
