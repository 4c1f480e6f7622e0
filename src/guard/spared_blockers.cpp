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

#include <algorithm>
#include <array>

namespace session_guard
{

namespace
{

/* A root that was looked at: a process, or a prepared transaction by its ID. */
struct Named
{
	struct Key
	{
		std::int32_t pid;
		std::uint32_t prepared_xid;
	} key;
	/* By the last reading it still was in the way. */
	bool is_in_the_way;
};
HTAB *named = nullptr;

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

/* Call a function with each that was named. */
template <typename Use>
void
for_each_named(Use use)
{
	HASH_SEQ_STATUS scan;

	hash_seq_init(&scan, named);
	while (void *entry = hash_seq_search(&scan))
		use(*static_cast<Named *>(entry));
}

Named::Key
key_of(const WaitEdge &edge)
{
	return {.pid = edge.blocker, .prepared_xid = edge.prepared_xid};
}

/* Was it found in the way by this reading already? */
bool
is_noted(const WaitEdge &edge)
{
	Named::Key key = key_of(edge);
	auto entry = static_cast<Named *>(hash_search(named, &key, HASH_FIND, nullptr));

	return entry != nullptr && entry->is_in_the_way;
}

/* Note that it is in the way; true for the first time. */
bool
note_in_the_way(const WaitEdge &edge)
{
	Named::Key key = key_of(edge);
	bool found;
	auto entry = static_cast<Named *>(hash_search(named, &key, HASH_ENTER, &found));

	entry->is_in_the_way = true;
	return !found;
}

/* Those that are not in the way any more would be named again. */
void
forget_others()
{
	for_each_named(
	    [](const Named &one)
	    {
		    if (!one.is_in_the_way)
			    (void)hash_search(named, &one.key, HASH_REMOVE, nullptr);
	    });
}

/* How many of the waits that count are for this one, and how long the first has lasted. */
struct Waiters
{
	std::int64_t count;
	Duration longest;
};

Waiters
waiters_of(const WaitGraph &graph, const WaitEdge &blocker, Instant now)
{
	Waiters waiters{};

	for (const WaitEdge &edge : graph.waiters_of(blocker.blocker))
	{
		if (edge.prepared_xid != blocker.prepared_xid ||
		    !counts_as_blocking(edge, Advisory::Ignored) || edge.since == unknown_time)
			continue;
		waiters.count++;
		waiters.longest = std::max(waiters.longest, now - time_of(wall_clock(), edge.since, now));
	}
	return waiters;
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
name_other(const WaitEdge &blocker, const Waiters &waiters)
{
	std::array<char, 512> buffer;
	Text text(buffer);
	bool is_prepared = blocker.blocker == prepared_transaction;

	if (is_prepared)
		append_prepared(text, blocker.prepared_xid);
	else if (!append_process(text, blocker.blocker))
		return;
	text.append(" blocks ")
	    .append(waiters.count)
	    .append(waiters.count == 1 ? " session" : " sessions, the first")
	    .append(" for ")
	    .append_duration(waiters.longest);
	ereport(LOG, (errmsg_internal("%s", text.c_str()),
	              errdetail("Nobody is ended for that: it is no client session."),
	              is_prepared ? errhint("COMMIT PREPARED or ROLLBACK PREPARED ends it.") : 0));
}

} // namespace

bool
is_to_be_named(Limit limit, const Decision &decision, const TrackingState &tracking)
{
	return measures_blocking(limit) && decision.outlook == Outlook::Spared &&
	       tracking.named_blocking != tracking.blocking.stamp;
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
	                { tracking.named_blocking = tracking.blocking.stamp; });
}

void
name_other_blockers(const WaitGraph &graph, Duration longer_than, Instant now)
{
	if (named == nullptr)
		create_named();
	for_each_named([](Named &one) { one.is_in_the_way = false; });
	for (const WaitEdge &edge : graph.edges())
	{
		if (!counts_as_blocking(edge, Advisory::Ignored) || !graph.is_root(edge.blocker) ||
		    is_noted(edge))
			continue;
		Waiters waiters = waiters_of(graph, edge, now);
		if (waiters.count > 0 && waiters.longest >= longer_than && note_in_the_way(edge))
			name_other(edge, waiters);
	}
	forget_others();
}

} // namespace session_guard
