/*
 * How an order is carried out (see orders.h).
 */
#include "server/orders.h"

#include "core/reason.h"

#include "pg/cleanup.h"

#include "server/attempt.h"
#include "server/confirm.h"
#include "server/holders.h"
#include "server/order_account.h"
#include "server/shared.h"
#include "server/signals.h"
#include "server/targets.h"

#include "action/history_room.h"

#include <algorithm>
#include <utility>

namespace session_guard
{

namespace
{

/* Settle what is clear without a signal: who is denied or spared, and a dry run. */
void
judge(const Order &order, Lookout &lookout, Target &target)
{
	const char *denial =
	    has_left(target.sighting) ? nullptr : denial_of(order, *target.sighting.process);

	if (denial != nullptr)
		settle(target, Outcome::Denied, denial);
	else
		look_again(order, lookout, target);
	if (!target.outcome && order.dry_run)
		settle(target, Outcome::DryRun, nullptr);
}

/* Is it signaled by a cancel that a terminate may follow? */
bool
has_grace(const Order &order, const Target &target)
{
	return order.grace && target.action == Action::Cancel;
}

/* Until when the effect of a signal that was sent is waited for. */
Instant
deadline_of(const Order &order, const Target &target)
{
	return has_grace(order, target) ? later(target.signaled_at, *order.grace) : order.deadline;
}

/*
 * Is there an effect to wait for?  What a process that is no session does with
 * a cancel cannot be told, and the caller will not see the end of his own.
 */
bool
can_be_awaited(const Order &order, const Target &target)
{
	bool is_session = target.is_known && is_client_backend(target.sighting);

	return (has_grace(order, target) || order.deadline > monotonic_now()) && !is_self(target) &&
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
leave_alone(const Order &order, const Lookout &lookout, Target &target)
{
	const char *why = target.note != nullptr ? target.note : "it has ended";

	if (std::exchange(target.is_announced, false))
		report_left_alone(target.sighting.session.id.pid, why);
	(void)record_event(event_of(order, lookout, target));
}

/* Write who is signaled, unless that was done again and again and has been said. */
void
announce_unless_repeated(const Order &order, const Lookout &lookout, Target &target)
{
	std::uint32_t times_before = times_recorded(event_of(order, lookout, target));

	if (is_to_be_told(times_before))
		announce(order, target, times_before);
}

/* Announce, look once more, and signal. */
void
send(const Order &order, Lookout &lookout, Target &target)
{
	announce_unless_repeated(order, lookout, target);
	if (look_again(order, lookout, target))
		return leave_alone(order, lookout, target);

	Event event = event_of(order, lookout, target);
	Reason reason = reason_for(order, target);
	auto signal = [&]
	{
		publish_reason(target.sighting.slot, reason);
		event.at = GetCurrentTimestamp();
		event.signaled_at = target.signaled_at = monotonic_now();
		event.waiter = {.process = MyProc,
		                .pid = MyProcPid,
		                .transaction = local_transaction(MyProc),
		                .until = deadline_of(order, target)};
		target.is_signaled = signal_by_server(target.sighting.session.id.pid, target.action);
		if (!target.is_signaled)
			return withdraw_reason();
		target.is_announced = false;
		keep_reason();
		target.event = record_event(event);
		count_order();
	};
	if (!attempt(signal, ERRCODE_INSUFFICIENT_PRIVILEGE))
	{
		settle(target, Outcome::Denied, "the server does not permit it");
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
	Instant end_of_grace = beginning;

	for (const Target &target : targets.all())
		if (is_awaited(target))
			end_of_grace = std::max(end_of_grace, deadline_of(order, target));
	wait_while([&] { return confirm_all(targets); }, end_of_grace);
	for (Target &target : targets.all())
	{
		if (!is_awaited(target))
			continue;

		/* It is still to be confirmed as a cancel meanwhile, and may come to its end. */
		(void)await_history_room(order.deadline, [&] { (void)confirm_all(targets); });
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
		if (target.outcome || (!order.pid && is_self(target)))
			continue;
		/* Only whoever will be signaled is waited for; the wait may have changed that. */
		if (await_history_room(order.deadline, [&] { (void)confirm_all(targets); }))
			judge(order, lookout, target);
		if (!target.outcome)
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

/*
 * Wait until every signal has had its effect, or until those who were about to
 * connect can be looked at: they are to have their signal while there is time.
 */
void
await(const Order &order, const Connecting &connecting, const Targets &targets)
{
	bool awaits_newcomers = is_connecting(order, connecting);
	auto goes_on = [&]
	{
		bool awaits_targets = confirm_all(targets);

		return awaits_newcomers ? is_connecting(order, connecting) : awaits_targets;
	};

	wait_while(goes_on, order.deadline);
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
		await(order, connecting, targets);
	} while (add_late_targets(order, lookout, started, targets) ||
	         (std::ranges::any_of(targets.all(), is_awaited) && monotonic_now() < order.deadline));
	give_up(order, targets);
	error_context_stack = context.previous;
}

/* Give a line in the log its end if the order was broken off before the signal. */
void
leave_announced_alone(const void *arg)
{
	auto targets = static_cast<const Targets *>(arg);

	for (const Target &target : targets->all())
		if (target.is_announced)
			report_left_alone(target.sighting.session.id.pid, "the call was interrupted");
}

/* Note by when an order has to be done, and how it is called. */
void
begin(Order &order)
{
	order.origin = origin_of(order);
	order.deadline = later(later(monotonic_now(), order.grace.value_or(0)), order.timeout);
}

} // namespace

bool
is_self(const Target &target)
{
	return target.sighting.session.id.pid == MyProcPid;
}

Targets
carry_out(const Order &asked)
{
	Timestamp started = GetCurrentTimestamp();
	Order order = asked;

	check_status_array();
	check_patterns(order.filter);
	Lookout lookout(order.filter);
	Targets targets = select_targets(order, lookout);
	Connecting connecting = find_connecting(order);
	begin(order);
	auto end_them = [&]
	{
		end_all(order, lookout, started, connecting, targets);
		if (order.empties_databases && !order.dry_run)
			for (Oid database : order.filter.databases)
				warn_of_holders(database, targets, connecting);
		signal_self(order, lookout, targets);
	};
	with_cleanup(end_them, leave_announced_alone, &targets);
	return targets;
}

} // namespace session_guard
