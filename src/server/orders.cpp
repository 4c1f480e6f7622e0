/*
 * How an order is carried out (see orders.h).
 */
#include "server/orders.h"

#include "server/attempt.h"
#include "server/confirm.h"
#include "server/holders.h"
#include "server/order_account.h"
#include "server/rights.h"
#include "server/shared.h"
#include "server/signals.h"
#include "server/targets.h"

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

/*
 * May the caller not signal it, as far as can be told beforehand?  Autovacuum
 * workers have a role of their own from 18 on, and a process without a status
 * entry is known to the server's function only.
 */
bool
is_forbidden(const Target &target)
{
	const Sighting &sighting = target.sighting;

	return target.is_known && sighting.kind != B_AUTOVAC_WORKER && !may_signal(sighting.role);
}

const char *
denial_of(Oid role)
{
	return !OidIsValid(role) || superuser_arg(role)
	           ? "only superusers may signal a superuser's session"
	           : "needs the privileges of its role or of pg_signal_backend";
}

/* Settle what is clear without a signal: who is denied or spared, and a dry run. */
void
judge(const Order &order, Lookout &lookout, Target &target)
{
	if (const char *function = forbidden_function(order))
		settle(target, Outcome::Denied, psprintf("permission denied for function %s", function));
	else if (is_forbidden(target))
		settle(target, Outcome::Denied, denial_of(target.sighting.role));
	else
		look_again(order, lookout, target);
	if (!target.outcome && order.dry_run)
		settle(target, Outcome::DryRun, nullptr);
}

/* How long the effect of a signal is waited for. */
Duration
timeout_of(const Order &order, const Target &target)
{
	return target.action == Action::Cancel ? order.grace.value_or(order.timeout) : order.timeout;
}

/*
 * Is there an effect to wait for?  What a process that is no session does with
 * a cancel cannot be told, and the caller will not see the end of his own.
 */
bool
can_be_awaited(const Order &order, const Target &target)
{
	bool is_session = target.is_known && is_client_backend(target.sighting);

	return timeout_of(order, target) > 0 && !is_self(target) &&
	       (is_session || target.action != Action::Cancel);
}

void
count_order()
{
	if (shared() != nullptr)
		count(shared()->counters.ordered);
}

/* Note that a target was left alone after it had been announced; its outcome says why. */
void
leave_alone(const Order &order, const Lookout &lookout, const Target &target)
{
	const char *why = target.note != nullptr ? target.note : "it has ended";

	report_left_alone(target.sighting.session.id.pid, why);
	(void)record_event(event_of(order, lookout, target));
}

/* Announce, look once more, and signal. */
void
send(const Order &order, Lookout &lookout, Target &target)
{
	constexpr char not_permitted[] = "the server does not permit it";

	announce(order, target);
	if (look_again(order, lookout, target))
		return leave_alone(order, lookout, target);

	Event event = event_of(order, lookout, target);
	Reason reason = reason_for(order, target);
	auto signal = [&]
	{
		publish_reason(target.sighting.slot, reason);
		event.at = GetCurrentTimestamp();
		event.signaled_at = monotonic_now();
		event.waiter = {.process = MyProc,
		                .pid = MyProcPid,
		                .transaction = local_transaction(MyProc),
		                .until = later(event.signaled_at, timeout_of(order, target))};
		target.is_signaled = signal_by_server(target.sighting.session.id.pid, target.action);
		if (!target.is_signaled)
			return withdraw_reason();
		keep_reason();
		target.event = record_event(event);
		count_order();
	};
	if (!attempt(signal, ERRCODE_INSUFFICIENT_PRIVILEGE))
	{
		settle(target, Outcome::Denied, not_permitted);
		return leave_alone(order, lookout, target);
	}
	if (!target.is_signaled)
	{
		settle(target, Outcome::Gone, nullptr);
		leave_alone(order, lookout, target);
	}
	else if (!can_be_awaited(order, target))
		settle(target, Outcome::Signaled, nullptr);
}

/*
 * Terminate whose statement has outlived the grace after its cancel.
 *
 * The order stays one about a statement, so each further look asks for the very
 * same one.  Whoever is raced or gone now has done what the cancel asked for.
 */
void
escalate(const Order &order, Lookout &lookout, const Targets &targets)
{
	await(targets, *order.grace);
	for (Target &target : targets.all())
	{
		if (!is_awaited(target))
			continue;

		std::uint64_t cancel = target.event;
		target.action = Action::Terminate;
		send(order, lookout, target);
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
signal_all(const Order &order, Lookout &lookout, const Targets &targets)
{
	for (Target &target : targets.all())
	{
		CHECK_FOR_INTERRUPTS();
		if (target.outcome || target.is_signaled)
			continue;
		judge(order, lookout, target);
		if (!target.outcome && (order.pid || !is_self(target)))
			send(order, lookout, target);
	}
}

/* The caller's own session is the last: the signal ends the order. */
void
signal_self(const Order &order, Lookout &lookout, const Targets &targets)
{
	for (Target &target : targets.all())
		if (!target.outcome && is_self(target))
			send(order, lookout, target);
}

/* Add to an error how far the order had got. */
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

/* Signal and await, until nobody is left who had begun to connect before the order came. */
void
end_all(const Order &order, Lookout &lookout, Timestamp started, const Connecting &connecting,
        Targets &targets)
{
	ErrorContextCallback context{
	    .previous = error_context_stack, .callback = report_progress, .arg = &targets};

	error_context_stack = &context;
	do
	{
		signal_all(order, lookout, targets);
		if (order.grace)
			escalate(order, lookout, targets);
		await(targets, order.timeout);
		give_up(targets, order.timeout);
		wait_while([&] { return is_connecting(order, connecting); }, order.timeout);
	} while (add_late_targets(order, lookout, started, targets));
	error_context_stack = context.previous;
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
	Timestamp started = GetCurrentTimestamp();

	check_status_array();
	check_patterns(order.filter);
	Lookout lookout(order.filter);
	Targets targets = select_targets(order, lookout);
	Connecting connecting = find_connecting(order);
	end_all(order, lookout, started, connecting, targets);
	if (order.empties_databases && !order.dry_run)
		for (Oid database : order.filter.databases)
			warn_of_holders(database, targets, connecting);
	signal_self(order, lookout, targets);
	return targets;
}

} // namespace session_guard
