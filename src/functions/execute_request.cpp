/*
 * How a request is carried out (see execute_request.h).
 */
#include "functions/execute_request.h"

#include "pg/cleanup.h"
#include "pg/monotonic_clock.h"

#include "action/confirmation.h"
#include "action/signals.h"

#include "functions/await_targets.h"
#include "functions/check_target.h"
#include "functions/connecting.h"
#include "functions/database_users.h"
#include "functions/request_messages.h"
#include "functions/select_targets.h"
#include "functions/signal_target.h"
#include "functions/waiting.h"

#include <algorithm>

namespace session_guard
{

namespace
{

/*
 * Terminate a session whose statement has outlived the grace after its cancel.
 *
 * The request stays one about a statement, so each further check asks for the very
 * same one.  What is raced or gone now has done what the cancel asked for.
 */
void
escalate_target(const Request &request, FilterMatcher &matcher, Target &target)
{
	std::uint64_t cancel = target.event;

	target.action = Action::Terminate;
	signal_target(request, matcher, target);
	if (target.outcome == Outcome::Raced || target.outcome == Outcome::Gone)
	{
		target.action = Action::Cancel;
		target.settle(Outcome::Canceled);
		(void)settle_event(cancel, Outcome::Canceled, nullptr);
	}
	else if (target.event != cancel)
		conclude_cancel_before_terminate(cancel);
}

/* Wait for the grace to be over, and terminate what has outlived it. */
void
escalate(const Request &request, FilterMatcher &matcher, const Targets &targets)
{
	Instant end_of_grace = beginning;
	auto confirm = [&] { return confirm_all(targets); };

	for (const Target &target : targets.all())
		if (target.is_awaited())
			end_of_grace = std::max(end_of_grace, target.awaited_until);
	wait_while(confirm, end_of_grace);
	for (Target &target : targets.all())
	{
		/* It is still to be confirmed as a cancel meanwhile, and may come to its end. */
		if (target.is_awaited())
			(void)await_history_room(request.deadline, confirm);
		if (target.is_awaited())
			escalate_target(request, matcher, target);
	}
}

/* The caller's own session is the last: the signal ends the request. */
void
signal_self(const Request &request, FilterMatcher &matcher, const Targets &targets)
{
	for (Target &target : targets.all())
		if (!target.outcome && target.is_self())
			signal_target(request, matcher, target);
}

/*
 * Wait until every signal has had its effect, or until sessions that were about to
 * connect can be read: they are to have their signal while there is time.
 */
void
await(Instant deadline, const Connecting &connecting, const Targets &targets)
{
	bool awaits_newcomers = is_connecting(connecting);
	auto goes_on = [&]
	{
		bool awaits_targets = confirm_all(targets);

		return awaits_newcomers ? is_connecting(connecting) : awaits_targets;
	};

	wait_while(goes_on, deadline);
}

/* Signal and await, until nothing is left that had begun to connect before the request came. */
void
end_all(const Request &request, FilterMatcher &matcher, Timestamp started,
        const Connecting &connecting, Targets &targets)
{
	ErrorContextCallback context{
	    .previous = error_context_stack, .callback = tell_progress, .arg = &targets};

	error_context_stack = &context;
	do
	{
		signal_targets(request, matcher, targets, request.deadline);
		if (request.grace)
			escalate(request, matcher, targets);
		await(request.deadline, connecting, targets);
	} while (add_late_targets(request, matcher, started, targets) ||
	         (std::ranges::any_of(targets.all(), &Target::is_awaited) &&
	          monotonic_now() < request.deadline));
	give_up_all(request.timeout, targets);
	error_context_stack = context.previous;
}

/* Give a line in the log its end if the request was broken off before the signal. */
void
leave_announced_alone(const void *arg)
{
	auto targets = static_cast<const Targets *>(arg);

	for (const Target &target : targets->all())
		if (target.is_announced)
			report_left_alone(target.snapshot.backend.id.pid, "the call was interrupted");
}

/* Note by when a request has to be done, and how it is called. */
void
begin(Request &request)
{
	request.origin = origin_of(request);
	request.deadline = later(later(monotonic_now(), request.grace.value_or(0)), request.timeout);
}

} // namespace

Targets
execute(const Request &asked)
{
	Timestamp started = GetCurrentTimestamp();
	Request request = asked;

	check_status_array();
	FilterMatcher matcher(request.filter);
	Targets targets = select_targets(request, matcher);
	Connecting connecting =
	    awaits_connecting(request) ? find_connecting(request.filter.databases) : Connecting{};
	begin(request);
	auto end_them = [&]
	{
		end_all(request, matcher, started, connecting, targets);
		if (request.empties_databases && !request.dry_run)
			for (Oid database : request.filter.databases)
				(void)warn_of_database_users(database, targets, connecting, false);
		signal_self(request, matcher, targets);
	};
	with_cleanup(end_them, leave_announced_alone, &targets);
	return targets;
}

} // namespace session_guard
