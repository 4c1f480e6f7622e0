/*
 * What is said of an order (see order_account.h).
 */
#include "server/order_account.h"

#include "core/reason.h"

#include "server/show.h"
#include "server/signals.h"

#include <array>

namespace session_guard
{

namespace
{

/* Who gave the order: the role with whose rights the verb runs, and who logged in if not the same.
 */
const char *
name_of_caller(Shown *shown)
{
	const char *name = quoted(shown(name_or_mark(GetUserNameFromId(GetUserId(), true))));

	if (GetUserId() == GetSessionUserId())
		return psprintf("role %s", name);
	return psprintf("role %s (session user %s)", name,
	                quoted(shown(name_or_mark(GetUserNameFromId(GetSessionUserId(), true)))));
}

/* Who gave the order, by which function, and what for. */
const char *
shown_origin(const Order &order, Shown *shown)
{
	return psprintf("%s with %s(%s)%s%s", name_of_caller(shown), shown(order.verb),
	                shown(order.given), order.reason != nullptr ? ": " : "",
	                order.reason != nullptr ? quoted(shown(order.reason)) : "");
}

Names
names_of(const Target &target, Shown *shown)
{
	return {.role = shown(name_or_mark(GetUserNameFromId(target.sighting.role, true))),
	        .database = shown(name_or_mark(get_database_name(target.sighting.database)))};
}

/* The text of a target's query as the last look has found it, or as it was when it was selected. */
const char *
query_of(const Lookout &lookout, const Target &target)
{
	return *lookout.query() != '\0' ? lookout.query() : text_to_cstring(target.query);
}

/* Has this statement of the caller's written a line?  Its text is to be in the log once. */
bool
is_first_line()
{
	static TimestampTz last_statement = 0;
	bool is_first = GetCurrentStatementStartTimestamp() != last_statement;

	last_statement = GetCurrentStatementStartTimestamp();
	return is_first;
}

} // namespace

Origin
origin_of(const Order &order)
{
	return {.caller = name_of_caller(on_one_line),
	        .in_log = shown_origin(order, on_one_line),
	        .for_client = shown_origin(order, as_ascii)};
}

void
announce(const Order &order, Target &target, std::int64_t times_before)
{
	std::array<char, 1024> buffer;
	std::array<char, 64> repeated_buffer;
	Text session(buffer);
	Text repeated(repeated_buffer);

	if (target.is_known)
		append_session(session, target.sighting, names_of(target, on_one_line));
	else
		session.append(target.sighting.session.id.pid);
	if (times_before > 0)
		repeated.append(" (repeated ").append(times_before).append(" times)");
	target.is_announced = true;
	ereport(LOG_SERVER_ONLY,
	        (errmsg_internal("%s %s: ordered by %s%s", announcement_of(target.action).data(),
	                         session.c_str(), order.origin.in_log, repeated.c_str()),
	         errhidestmt(!is_first_line()), errhidecontext(true)));
}

Reason
reason_for(const Order &order, const Target &target)
{
	Reason reason{};
	Text detail(reason.detail);

	reason.session = target.sighting.session.id;
	reason.action = target.action;
	reason.statement = target.statement;
	detail.append("Ordered by ").append(order.origin.for_client);
	/* The reason may be a sentence of its own. */
	if (!detail.view().ends_with(".\""))
		detail.append(".");
	detail.mark_cut();
	return reason;
}

Event
event_of(const Order &order, const Lookout &lookout, const Target &target)
{
	Event event{};

	event.at = GetCurrentTimestamp();
	copy_text(event.actor.role, order.origin.caller);
	copy_text(event.actor.function, order.verb);
	copy_text(event.actor.filters, order.given);
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

} // namespace session_guard
