/*
 * Which processes a request is about (see select_targets.h).
 */
#include "functions/select_targets.h"

#include "pg/compat.h"
#include "pg/privileges.h"

#include "status/sql_values.h"

#include "functions/check_target.h"
#include "functions/process_notices.h"
#include "functions/waits.h"

#include <algorithm>

namespace session_guard
{

namespace
{

/* Does the filter ask only for what never changes in a session's life? */
bool
is_about_identity(const Filter &filter)
{
	return filter.application_names.empty() && filter.except_application_names.empty() &&
	       !filter.query && !filter.states && !filter.running && !filter.blocking_for &&
	       filter.longer_than == 0;
}

Target
target_of(const Request &request, const BackendSnapshot &snapshot, const char *query)
{
	return {
	    .is_known = true,
	    .snapshot = snapshot,
	    .query = sql_query(query),
	    .statement = statement_stamp(snapshot.session),
	    .action = request.action,
	    .is_asked = false,
	    .is_announced = false,
	    .is_signaled = false,
	    .signaled_at = 0,
	    .awaited_until = 0,
	    .event = 0,
	    .outcome = std::nullopt,
	    .note = nullptr,
	};
}

bool
has(const Targets &targets, SessionId id)
{
	return std::ranges::any_of(targets.all(), [&](const Target &target)
	                           { return target.snapshot.backend.id == id; });
}

bool
is_candidate(const Request &request, const BackendSnapshot &snapshot)
{
	return is_client_backend(snapshot) && snapshot.session.state != State::Starting &&
	       !(request.except_self && snapshot.backend.id.pid == MyProcPid);
}

/*
 * Add every session that passes the filter and a further condition; returns how
 * many could not be judged, because the caller may not see what they do.
 */
template <typename Condition>
int
add_matching(const Request &request, FilterMatcher &matcher, Targets &targets, Condition condition)
{
	int hidden = 0;

	for (int slot = 0; slot < slot_count(); slot++)
	{
		BackendSnapshot snapshot;
		ReadResult result =
		    read_backend_in_slot(slot, snapshot, Patience::Unlimited, matcher.query());

		CHECK_FOR_INTERRUPTS();
		if (result != ReadResult::Read || !is_candidate(request, snapshot) || !condition(snapshot))
			continue;

		FilterMatch match = matcher.compare(snapshot);
		if (match == FilterMatch::Yes)
			targets.add(target_of(request, snapshot, matcher.query()));
		else if (match == FilterMatch::Hidden)
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

/* A target of which only the pid is known. */
Target
unknown(const Request &request, const PGPROC *process)
{
	Target target{};

	target.snapshot.backend.id.pid = *request.pid;
	target.snapshot.backend.slot = -1;
	target.snapshot.backend.process = process;
	target.action = request.action;
	return target;
}

Target
gone(const Request &request, const char *note)
{
	Target target = unknown(request, nullptr);

	target.outcome = Outcome::Gone;
	target.note = note;
	return target;
}

/*
 * A process that the caller may not signal, as pg_stat_activity shows it.
 * Anything more, even whether the request would be about it, is not to be told.
 */
Target
denied(const Request &request, FilterMatcher &matcher, const PGPROC *process, int slot,
       const char *denial)
{
	Target target = unknown(request, process);
	BackendSnapshot snapshot;

	if (slot >= 0 &&
	    read_backend_in_slot(slot, snapshot, Patience::Unlimited, matcher.query()) ==
	        ReadResult::Read &&
	    snapshot.backend.id.pid == *request.pid)
		target = target_of(request, snapshot, matcher.query());
	target.outcome = Outcome::Denied;
	target.note = denial;
	return target;
}

/* A process that has not got a status entry yet: it still starts, or authenticates its client. */
Target
unlisted(const Request &request, const PGPROC *process)
{
	notice_starting(*request.pid);
	return unknown(request, process);
}

/* The target of a request about one pid. */
Target
select_process(const Request &request, FilterMatcher &matcher)
{
	BackendSnapshot snapshot;
	const PGPROC *process = BackendPidGetProc(*request.pid);
	int slot = slot_of(*request.pid);

	if (process == nullptr)
		return gone(request, "no session has this process ID");
	if (const char *denial = denial_of(request, *process))
		return denied(request, matcher, process, slot, denial);
	if (slot < 0)
		return request.backend_start ? gone(request, "no session has this process ID and start")
		                             : unlisted(request, process);
	ReadResult result = read_backend_in_slot(slot, snapshot, Patience::Unlimited, matcher.query());
	if (result == ReadResult::Gone || snapshot.backend.id.pid != *request.pid)
		return gone(request, "it has just ended");
	if (request.backend_start && snapshot.backend.id.backend_start != *request.backend_start)
		return gone(request, "the process ID belongs to another session now");
	/* The caller may signal it. */
	notice_kind(snapshot);
	return target_of(request, snapshot, matcher.query());
}

bool
by_age(const Target &a, const Target &b)
{
	const SessionId &x = a.snapshot.backend.id;
	const SessionId &y = b.snapshot.backend.id;

	return x.backend_start != y.backend_start ? x.backend_start < y.backend_start : x.pid < y.pid;
}

} // namespace

Targets
select_targets(const Request &request, FilterMatcher &matcher)
{
	Targets targets{};

	if (request.pid)
	{
		targets.add(select_process(request, matcher));
		return targets;
	}
	report_hidden(
	    add_matching(request, matcher, targets, [](const BackendSnapshot &) { return true; }));
	if (request.filter.blocking_for && targets.count() == 0)
		notice_waits(request.filter);
	sort_by_age(targets);
	return targets;
}

void
add_new_targets(const Request &request, FilterMatcher &matcher, std::span<const BackendRef> let_in,
                Targets &targets)
{
	auto is_let_in = [&](const BackendSnapshot &snapshot)
	{
		return snapshot.session.state != State::Unknown ||
		       std::ranges::any_of(let_in, [&](const BackendRef &one)
		                           { return one.id == snapshot.backend.id; });
	};

	(void)add_matching(request, matcher, targets,
	                   [&](const BackendSnapshot &snapshot)
	                   { return is_let_in(snapshot) && !has(targets, snapshot.backend.id); });
}

void
sort_by_age(Targets &targets)
{
	std::ranges::sort(targets.all(), by_age);
}

bool
awaits_connecting(const Request &request)
{
	return !request.pid && !request.dry_run && request.action == Action::Terminate &&
	       !request.filter.databases.empty() && is_about_identity(request.filter);
}

bool
add_late_targets(const Request &request, FilterMatcher &matcher, Timestamp started,
                 Targets &targets)
{
	std::size_t before = targets.count();

	if (request.pid || request.action != Action::Terminate || !is_about_identity(request.filter))
		return false;
	(void)add_matching(request, matcher, targets,
	                   [&](const BackendSnapshot &snapshot)
	                   {
		                   SessionId id = snapshot.backend.id;

		                   return id.backend_start <= started && !has(targets, id);
	                   });
	return targets.count() > before;
}

} // namespace session_guard
