/*
 * Whether a target may be signaled (see check_target.h).
 */
#include "functions/check_target.h"

#include "pg/compat.h"
#include "pg/privileges.h"

namespace session_guard
{

namespace
{

/* The server's function that the request needs and the caller may not call, if there is one. */
const char *
forbidden_function(const Request &request)
{
	bool cancels = request.action == Action::Cancel;
	bool terminates = request.action == Action::Terminate || request.grace;

	if (cancels && !may_execute(F_PG_CANCEL_BACKEND, GetUserId()))
		return "pg_cancel_backend";
	if (terminates && !may_execute(F_PG_TERMINATE_BACKEND, GetUserId()))
		return "pg_terminate_backend";
	return nullptr;
}

/* Is the session still what the request is about?  The snapshot is a fresh one. */
bool
still_matches(const Request &request, FilterMatcher &matcher, const Target &target,
              const BackendSnapshot &fresh)
{
	/* What is canceled is a client's statement; what a worker does has no stamp. */
	if (request.action == Action::Cancel && is_client_backend(fresh) &&
	    !(is_running(fresh.session) && statement_stamp(fresh.session) == target.statement))
		return false;
	/* It blocks others by the locks of this transaction, but for advisory ones. */
	if (request.filter.blocking_for && !request.filter.counts_advisory &&
	    fresh.session.transaction != target.snapshot.session.transaction)
		return false;
	return request.pid || matcher.compare_again(fresh) == FilterMatch::Yes;
}

/* Does a request spare what the limit of its condition spares? */
bool
spares_by_condition(const Request &request)
{
	return request.condition && !request.include_spared;
}

/* Why a target that was read afresh is not to be signaled; none if it is. */
struct Obstacle
{
	Outcome outcome;
	const char *note;
};

std::optional<Obstacle>
obstacle_of(const Request &request, FilterMatcher &matcher, const Target &target)
{
	BackendSnapshot fresh;

	if (!target.is_known)
		return has_left(target.snapshot.backend)
		           ? std::optional(Obstacle{.outcome = Outcome::Gone, .note = nullptr})
		           : std::nullopt;
	if (spares_by_condition(request))
		matcher.sparing().refresh();

	auto [id, slot, process] = target.snapshot.backend;
	if (read_session(slot, id, fresh, Patience::Unlimited, matcher.query()) == ReadResult::Gone)
		return Obstacle{.outcome = Outcome::Gone, .note = nullptr};
	if (!still_matches(request, matcher, target, fresh))
		return Obstacle{.outcome = Outcome::Raced,
		                .note = request.action == Action::Cancel && !is_running(fresh.session)
		                            ? "no statement is running"
		                            : "it has moved on"};
	/* Who is asked to end will be asked by itself when the wait is over. */
	if (fresh.session.wait == Wait::SyncRep && !request.pid && !request.include_sync_rep &&
	    !target.is_asked)
		return Obstacle{.outcome = Outcome::Spared, .note = "waits for a synchronous standby"};
	if (!spares_by_condition(request))
		return std::nullopt;
	const char *why =
	    matcher.sparing().why_spared(*request.condition, request.filter.longer_than, fresh);
	return why != nullptr ? std::optional(Obstacle{.outcome = Outcome::Spared, .note = why})
	                      : std::nullopt;
}

} // namespace

const char *
denial_of(const Request &request, const PGPROC &process)
{
	if (const char *function = forbidden_function(request))
		return psprintf("permission denied for function %s", function);
	return denial_of(process);
}

void
precheck(const Request &request, FilterMatcher &matcher, Target &target)
{
	const BackendRef &backend = target.snapshot.backend;
	const char *denial = has_left(backend) ? nullptr : denial_of(request, *backend.process);

	if (denial != nullptr)
		target.settle(Outcome::Denied, denial);
	else
		recheck(request, matcher, target);
	if (!target.outcome && request.dry_run)
		target.settle(Outcome::DryRun);
}

void
recheck(const Request &request, FilterMatcher &matcher, Target &target)
{
	if (std::optional<Obstacle> obstacle = obstacle_of(request, matcher, target))
		target.settle(obstacle->outcome, obstacle->note);
}

} // namespace session_guard
