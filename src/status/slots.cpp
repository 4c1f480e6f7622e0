/*
 * The places of the backend-status array (see slots.h).
 */
#include "status/slots.h"

#include "pg/compat.h"

namespace session_guard
{

int
slot_of(int pid)
{
	for (int slot = 0; slot < slot_count(); slot++)
		if (pid_in_slot(slot) == pid)
			return slot;
	return -1;
}

bool
has_left(const BackendRef &backend)
{
	auto [id, slot, process] = backend;

	/* The status entry is cleared first, and is cheaper to read. */
	if (slot >= 0 && pid_in_slot(slot) == id.pid)
		return backend_start_in_slot(slot) != id.backend_start;
	return BackendPidGetProc(id.pid) != process;
}

int
connecting_in_slot(int slot, Oid database)
{
	const PGPROC *process = proc_in_slot(slot);

	if (process == nullptr || process->databaseId != database || process->pid == 0)
		return 0;
	bool is_ready = pid_in_slot(slot) == process->pid && !is_starting(state_in_slot(slot));
	return is_ready ? 0 : process->pid;
}

} // namespace session_guard
