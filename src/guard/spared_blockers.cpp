/*
 * Who keeps others waiting and is not ended for it (see spared_blockers.h).
 */
#include "guard/spared_blockers.h"

#include "core/messages.h"

#include "pg/pg.h"

#include "shmem/present_time.h"
#include "shmem/tracking.h"

#include "status/backend_status.h"
#include "status/catalogs.h"
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
	Policy policy = policy_of(superuser_of_session(session.role), bound_of(session));

	return !is_bound_for_blocking(session.session, policy);
}

/*
 * Is it a prepared transaction, or a process that has no limit which would name it when it is
 * spared?  Of a process the snapshot is read.
 */
bool
is_without_limit(const WaitNode &root, BackendSnapshot &snapshot)
{
	if (root.pid == prepared_transaction)
		return true;
	return read_process(root.pid, snapshot, Patience::None) &&
	       (!is_guarded(snapshot) || is_bound_by_none(snapshot));
}

/* Is it found in the way for the first time? */
bool
is_first_found(const WaitNode &root, const BackendSnapshot &snapshot, Instant now)
{
	std::array<char, NamedOnce::key_size> buffer;
	Text key(buffer);

	key.append(root.pid)
	    .append(" ")
	    .append(static_cast<std::int64_t>(root.prepared_xid))
	    .append(" ")
	    .append(snapshot.backend.id.backend_start);
	return named.note(key.c_str(), now);
}

/* Name a root if no limit does, and it was not named before. */
void
name_other(WaitGraph &graph, const WaitNode &root, Instant now)
{
	std::array<char, 1024> buffer;
	Text text(buffer);
	BackendSnapshot snapshot{};
	bool is_prepared = root.pid == prepared_transaction;

	if (!is_without_limit(root, snapshot) || !is_first_found(root, snapshot, now))
		return;
	if (is_prepared)
		append_prepared(text, root.prepared_xid);
	else
		append_process(text, snapshot);
	std::int32_t waiters = graph.count_waiters(root);
	text.append(" blocks ")
	    .append(waiters)
	    .append(waiters == 1 ? " session" : " sessions, the first")
	    .append(" for ")
	    .append_duration(now - root.kept.since);
	bool is_session = !is_prepared && is_guarded(snapshot);
	ereport(LOG, (errmsg_internal("%s", text.c_str()),
	              is_session ? errdetail("Nobody is ended for that: no limit on blocking binds it.")
	                         : errdetail("Nobody is ended for that: it is no client session."),
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
	Names names = names_of(evaluation, on_one_line);

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
