/*
 * How a request is carried out (see request.h).
 */
#include "functions/request.h"

#include "core/messages.h"

#include "pg/cleanup.h"
#include "pg/subtransaction.h"

#include "shmem/shared_memory.h"

#include "action/signals.h"

#include "functions/confirm.h"
#include "functions/database_users.h"
#include "functions/history_room.h"
#include "functions/request_messages.h"
#include "functions/targets.h"

#include <algorithm>
#include <utility>

namespace session_guard
{

namespace
{

/* Settle what is clear without a signal: who is denied or spared, and a dry run. */
void
precheck(const Request &request, FilterMatcher &matcher, Target &target)
{
	const char *denial = has_left(target.snapshot.backend)
	                         ? nullptr
	                         : denial_of(request, *target.snapshot.backend.process);

	if (denial != nullptr)
		settle(target, Outcome::Denied, denial);
	else
		recheck(request, matcher, target);
	if (!target.outcome && request.dry_run)
		settle(target, Outcome::DryRun, nullptr);
}

/* Is it signaled by a cancel that a terminate may follow? */
bool
has_grace(const Request &request, const Target &target)
{
	return request.grace && target.action == Action::Cancel;
}

/* Until when the effect of a signal that was sent is waited for. */
Instant
deadline_of(const Request &request, const Target &target)
{
	return has_grace(request, target) ? later(target.signaled_at, *request.grace)
	                                  : request.deadline;
}

/*
 * Is there an effect to wait for?  What a process that is no session does with
 * a cancel cannot be told, and the caller will not see the end of his own.
 */
bool
can_be_awaited(const Request &request, const Target &target)
{
	bool is_session = target.is_known && is_client_backend(target.snapshot);

	return (has_grace(request, target) || request.deadline > monotonic_now()) && !is_self(target) &&
	       (is_session || target.action != Action::Cancel);
}

void
count_request()
{
	if (shared() != nullptr)
		count(shared()->counters.ordered);
}

/* Note that a target was left alone after it had been announced; its outcome says why. */
void
leave_alone(const Request &request, const FilterMatcher &matcher, Target &target)
{
	const char *why = target.note != nullptr ? target.note : "it has ended";

	if (std::exchange(target.is_announced, false))
		report_left_alone(target.snapshot.backend.id.pid, why);
	(void)record_event(event_of(request, matcher, target));
}

/* Write who is signaled, unless that was done again and again and has been said. */
void
announce_unless_repeated(const Request &request, const FilterMatcher &matcher, Target &target)
{
	std::uint32_t times_before = times_recorded(event_of(request, matcher, target));

	if (is_to_be_told(times_before))
		announce(request, target, times_before);
}

/* Announce, look once more, and signal. */
void
send(const Request &request, FilterMatcher &matcher, Target &target)
{
	announce_unless_repeated(request, matcher, target);
	if (recheck(request, matcher, target))
		return leave_alone(request, matcher, target);

	Event event = event_of(request, matcher, target);
	ClientMessage reason = client_message_for(request, target);
	auto signal = [&]
	{
		publish_message(target.snapshot.backend.slot, reason);
		event.at = GetCurrentTimestamp();
		event.signaled_at = target.signaled_at = monotonic_now();
		event.waiter = {.process = MyProc,
		                .pid = MyProcPid,
		                .transaction = local_transaction(MyProc),
		                .until = deadline_of(request, target)};
		target.is_signaled = signal_by_server(target.snapshot.backend.id.pid, target.action);
		if (!target.is_signaled)
			return withdraw_message();
		target.is_announced = false;
		keep_message();
		target.event = record_event(event);
		count_request();
	};
	if (!run_in_subtransaction(signal, ERRCODE_INSUFFICIENT_PRIVILEGE))
	{
		settle(target, Outcome::Denied, "the server does not permit it");
		return leave_alone(request, matcher, target);
	}
	if (!target.is_signaled)
	{
		settle(target, Outcome::Gone, nullptr);
		leave_alone(request, matcher, target);
	}
	else if (!can_be_awaited(request, target))
		settle(target, Outcome::Signaled, nullptr);
}

/*
 * Terminate whose statement has outlived the grace after its cancel.
 *
 * The request stays one about a statement, so each further look asks for the very
 * same one.  Whoever is raced or gone now has done what the cancel asked for.
 */
void
escalate(const Request &request, FilterMatcher &matcher, const Targets &targets)
{
	Instant end_of_grace = beginning;

	for (const Target &target : targets.all())
		if (is_awaited(target))
			end_of_grace = std::max(end_of_grace, deadline_of(request, target));
	wait_while([&] { return confirm_all(targets); }, end_of_grace);
	for (Target &target : targets.all())
	{
		if (!is_awaited(target))
			continue;

		/* It is still to be confirmed as a cancel meanwhile, and may come to its end. */
		(void)await_history_room(request.deadline, [&] { (void)confirm_all(targets); });
		if (!is_awaited(target))
			continue;

		std::uint64_t cancel = target.event;
		target.action = Action::Terminate;
		send(request, matcher, target);
		if (target.outcome == Outcome::Raced || target.outcome == Outcome::Gone)
		{
			target.action = Action::Cancel;
			settle(target, Outcome::Canceled, nullptr);
			(void)settle_event(cancel, Outcome::Canceled, nullptr);
		}
		else if (target.event != cancel)
			(void)settle_event(cancel, Outcome::Survived, "its session was terminated");
	}
}

/* Judge and signal whoever has not been yet, but for the caller's own session. */
void
signal_all(const Request &request, FilterMatcher &matcher, const Targets &targets)
{
	for (Target &target : targets.all())
	{
		CHECK_FOR_INTERRUPTS();
		if (target.outcome || target.is_signaled)
			continue;
		precheck(request, matcher, target);
		if (target.outcome || (!request.pid && is_self(target)))
			continue;
		/* Only whoever will be signaled is waited for; the wait may have changed that. */
		if (await_history_room(request.deadline, [&] { (void)confirm_all(targets); }))
			precheck(request, matcher, target);
		if (!target.outcome)
			send(request, matcher, target);
	}
}

/* The caller's own session is the last: the signal ends the request. */
void
signal_self(const Request &request, FilterMatcher &matcher, const Targets &targets)
{
	for (Target &target : targets.all())
		if (!target.outcome && is_self(target))
			send(request, matcher, target);
}

/* Add to an error how far the request had got. */
void
report_progress(void *arg)
{
	auto targets = static_cast<const Targets *>(arg);
	auto is_confirmed = [](const Target &target)
	{ return target.outcome == Outcome::Terminated || target.outcome == Outcome::Canceled; };
	auto signaled = std::ranges::count_if(targets->all(), &Target::is_signaled);
	auto confirmed = std::ranges::count_if(targets->all(), is_confirmed);

	errcontext("%d of %d sessions signaled, %d of them confirmed", static_cast<int>(signaled),
	           static_cast<int>(targets->count()), static_cast<int>(confirmed));
}

/*
 * Wait until every signal has had its effect, or until those who were about to
 * connect can be evaluation at: they are to have their signal while there is time.
 */
void
await(const Request &request, const Connecting &connecting, const Targets &targets)
{
	bool awaits_newcomers = is_connecting(request, connecting);
	auto goes_on = [&]
	{
		bool awaits_targets = confirm_all(targets);

		return awaits_newcomers ? is_connecting(request, connecting) : awaits_targets;
	};

	wait_while(goes_on, request.deadline);
}

/* Signal and await, until nobody is left who had begun to connect before the request came. */
void
end_all(const Request &request, FilterMatcher &matcher, Timestamp started,
        const Connecting &connecting, Targets &targets)
{
	ErrorContextCallback context{
	    .previous = error_context_stack, .callback = report_progress, .arg = &targets};

	error_context_stack = &context;
	do
	{
		signal_all(request, matcher, targets);
		if (request.grace)
			escalate(request, matcher, targets);
		await(request, connecting, targets);
	} while (
	    add_late_targets(request, matcher, started, targets) ||
	    (std::ranges::any_of(targets.all(), is_awaited) && monotonic_now() < request.deadline));
	give_up(request, targets);
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

bool
is_self(const Target &target)
{
	return target.snapshot.backend.id.pid == MyProcPid;
}

Targets
execute(const Request &asked)
{
	Timestamp started = GetCurrentTimestamp();
	Request request = asked;

	check_status_array();
	check_patterns(request.filter);
	FilterMatcher matcher(request.filter);
	Targets targets = select_targets(request, matcher);
	Connecting connecting = find_connecting(request);
	begin(request);
	auto end_them = [&]
	{
		end_all(request, matcher, started, connecting, targets);
		if (request.empties_databases && !request.dry_run)
			for (Oid database : request.filter.databases)
				warn_of_database_users(database, targets, connecting);
		signal_self(request, matcher, targets);
	};
	with_cleanup(end_them, leave_announced_alone, &targets);
	return targets;
}

} // namespace session_guard
