/*
 * Whether the server is being shut down (see shutdown.h).
 */
#include "status/shutdown.h"

#include "shmem/worker_slot.h"

#include "status/backend_status.h"

#include <array>
#include <string_view>

namespace session_guard
{

namespace
{

/* How long the workers of others are waited for. */
constexpr Duration patience = 2 * second;

bool
may_act(int slot, bool workers_count)
{
	BackendSnapshot snapshot;
	int pid = pid_in_slot(slot);

	if (pid == 0 || pid == MyProcPid)
		return false;
	if (static_cast<uint32>(pid) == pg_atomic_read_u32(&worker_slot(WorkerKind::Guard).owner))
		return true;
	switch (read_backend_in_slot(slot, snapshot, Patience::None))
	{
		case ReadResult::Gone:
			return false;
		case ReadResult::Unreadable:
			return true;
		case ReadResult::Read:
			break;
	}
	/* A walsender stays until all is written that it has to send. */
	return is_client_backend(snapshot) || (workers_count && snapshot.kind == B_BG_WORKER);
}

} // namespace

bool
server_is_stopping()
{
	std::array<char, MAXPGPATH> line;
	bool is_stopping = false;
	FILE *file = AllocateFile("postmaster.pid", "r");

	if (file == nullptr)
		return false;
	for (int number = 1; fgets(line.data(), static_cast<int>(line.size()), file) != nullptr;
	     number++)
		if (number == LOCK_FILE_LINE_PM_STATUS)
			is_stopping = std::string_view(line.data()).starts_with(PM_STATUS_STOPPING);
	(void)FreeFile(file);
	return is_stopping;
}

bool
others_may_act(Duration waited)
{
	for (int slot = 0; slot < slot_count(); slot++)
		if (may_act(slot, waited < patience))
			return true;
	return false;
}

} // namespace session_guard
