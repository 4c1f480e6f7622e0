/*
 * Who keeps others waiting and is not ended for it (see spared_blockers.h).
 */
#include "guard/spared_blockers.h"

#include "core/messages.h"

#include "pg/pg.h"

#include "shmem/present_time.h"
#include "shmem/tracking.h"

#include "status/catalogs.h"
#include "status/slots.h"
#include "status/sql_values.h"

#include "policy/policy_cache.h"

#include "action/signals.h"

#include "guard/names.h"

#include <array>

namespace session_guard
{

namespace
{

/* Roots that were looked at. */
NamedOnce named{"session guard named blockers"};

/* Does no limit on blocking bind this session? */
bool
is_bound_by_none(const BackendSnapshot &session)
{
	Policy policy = policy_of(superuser_of_session(session.role), session.role, session.database);

	return !is_set(policy, Limit::IdleBlocker) && !is_set(policy, Limit::Blocker);
}

/* What a root is that is to be named, in words: who, what tells it from others, and why. */
struct Naming
{
	Text &who;
	Text &key;
	const char *why;
};

/*
 * Describe a root; false if it has gone, or is a session that is named when its limit spares
 * it.
 */
bool
describe(const WaitNode &root, Naming &naming)
{
	BackendSnapshot snapshot;
	int slot = root.pid == prepared_transaction ? -1 : slot_of(root.pid);

	naming.why = "Nobody is ended for that: it is no client session.";
	naming.key.append(root.pid).append(" ");
	if (root.pid == prepared_transaction)
	{
		append_prepared(naming.who, root.prepared_xid);
		naming.key.append(static_cast<std::int64_t>(root.prepared_xid));
		return true;
	}
	if (slot < 0 || read_backend_in_slot(slot, snapshot, Patience::None) != ReadResult::Read ||
	    snapshot.backend.id.pid != root.pid)
		return false;
	if (is_client_backend(snapshot))
	{
		naming.why = "Nobody is ended for that: no limit on blocking binds it.";
		if (!is_bound_by_none(snapshot))
			return false;
	}
	append_process(naming.who, snapshot);
	naming.key.append(snapshot.backend.id.backend_start);
	return true;
}

/* Name a root if it is to be named, and was not before. */
void
name_other(WaitGraph &graph, const WaitNode &root, Instant now)
{
	std::array<char, 1024> buffer;
	std::array<char, NamedOnce::key_size> key_buffer;
	Text text(buffer);
	Text key(key_buffer);
	Naming naming{.who = text, .key = key, .why = nullptr};

	if (!describe(root, naming) || !named.note(key.c_str(), now))
		return;
	std::int32_t waiters = graph.count_waiters(root);
	text.append(" blocks ")
	    .append(waiters)
	    .append(waiters == 1 ? " session" : " sessions, the first")
	    .append(" for ")
	    .append_duration(now - root.kept.since);
	ereport(LOG, (errmsg_internal("%s", text.c_str()), errdetail_internal("%s", naming.why),
	              root.pid == prepared_transaction
	                  ? errhint("COMMIT PREPARED or ROLLBACK PREPARED ends it.")
	                  : 0));
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
	for (const WaitNode &node : graph.processes())
		if (!node.waits && node.keeps_any && now - node.kept.since >= longer_than)
			name_other(graph, node, now);
	named.forget_absent(now);
}

} // namespace session_guard
