/*
 * What a session does to the server (see harm.h).
 */
#include "guard/harm.h"

#include "core/text.h"

#include "pg/compat.h"

#include "status/horizon.h"
#include "status/memory.h"
#include "status/sql_values.h"

#include "policy/policy_cache.h"

#include <array>
#include <cstring>
#include <optional>

namespace session_guard
{

namespace
{

/* Who was last named as holding vacuum back instead of sessions. */
HorizonHolder named_holder;

bool
is_named(const HorizonHolder &holder)
{
	return named_holder.kind == holder.kind && named_holder.pid == holder.pid &&
	       named_holder.xid == holder.xid &&
	       strcmp(NameStr(named_holder.slot_name), NameStr(holder.slot_name)) == 0;
}

void
append_holder(Text &text, const HorizonHolder &holder)
{
	switch (holder.kind)
	{
		case HolderKind::ReplicationSlot:
			text.append("replication slot ").append_quoted(NameStr(holder.slot_name));
			return;
		case HolderKind::PreparedTransaction:
			text.append("prepared transaction ").append(static_cast<std::int64_t>(holder.xid));
			return;
		case HolderKind::Standby:
			text.append("a standby, by the feedback of process ").append(holder.pid);
			return;
		default:
			text.append("process ").append(holder.pid);
			return;
	}
}

/* Say once who it is for whose sake no session is ended. */
void
name_holder(const OldestHolder &oldest)
{
	std::array<char, 256> buffer;
	Text text(buffer);

	if (is_named(oldest.holder))
		return;
	append_holder(text, oldest.holder);
	text.append(" holds back vacuum by ").append(oldest.age).append(" transactions");
	ereport(LOG, (errmsg_internal("%s", text.c_str()),
	              errdetail("The end of sessions that hold it back by less would free nothing, and "
	                        "pg_session_guard.max_horizon_age spares them.")));
	named_holder = oldest.holder;
}

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
		              errdetail("/proc is hidden from the session guard, and "
		                        "pg_session_guard.max_memory spares everybody.")));
	was_reported = is_hidden;
}

} // namespace

TransactionId
next_xid_for_horizon()
{
	return is_in_force(Limit::HorizonAge) ? next_xid() : InvalidTransactionId;
}

void
note_horizon(Session &session, int slot, Oid database, const Policy &policy, TransactionId next)
{
	if (!is_set(policy, Limit::HorizonAge))
		return;
	if (auto oldest = complete_horizon(session.horizon, backend_of(session, slot), database,
	                                   threshold_of(policy.limits, Limit::HorizonAge).value, next))
		name_holder(*oldest);
}

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
