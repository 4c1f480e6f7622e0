/*
 * Processes that were about to connect (see connecting.h).
 */
#include "functions/connecting.h"

#include "status/backend_status.h"

#include <algorithm>

namespace session_guard
{

Connecting
find_connecting(std::span<const Oid> databases)
{
	auto pids = static_cast<int *>(palloc(static_cast<std::size_t>(slot_count()) * sizeof(int)));
	std::size_t count = 0;

	for (int slot = 0; slot < slot_count(); slot++)
		for (Oid database : databases)
			if (int pid = connecting_in_slot(slot, database))
			{
				pids[count++] = pid;
				break;
			}
	return {.databases = databases, .pids = {pids, count}};
}

bool
is_connecting(const Connecting &connecting)
{
	for (int slot = 0; !connecting.pids.empty() && slot < slot_count(); slot++)
		for (Oid database : connecting.databases)
			if (connecting_in(connecting, slot, database) != 0)
				return true;
	return false;
}

int
connecting_in(const Connecting &connecting, int slot, Oid database)
{
	int pid = connecting.pids.empty() ? 0 : connecting_in_slot(slot, database);

	return std::ranges::find(connecting.pids, pid) != connecting.pids.end() ? pid : 0;
}

} // namespace session_guard
