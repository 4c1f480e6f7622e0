/*
 * How an order is carried out (see orders.h).
 */
#include "server/orders.h"

#include "core/reason.h"

#include "server/attempt.h"
#include "server/confirm.h"
#include "server/events.h"
#include "server/holders.h"
#include "server/reasons.h"
#include "server/rights.h"
#include "server/shared.h"
#include "server/show.h"
#include "server/signals.h"
#include "server/targets.h"

#include <algorithm>
#include <array>

namespace session_guard
{

namespace
{

/* How names are shown, depending on where. */
using Shown = const char *(const char *);

/* Who gave the order: the role with whose rights the verb runs, and who logged in if not the same.
 */
const char *
name_of_caller(Shown *shown)
{
	const char *name = shown(name_or_mark(GetUserNameFromId(GetUserId(), true)));

	if (GetUserId() == GetSessionUserId())
		return psprintf("role \"%s\"", name);
	return psprintf("role \"%s\" (session user \"%s\")", name,
	                shown(name_or_mark(GetUserNameFromId(GetSessionUserId(), true))));
}

/* Who gave the order, by which function, and what for. */
const char *
origin_of(const Order &order, Shown *shown)
{
	return psprintf("%s with %s()%s%s", name_of_caller(shown), shown(order.verb),
	                order.reason != nullptr ? ": " : "",
	                order.reason != nullptr ? shown(order.reason) : "");
}

const char *
user_of(const Target &target)
{
	return name_or_mark(GetUserNameFromId(target.sighting.role, true));
}

const char *
database_of(const Target &target)
{
	return name_or_mark(get_database_name(target.sighting.database));
}

/* Write who ends whom, by which function and why. */
void
announce(const Order &order, const Target &target)
{
	std::array<char, 1024> buffer;
	Text session(buffer);

	if (target.is_known)
		append_session(session, target.sighting, user_of(target), database_of(target));
	else
		session.append(target.sighting.session.id.pid);
	ereport(LOG_SERVER_ONLY,
	        (errmsg_internal("%s %s: ordered by %s", announcement_of(target.action).data(),
	                         session.c_str(), origin_of(order, on_one_line)),
	         errhidecontext(true)));
}

/* What the client of a target is told. */
Reason
reason_for(const Order &order, const Target &target)
{
	Reason reason{};
	Text detail(reason.detail);

	reason.session = target.sighting.session.id;
	reason.action = target.action;
	reason.statement = target.statement;
	detail.append("Ordered by ").append(origin_of(order, as_ascii));
	if (!detail.view().ends_with('.'))
		detail.append(".");
	detail.mark_cut();
	return reason;
}

/* The text of a target's query as the last look has found it, or as it was when it was selected. */
const char *
query_of(const Lookout &lookout, const Target &target)
{
	return *lookout.query() != '\0' ? lookout.query() : text_to_cstring(target.query);
}

/* The event of what is done, or was not done, to a target that was announced. */
Event
event_of(const Order &order, const Lookout &lookout, const Target &target)
{
	Event event{};

	event.at = GetCurrentTimestamp();
	copy_text(event.actor.role, name_of_caller(on_one_line));
	copy_text(event.actor.function, order.verb);
	copy_text(event.reason, order.reason);
	event.subject.id = target.sighting.session.id;
	event.subject.slot = target.sighting.slot;
	event.subject.process = target.sighting.process;
	if (target.is_known)
		event.subject =
		    subject_of(target.sighting, GetUserNameFromId(target.sighting.role, true),
		               get_database_name(target.sighting.database), query_of(lookout, target));
	event.action = target.action;
	event.outcome = target.outcome.value_or(Outcome::Signaled);
	copy_text(event.note, target.note);
	/* What a process that is no session does with a cancel cannot be told. */
	event.is_open =
	    !target.outcome && (target.action == Action::Terminate || event.subject.is_client);
	return event;
}

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
	if (order.empties_database && !order.dry_run)
		warn_of_holders(*order.filter.database, targets, connecting);
	signal_self(order, lookout, targets);
	return targets;
}

} // namespace session_guard
