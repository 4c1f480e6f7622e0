/*
 * Whom an order is about (see targets.h).
 */
#include "server/targets.h"

#include "functions/waits.h"

#include "server/rights.h"
#include "server/show.h"

#include <algorithm>

namespace session_guard
{

namespace
{

/* The server's function that the order needs and the caller may not call, if there is one. */
const char *
forbidden_function(const Order &order)
{
	bool cancels = order.action == Action::Cancel;
	bool terminates = order.action == Action::Terminate || order.grace;

	if (cancels && !may_execute(F_PG_CANCEL_BACKEND, GetUserId()))
		return "pg_cancel_backend";
	if (terminates && !may_execute(F_PG_TERMINATE_BACKEND, GetUserId()))
		return "pg_terminate_backend";
	return nullptr;
}

/* Does the filter ask only for what never changes in a session's life? */
bool
is_about_identity(const Filter &filter)
{
	return filter.application_names.empty() && filter.except_application_names.empty() &&
	       !filter.query && !filter.states && !filter.running && !filter.blocking_for &&
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
	    .is_announced = false,
	    .is_signaled = false,
	    .signaled_at = 0,
	    .event = 0,
	    .outcome = std::nullopt,
	    .note = nullptr,
	};
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

/*
 * Add every session that passes the filter and a further condition; returns how
 * many could not be judged, because the caller may not see what they do.
 */
template <typename Condition>
int
add_matching(const Order &order, Lookout &lookout, Targets &targets, Condition condition)
{
	int hidden = 0;

	for (int slot = 0; slot < slot_count(); slot++)
	{
		Sighting sighting;
		Sight sight = look_at_slot(slot, sighting, Patience::Unlimited, lookout.query());

		CHECK_FOR_INTERRUPTS();
		if (sight != Sight::Seen || !is_candidate(order, sighting) || !condition(sighting))
			continue;

		Match match = lookout.compare(sighting);
		if (match == Match::Yes)
			targets.add(target_of(order, sighting, lookout.query()));
		else if (match == Match::Hidden)
			hidden++;
	}
	return hidden;
}

void
report_hidden(int hidden)
{
	if (hidden > 0)
		ereport(NOTICE, (errmsg_plural("left out %d session whose activity is not shown to you",
		                               "left out %d sessions whose activity is not shown to you",
		                               static_cast<unsigned long>(hidden), hidden),
		                 errhint("It is shown to members of role \"pg_read_all_stats\".")));
}

void
notice_starting(int pid)
{
	ereport(NOTICE, (errmsg("process %d is still starting", pid)));
}

/* Tell who may signal it what kind of process it is, as far as pg_stat_activity would. */
void
notice_kind(const Sighting &sighting)
{
	if (sighting.session.state == State::Starting)
		notice_starting(sighting.session.id.pid);
	else if (is_client_backend(sighting))
		return;
	else if (may_see(sighting.role))
		ereport(NOTICE, (errmsg("process %d is no client session but: %s", sighting.session.id.pid,
		                        kind_of(sighting))));
	else
		ereport(NOTICE, (errmsg("process %d is no client session", sighting.session.id.pid)));
}

/* A target of which only the pid is known. */
Target
unknown(const Order &order, const PGPROC *process)
{
	Target target{};

	target.sighting.session.id.pid = *order.pid;
	target.sighting.slot = -1;
	target.sighting.process = process;
	target.action = order.action;
	return target;
}

Target
gone(const Order &order, const char *note)
{
	Target target = unknown(order, nullptr);

	target.outcome = Outcome::Gone;
	target.note = note;
	return target;
}

/*
 * A process that the caller may not signal, as pg_stat_activity shows it.
 * Anything more, even whether the order would be about it, is not to be told.
 */
Target
denied(const Order &order, Lookout &lookout, const PGPROC *process, int slot, const char *denial)
{
	Target target = unknown(order, process);
	Sighting sighting;

	if (slot >= 0 &&
	    look_at_slot(slot, sighting, Patience::Unlimited, lookout.query()) == Sight::Seen &&
	    sighting.session.id.pid == *order.pid)
		target = target_of(order, sighting, lookout.query());
	target.outcome = Outcome::Denied;
	target.note = denial;
	return target;
}

/* A process that has not got a status entry yet: it still starts, or authenticates its client. */
Target
unlisted(const Order &order, const PGPROC *process)
{
	notice_starting(*order.pid);
	return unknown(order, process);
}

/* The target of an order about one pid. */
Target
select_process(const Order &order, Lookout &lookout)
{
	Sighting sighting;
	const PGPROC *process = BackendPidGetProc(*order.pid);
	int slot = slot_of(*order.pid);

	if (process == nullptr)
		return gone(order, "no session has this process ID");
	if (const char *denial = denial_of(order, *process))
		return denied(order, lookout, process, slot, denial);
	if (slot < 0)
		return order.backend_start ? gone(order, "no session has this process ID and start")
		                           : unlisted(order, process);
	Sight sight = look_at_slot(slot, sighting, Patience::Unlimited, lookout.query());
	if (sight == Sight::Gone || sighting.session.id.pid != *order.pid)
		return gone(order, "it has just ended");
	if (order.backend_start && sighting.session.id.backend_start != *order.backend_start)
		return gone(order, "the process ID belongs to another session now");
	notice_kind(sighting);
	return target_of(order, sighting, lookout.query());
}

/* Does an order still find what it is about?  The sighting is a fresh one. */
bool
still_matches(const Order &order, Lookout &lookout, const Target &target, const Sighting &fresh)
{
	/* A client's statement is what is canceled; whatever a worker does has no name. */
	if (order.action == Action::Cancel && is_client_backend(fresh) &&
	    !(is_running(fresh.session) && statement_stamp(fresh.session) == target.statement))
		return false;
	/* It blocks others by the locks of this transaction, but for advisory ones. */
	if (order.filter.blocking_for && !order.filter.counts_advisory &&
	    fresh.session.transaction != target.sighting.session.transaction)
		return false;
	return order.pid || lookout.compare_again(fresh) == Match::Yes;
}

/* Does an order spare whom the limit of its condition spares? */
bool
spares_by_condition(const Order &order)
{
	return order.condition && !order.include_spared;
}

bool
by_age(const Target &a, const Target &b)
{
	const SessionId &x = a.sighting.session.id;
	const SessionId &y = b.sighting.session.id;

	return x.backend_start != y.backend_start ? x.backend_start < y.backend_start : x.pid < y.pid;
}

} // namespace

const char *
denial_of(const Order &order, const PGPROC &process)
{
	if (const char *function = forbidden_function(order))
		return psprintf("permission denied for function %s", function);
	return denial_of(process);
}

Targets
select_targets(const Order &order, Lookout &lookout)
{
	Targets targets{};

	if (order.pid)
	{
		targets.add(select_process(order, lookout));
		return targets;
	}
	report_hidden(add_matching(order, lookout, targets, [](const Sighting &) { return true; }));
	if (order.filter.blocking_for && targets.count() == 0)
		notice_waits(order.filter);
	std::ranges::sort(targets.all(), by_age);
	return targets;
}

Connecting
find_connecting(const Order &order)
{
	Connecting connecting{.pids = nullptr, .count = 0};

	if (order.filter.databases.empty() || order.pid || order.dry_run ||
	    order.action != Action::Terminate || !is_about_identity(order.filter))
		return connecting;
	connecting.pids =
	    static_cast<int *>(palloc(static_cast<std::size_t>(slot_count()) * sizeof(int)));
	for (int slot = 0; slot < slot_count(); slot++)
		for (Oid database : order.filter.databases)
			if (int pid = connecting_in_slot(slot, database))
			{
				connecting.pids[connecting.count++] = pid;
				break;
			}
	return connecting;
}

int
connecting_in(const Connecting &connecting, int slot, Oid database)
{
	std::span<const int> pids(connecting.pids, connecting.count);
	int pid = pids.empty() ? 0 : connecting_in_slot(slot, database);

	return std::ranges::find(pids, pid) != pids.end() ? pid : 0;
}

bool
is_connecting(const Order &order, const Connecting &connecting)
{
	for (int slot = 0; connecting.count > 0 && slot < slot_count(); slot++)
		for (Oid database : order.filter.databases)
			if (connecting_in(connecting, slot, database) != 0)
				return true;
	return false;
}

bool
add_late_targets(const Order &order, Lookout &lookout, Timestamp started, Targets &targets)
{
	std::size_t before = targets.count();

	if (order.pid || order.action != Action::Terminate || !is_about_identity(order.filter))
		return false;
	(void)add_matching(order, lookout, targets,
	                   [&](const Sighting &sighting)
	                   {
		                   SessionId id = sighting.session.id;

		                   return id.backend_start <= started && !has(targets, id);
	                   });
	return targets.count() > before;
}

bool
settle(Target &target, Outcome outcome, const char *note)
{
	target.outcome = outcome;
	target.note = note;
	return true;
}

bool
look_again(const Order &order, Lookout &lookout, Target &target)
{
	Sighting fresh;

	if (!target.is_known)
		return has_left(target.sighting) && settle(target, Outcome::Gone, nullptr);
	if (spares_by_condition(order))
		lookout.sparing().refresh();

	Sight sight = look_at_session(target.sighting.slot, target.sighting.session.id, fresh,
	                              Patience::Unlimited, lookout.query());
	if (sight == Sight::Gone)
		return settle(target, Outcome::Gone, nullptr);
	if (!still_matches(order, lookout, target, fresh))
		return settle(target, Outcome::Raced,
		              order.action == Action::Cancel && !is_running(fresh.session)
		                  ? "no statement is running"
		                  : "it has moved on");
	if (fresh.session.wait == Wait::SyncRep && !order.pid && !order.include_sync_rep)
		return settle(target, Outcome::Spared, "waits for a synchronous standby");
	if (!spares_by_condition(order))
		return false;
	const char *why =
	    lookout.sparing().why_spared(*order.condition, order.filter.longer_than, fresh);
	return why != nullptr && settle(target, Outcome::Spared, why);
}

bool
still_runs(const Target &target)
{
	Sighting fresh;
	/* Who waits for this asks again. */
	Sight sight =
	    look_at_session(target.sighting.slot, target.sighting.session.id, fresh, Patience::None);

	if (sight == Sight::Unreadable)
		return true;
	return sight == Sight::Seen && is_running(fresh.session) &&
	       statement_stamp(fresh.session) == target.statement;
}

} // namespace session_guard
