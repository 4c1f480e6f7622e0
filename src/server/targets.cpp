/*
 * Whom an order is about (see targets.h).
 */
#include "server/targets.h"

#include "server/locks.h"
#include "server/show.h"

#include <algorithm>

namespace session_guard
{

namespace
{

/* How many sessions could not be judged. */
struct Omitted
{
	int hidden;
	int unreadable;
};

char *
query_buffer()
{
	return static_cast<char *>(palloc(query_size()));
}

WaitGraph
graph_for(const Filter &filter)
{
	return filter.blocking_for ? read_wait_graph() : WaitGraph{};
}

/* Does the filter ask who the session is, and not what it is at? */
bool
is_about_identity(const Filter &filter)
{
	return !filter.query && !filter.states && !filter.running && !filter.blocking_for &&
	       filter.longer_than == 0;
}

Target
target_of(const Order &order, const Sighting &sighting, const char *query)
{
	return {
	    .is_known = true,
	    .sighting = sighting,
	    .query = shown_query(query),
	    .statement = statement_stamp(sighting.session),
	    .action = order.action,
	    .is_signaled = false,
	    .outcome = std::nullopt,
	    .note = nullptr,
	};
}

void
add(Targets &targets, const Target &target)
{
	/* Places for client backends are also the most that can be there at once. */
	auto slots = static_cast<std::size_t>(slot_count());

	if (targets.first == nullptr)
		targets.first = static_cast<Target *>(palloc(slots * sizeof(Target)));
	else if (targets.count % slots == 0)
		targets.first = static_cast<Target *>(
		    repalloc(targets.first, (targets.count + slots) * sizeof(Target)));
	targets.first[targets.count++] = target;
}

bool
has(const Targets &targets, SessionId id)
{
	return std::ranges::any_of(targets.all(), [&](const Target &target)
	                           { return target.sighting.session.id == id; });
}

bool
is_candidate(const Order &order, const Sighting &sighting)
{
	return is_client_backend(sighting) && sighting.session.state != State::Starting &&
	       !(order.except_self && sighting.session.id.pid == MyProcPid);
}

/* Add every session that passes the filter and a further condition. */
template <typename Condition>
Omitted
add_matching(const Order &order, Targets &targets, Condition condition)
{
	char *query = query_buffer();
	WaitGraph graph = graph_for(order.filter);
	Omitted omitted{};

	for (int slot = 0; slot < slot_count(); slot++)
	{
		Sighting sighting;
		Sight sight = look_at_slot(slot, sighting, query);

		CHECK_FOR_INTERRUPTS();
		if (sight == Sight::Unreadable)
			omitted.unreadable++;
		if (sight != Sight::Seen || !is_candidate(order, sighting) || !condition(sighting))
			continue;

		Match match = matches(order.filter, sighting, query, graph, GetCurrentTimestamp());
		if (match == Match::Yes)
			add(targets, target_of(order, sighting, query));
		else if (match == Match::Hidden)
			omitted.hidden++;
	}
	return omitted;
}

void
report(Omitted omitted)
{
	if (omitted.hidden > 0)
		ereport(NOTICE, (errmsg_plural("left out %d session whose activity is not shown to you",
		                               "left out %d sessions whose activity is not shown to you",
		                               static_cast<unsigned long>(omitted.hidden), omitted.hidden),
		                 errhint("It is shown to members of role \"pg_read_all_stats\".")));
	if (omitted.unreadable > 0)
		ereport(WARNING, (errmsg_plural("left out %d process whose status could not be read",
		                                "left out %d processes whose status could not be read",
		                                static_cast<unsigned long>(omitted.unreadable),
		                                omitted.unreadable)));
}

/* What kind of process it is, for people. */
const char *
kind_of(const Sighting &sighting)
{
	const char *worker = sighting.kind == B_BG_WORKER
	                         ? GetBackgroundWorkerTypeByPid(sighting.session.id.pid)
	                         : nullptr;

	return worker != nullptr ? worker : GetBackendTypeDesc(sighting.kind);
}

/* A target of which only the pid is known. */
Target
unknown(const Order &order)
{
	Target target{};

	target.sighting.session.id.pid = *order.pid;
	target.sighting.slot = -1;
	target.action = order.action;
	return target;
}

Target
gone(const Order &order, const char *note)
{
	Target target = unknown(order);

	target.outcome = Outcome::Gone;
	target.note = note;
	return target;
}

/* A process that has not got a status entry yet: it still starts, or authenticates its client. */
Target
unlisted(const Order &order, const PGPROC *process)
{
	Target target = unknown(order);

	target.sighting.process = process;
	ereport(NOTICE, (errmsg("process %d is still starting", *order.pid)));
	return target;
}

/* The target of an order about one pid. */
Target
select_process(const Order &order)
{
	char *query = query_buffer();
	Sighting sighting;
	const PGPROC *process = BackendPidGetProc(*order.pid);
	int slot = slot_of(*order.pid);

	if (process == nullptr)
		return gone(order, "no session has this process ID");
	if (slot < 0 || look_at_slot(slot, sighting, query) != Sight::Seen ||
	    sighting.session.id.pid != *order.pid)
		return order.backend_start ? gone(order, "no session has this process ID and start")
		                           : unlisted(order, process);
	if (order.backend_start && sighting.session.id.backend_start != *order.backend_start)
		return gone(order, "the process ID belongs to another session now");
	if (!is_client_backend(sighting))
		ereport(NOTICE,
		        (errmsg("process %d is no client session but: %s", *order.pid, kind_of(sighting))));
	return target_of(order, sighting, query);
}

/* Does an order still find what it is about?  The sighting is a fresh one. */
bool
still_matches(const Order &order, const Target &target, const Sighting &fresh, const char *query)
{
	/* A client's statement is what is canceled; whatever a worker does has no name. */
	if (order.action == Action::Cancel && is_client_backend(fresh) &&
	    !(is_running(fresh.session) && statement_stamp(fresh.session) == target.statement))
		return false;
	return order.pid || matches(order.filter, fresh, query, graph_for(order.filter),
	                            GetCurrentTimestamp()) == Match::Yes;
}

bool
by_age(const Target &a, const Target &b)
{
	const SessionId &x = a.sighting.session.id;
	const SessionId &y = b.sighting.session.id;

	return x.backend_start != y.backend_start ? x.backend_start < y.backend_start : x.pid < y.pid;
}

} // namespace

Targets
select_targets(const Order &order)
{
	Targets targets{};

	if (order.pid)
	{
		add(targets, select_process(order));
		return targets;
	}
	report(add_matching(order, targets, [](const Sighting &) { return true; }));
	std::ranges::sort(targets.all(), by_age);
	return targets;
}

bool
add_late_targets(const Order &order, Timestamp started, Targets &targets)
{
	std::size_t before = targets.count;

	if (order.pid || order.action != Action::Terminate || !is_about_identity(order.filter))
		return false;
	(void)add_matching(order, targets,
	                   [&](const Sighting &sighting)
	                   {
		                   SessionId id = sighting.session.id;

		                   return id.backend_start <= started && !has(targets, id);
	                   });
	return targets.count > before;
}

std::optional<Outcome>
look_again(const Order &order, Target &target)
{
	char *query;
	Sighting fresh;

	if (!target.is_known)
		return has_left(target.sighting) ? std::optional(Outcome::Gone) : std::nullopt;

	query = query_buffer();
	Sight sight = look_at_session(target.sighting.slot, target.sighting.session.id, fresh, query);
	bool matches = sight == Sight::Seen && still_matches(order, target, fresh, query);
	pfree(query);
	if (sight == Sight::Gone)
		return Outcome::Gone;
	if (sight == Sight::Unreadable)
	{
		target.note = "its status could not be read";
		return Outcome::Spared;
	}
	if (!matches)
	{
		target.note = is_running(fresh.session) || order.action != Action::Cancel
		                  ? "it has moved on"
		                  : "no statement is running";
		return Outcome::Raced;
	}
	if (fresh.session.wait == Wait::SyncRep && !order.pid && !order.include_sync_rep)
	{
		target.note = "waits for a synchronous standby";
		return Outcome::Spared;
	}
	return std::nullopt;
}

bool
still_runs(const Target &target)
{
	Sighting fresh;
	Sight sight = look_at_session(target.sighting.slot, target.sighting.session.id, fresh);

	if (sight == Sight::Unreadable)
		return true;
	return sight == Sight::Seen && is_running(fresh.session) &&
	       statement_stamp(fresh.session) == target.statement;
}

} // namespace session_guard
