/*
 * The processes of a parallel query: its leader and its workers are a group of the
 * lock manager's.
 */
#pragma once

#include "pg/compat.h"

namespace session_guard
{

/*
 * Call a function with each process of the group that a process leads, itself among
 * them, while the group is locked; with none if it has not led a parallel query.
 */
template <typename Visit>
void
for_each_in_lock_group(const PGPROC *leader, Visit visit)
{
	/* A process that has led a parallel query stays in its lock group to its end. */
	if (leader->lockGroupLeader != leader)
		return;

	LWLock *lock = LockHashPartitionLockByProc(leader);
	const dlist_node *head = &leader->lockGroupMembers.head;

	LWLockAcquire(lock, LW_SHARED);
	for (const dlist_node *link = head->next; link != head; link = link->next)
		visit(reinterpret_cast<const PGPROC *>(reinterpret_cast<const char *>(link) -
		                                       offsetof(PGPROC, lockGroupLink)));
	LWLockRelease(lock);
}

} // namespace session_guard
