/*
 * Which background workers are guarded (see guarded_worker.h).
 */
#include "status/guarded_worker.h"

#include "settings/settings.h"
#include "settings/worker_types.h"

namespace session_guard
{

bool
is_guarded_worker(const PGPROC *process, int pid, BackendType kind)
{
	const char *types = background_workers();

	if (kind != B_BG_WORKER || *types == '\0')
		return false;
	const PGPROC *leader = process->lockGroupLeader;
	if (process->databaseId == InvalidOid || process->roleId == InvalidOid ||
	    (leader != nullptr && leader != process))
		return false;
	/* A worker that is just ending is not found any more. */
	const char *type = GetBackgroundWorkerTypeByPid(pid);
	return type != nullptr && has_type(types, type);
}

} // namespace session_guard
