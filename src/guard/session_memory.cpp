/*
 * How much memory a session uses (see session_memory.h).
 */
#include "guard/session_memory.h"

#include "pg/compat.h"

#include "status/memory.h"
#include "status/slots.h"

#include <optional>

namespace session_guard
{

namespace
{

BackendRef
backend_of(const Session &session, int slot)
{
	return {.id = session.id, .slot = slot, .process = proc_in_slot(slot)};
}

void
report_hidden_memory(bool is_hidden)
{
	static bool was_reported = false;

	if (is_hidden && !was_reported)
		ereport(LOG, (errmsg("the memory of sessions cannot be read"),
		              errdetail("/proc is hidden from the session guard, and everybody is spared "
		                        "from the limits on memory.")));
	was_reported = is_hidden;
}

} // namespace

void
read_memory(Session &session, int slot)
{
	BackendRef backend = backend_of(session, slot);

	/* It has ended since its status was read. */
	if (backend.process == nullptr)
		return;
	std::optional<std::int64_t> bytes = memory_of_session(backend);

	/* Of a session that has ended meanwhile nothing follows. */
	bool is_hidden = !bytes && !has_left(backend);
	session.memory = is_hidden ? memory_unreadable : bytes.value_or(memory_not_read);
	if (session.memory != memory_not_read)
		report_hidden_memory(is_hidden);
}

} // namespace session_guard
