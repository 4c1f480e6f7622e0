/*
 * Who keeps others waiting and is not ended for it (see spared_blockers.h).
 */
#include "guard/spared_blockers.h"

#include "core/messages.h"

#include "pg/pg.h"

#include "shmem/present_time.h"
#include "shmem/tracking.h"

#include "status/catalogs.h"
#include "status/prepared_transactions.h"
#include "status/slots.h"
#include "status/sql_values.h"

#include "action/signals.h"

#include <array>

namespace session_guard
{

namespace
{

/* A root that was named: a process, or a prepared transaction by its ID. */
struct Named
{
	struct Key
	{
		std::int32_t pid;
		std::uint32_t prepared_xid;
	} key;
	/* When it was last found in the way. */
	Instant seen_at;
};
HTAB *named = nullptr;

/* Who comes to be in the way again after less than that is not named again. */
constexpr Duration forgotten_after = 60 * minute;

void
create_named()
{
	HASHCTL control{};

	control.keysize = sizeof(Named::Key);
	control.entrysize = sizeof(Named);
	control.hcxt = TopMemoryContext;
	named = hash_create("session guard named blockers", 16, &control,
	                    HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

/* Note that it is in the way; true for the first time. */
bool
note_in_the_way(const WaitNode &root, Instant now)
{
	Named::Key key{.pid = root.pid, .prepared_xid = root.prepared_xid};
	bool found;
	auto entry = static_cast<Named *>(hash_search(named, &key, HASH_ENTER, &found));

	entry->seen_at = now;
	return !found;
}

void
forget_others(Instant now)
{
	HASH_SEQ_STATUS scan;

	hash_seq_init(&scan, named);
	while (void *entry = hash_seq_search(&scan))
	{
		auto one = static_cast<Named *>(entry);

		if (now - one->seen_at > forgotten_after)
			(void)hash_search(named, &one->key, HASH_REMOVE, nullptr);
	}
}

/* Append 'prepared transaction "lost"', or its ID if it cannot be read now what it is called. */
void
append_prepared(Text &text, std::uint32_t xid)
{
	PreparedTransactions all = read_prepared_transactions_now();
	const PreparedTransaction *prepared = all.find(xid);

	text.append("prepared transaction ");
	if (prepared != nullptr)
		text.append_quoted(on_one_line(prepared->gid));
	else
		text.append(static_cast<std::int64_t>(xid));
}

/* Append what a process is that is no client session; false if it is one, or has gone. */
bool
append_process(Text &text, std::int32_t pid)
{
	BackendSnapshot snapshot;
	int slot = slot_of(pid);

	if (slot < 0 || read_backend_in_slot(slot, snapshot, Patience::None) != ReadResult::Read ||
	    snapshot.backend.id.pid != pid || is_client_backend(snapshot))
		return false;
	text.append(kind_of(snapshot)).append(" ").append(pid);
	return true;
}

/* Sessions have limits of their own, and are named when these spare them. */
void
name_other(const WaitNode &root, std::int32_t waiters, Duration longest)
{
	std::array<char, 512> buffer;
	Text text(buffer);
	bool is_prepared = root.pid == prepared_transaction;

	if (is_prepared)
		append_prepared(text, root.prepared_xid);
	else if (!append_process(text, root.pid))
		return;
	text.append(" blocks ")
	    .append(waiters)
	    .append(waiters == 1 ? " session" : " sessions, the first")
	    .append(" for ")
	    .append_duration(longest);
	ereport(LOG, (errmsg_internal("%s", text.c_str()),
	              errdetail("Nobody is ended for that: it is no client session."),
	              is_prepared ? errhint("COMMIT PREPARED or ROLLBACK PREPARED ends it.") : 0));
}

/* What tells the time in which a session is named once: its transaction, or its idle phase. */
std::int64_t
named_within(const TrackingState &tracking)
{
	return tracking.transaction != 0 ? tracking.transaction : tracking.state_change.stamp;
}

} // namespace

bool
is_to_be_named(Limit limit, const Decision &decision, const TrackingState &tracking)
{
	return measures_blocking(limit) && decision.outlook == Outlook::Spared &&
	       tracking.named_blocking != named_within(tracking);
}

void
name_spared_blocker(const Evaluation &evaluation)
{
	const Decision &decision = evaluation.decision;
	const BackendSnapshot &snapshot = evaluation.snapshot;

	if (!is_to_be_named(decision.verdict.limit, decision, *evaluation.tracking))
		return;
	std::array<char, 2048> buffer;
	Text text(buffer);
	Names names{.role = on_one_line(role_name(snapshot.role)),
	            .database = on_one_line(database_name(snapshot.database))};

	append_session(text.append("sparing session "), snapshot, names);
	append_reason(text.append(": "), decision.verdict, evaluation.policy, names);
	append_spared(text.append("; "), decision.spared, evaluation.policy, names);
	ereport(LOG, (errmsg_internal("%s", text.c_str())));
	change_tracking(snapshot.backend.slot, [](TrackingState &tracking)
	                { tracking.named_blocking = named_within(tracking); });
}

void
name_other_blockers(WaitGraph &graph, Duration longer_than, Instant now)
{
	if (named == nullptr)
		create_named();
	for (const WaitNode &node : graph.processes())
	{
		if (node.waits || !node.keeps_any || now - node.kept.since < longer_than)
			continue;
		if (note_in_the_way(node, now))
			name_other(node, graph.count_waiters(node), now - node.kept.since);
	}
	forget_others(now);
}

} // namespace session_guard
