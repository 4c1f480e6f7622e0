/*
 * How an order is carried out (see orders.h).
 */
#include "server/orders.h"

#include "server/attempt.h"
#include "server/clock.h"
#include "server/holders.h"
#include "server/rights.h"
#include "server/signals.h"
#include "server/targets.h"

#include "core/reason.h"

#include <algorithm>
#include <array>

namespace session_guard
{

namespace
{

/* Pauses between two looks at what was signalled. */
constexpr Duration shortest_pause = 1 * millisecond;
constexpr Duration longest_pause = 50 * millisecond;

const char *
name_or_mark(const char *name)
{
	return name != nullptr ? name : "?";
}

/* Write who ends whom, by which function and why. */
void
announce(const Order &order, const Target &target)
{
	std::array<char, 1024> buffer;
	Text session(buffer);
	const Sighting &sighting = target.sighting;

	if (target.is_known)
		append_session(session, sighting, name_or_mark(GetUserNameFromId(sighting.role, true)),
		               name_or_mark(get_database_name(sighting.database)));
	else
		session.append(sighting.session.id.pid);
	ereport(LOG_SERVER_ONLY,
	        (errmsg_internal("%s %s: ordered by role \"%s\" with %s()%s%s",
	                         announcement_of(target.action).data(), session.c_str(),
	                         GetUserNameFromId(GetUserId(), false), order.verb,
	                         order.reason != nullptr ? ": " : "",
	                         order.reason != nullptr ? order.reason : ""),
	         errhidecontext(true)));
}

void
settle(Target &target, Outcome outcome, const char *note)
{
	target.outcome = outcome;
	if (note != nullptr)
		target.note = note;
}

/* The function that the caller may not call, if he may not. */
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

/* Settle what is clear without a signal: who is denied or spared, and a dry run. */
void
judge(const Order &order, Target &target)
{
	Oid role = target.sighting.role;

	if (const char *function = forbidden_function(order))
		return settle(target, Outcome::Denied,
		              psprintf("permission denied for function %s", function));
	/* Of processes that are no sessions the server's function judges itself. */
	if (target.is_known && is_client_backend(target.sighting) && !may_signal(role))
		return settle(target, Outcome::Denied,
		              superuser_arg(role) ? "only superusers may signal a superuser's session"
		                                  : "needs the privileges of its role or of "
		                                    "pg_signal_backend");
	if (std::optional<Outcome> outcome = look_again(order, target))
		return settle(target, *outcome, nullptr);
	if (order.dry_run)
		settle(target, Outcome::DryRun, nullptr);
}

/* How long to wait for the effect of an action. */
Duration
time_for(const Order &order, Action action)
{
	return action == Action::Cancel ? order.grace.value_or(order.timeout) : order.timeout;
}

/* Announce, look once more, and signal. */
void
send(const Order &order, Target &target)
{
	int pid = target.sighting.session.id.pid;
	bool found = false;

	announce(order, target);
	if (std::optional<Outcome> outcome = look_again(order, target))
	{
		ereport(LOG_SERVER_ONLY,
		        (errmsg("left session %d alone, it has moved on", pid), errhidecontext(true)));
		return settle(target, *outcome, nullptr);
	}
	if (!attempt([&] { found = signal_by_server(pid, target.action); },
	             ERRCODE_INSUFFICIENT_PRIVILEGE))
		return settle(target, Outcome::Denied, "the server does not permit it");
	if (!found)
		return settle(target, Outcome::Gone, nullptr);
	target.is_signaled = true;
	/* What a process that is no session does with a cancel cannot be told. */
	bool can_confirm = target.action == Action::Terminate ||
	                   (target.is_known && is_client_backend(target.sighting));
	if (time_for(order, target.action) == 0 || !can_confirm || is_self(target))
		settle(target, Outcome::Signaled, nullptr);
}

/* Settle a target whose signal has had its effect. */
void
confirm(Target &target)
{
	if (target.action == Action::Terminate && has_left(target.sighting))
		settle(target, Outcome::Terminated, nullptr);
	else if (target.action == Action::Cancel && !still_runs(target))
		settle(target, Outcome::Canceled, nullptr);
}

bool
is_awaited(const Target &target)
{
	return target.is_signaled && !target.outcome.has_value();
}

void
pause(Duration duration)
{
	long milliseconds = std::max<long>(1, static_cast<long>(duration / millisecond));

	(void)WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, milliseconds,
	                own_wait_event("PgSessionGuardConfirm"));
	ResetLatch(MyLatch);
	CHECK_FOR_INTERRUPTS();
}

/* Wait until all that was signalled has had its effect, or until a moment of the monotonic clock.
 */
void
await(const Targets &targets, Timestamp end)
{
	for (Duration next = shortest_pause;; next = std::min(2 * next, longest_pause))
	{
		bool all_settled = true;

		for (Target &target : targets.all())
		{
			if (is_awaited(target))
				confirm(target);
			all_settled = all_settled && !is_awaited(target);
		}
		Timestamp now = monotonic_now();
		if (all_settled || now >= end)
			return;
		pause(std::min(next, end - now));
	}
}

/* What a process that does not go away waits for. */
const char *
wait_of(const Target &target)
{
	uint32 info = target.sighting.process->wait_event_info;
	const char *type = pgstat_get_wait_event_type(info);

	return type == nullptr ? "it waits for nothing"
	                       : psprintf("it waits for %s: %s", type, pgstat_get_wait_event(info));
}

/* Say of those whom the time was not enough for that they are still there. */
void
give_up(const Order &order, const Targets &targets)
{
	std::array<char, 64> buffer;
	Text waited(buffer);

	waited.append_duration(order.timeout);
	for (Target &target : targets.all())
	{
		if (!is_awaited(target))
			continue;
		settle(target, Outcome::Survived,
		       psprintf("still there after %s; %s", waited.c_str(), wait_of(target)));
		ereport(LOG_SERVER_ONLY,
		        (errmsg_internal("session %d is still there %s after it was signaled; %s",
		                         target.sighting.session.id.pid, waited.c_str(), target.note),
		         errhidecontext(true)));
	}
}

/*
 * Terminate whose statement has outlived the grace after its cancel.
 *
 * The order stays one about a statement, so each further look asks for the very
 * same one.  Whoever is raced or gone now has done what the cancel asked for.
 */
void
escalate(const Order &order, const Targets &targets)
{
	await(targets, later(monotonic_now(), *order.grace));
	for (Target &target : targets.all())
	{
		if (!is_awaited(target))
			continue;
		target.action = Action::Terminate;
		send(order, target);
		if (target.outcome == Outcome::Raced || target.outcome == Outcome::Gone)
		{
			target.action = Action::Cancel;
			target.outcome = Outcome::Canceled;
			target.note = nullptr;
		}
	}
}

/* Add to an error how far the order had got. */
void
report_progress(void *arg)
{
	auto targets = static_cast<const Targets *>(arg);
	auto signaled = std::ranges::count_if(targets->all(),
	                                      [](const Target &target) { return target.is_signaled; });
	auto settled =
	    std::ranges::count_if(targets->all(), [](const Target &target)
	                          { return target.is_signaled && target.outcome.has_value(); });

	errcontext("%d of %d sessions signaled, %d of them confirmed", static_cast<int>(signaled),
	           static_cast<int>(targets->count), static_cast<int>(settled));
}

/* Judge and signal whoever has not been yet, but for the caller's own session. */
void
signal_all(const Order &order, const Targets &targets)
{
	for (Target &target : targets.all())
	{
		CHECK_FOR_INTERRUPTS();
		if (target.outcome || target.is_signaled)
			continue;
		judge(order, target);
		if (!target.outcome && !(is_self(target) && !order.pid))
			send(order, target);
	}
}

/* The caller's own session is the last: the signal ends the order. */
void
signal_self(const Order &order, const Targets &targets)
{
	for (Target &target : targets.all())
		if (!target.outcome && is_self(target))
			send(order, target);
}

void
carry_out_steps(const Order &order, Targets &targets)
{
	Timestamp started = GetCurrentTimestamp();
	std::optional<Timestamp> end;

	targets = select_targets(order);
	do
	{
		signal_all(order, targets);
		if (order.grace)
			escalate(order, targets);
		end = end.value_or(later(monotonic_now(), order.timeout));
		await(targets, *end);
	} while (add_late_targets(order, started, targets));
	give_up(order, targets);
	if (order.empties_database && !order.dry_run)
		warn_of_holders(*order.filter.database, targets);
	signal_self(order, targets);
}

} // namespace

bool
is_self(const Target &target)
{
	return target.sighting.session.id.pid == MyProcPid;
}

Targets
carry_out(const Order &order)
{
	Targets targets{};
	ErrorContextCallback context{
	    .previous = error_context_stack, .callback = report_progress, .arg = &targets};

	check_status_array();
	if (!order.pid)
		check_patterns(order.filter);
	error_context_stack = &context;
	carry_out_steps(order, targets);
	error_context_stack = context.previous;
	return targets;
}

} // namespace session_guard
