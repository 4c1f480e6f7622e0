/*
 * What is said of a request (see request_messages.h).
 */
#include "functions/request_messages.h"

#include "core/messages.h"

#include "status/sql_values.h"

#include "action/signals.h"

#include <array>

namespace session_guard
{

namespace
{

/* Who gave the request: the role with whose rights the function runs, and who logged in if not the
 * same.
 */
const char *
name_of_caller(Converter *shown)
{
	const char *name = quoted(shown(name_or_mark(GetUserNameFromId(GetUserId(), true))));

	if (GetUserId() == GetSessionUserId())
		return psprintf("role %s", name);
	return psprintf("role %s (session user %s)", name,
	                quoted(shown(name_or_mark(GetUserNameFromId(GetSessionUserId(), true)))));
}

/* Who gave the request, by which function, and what for. */
const char *
shown_origin(const Request &request, Converter *shown)
{
	return psprintf("%s with %s(%s)%s%s", name_of_caller(shown), shown(request.function),
	                shown(request.given), request.reason != nullptr ? ": " : "",
	                request.reason != nullptr ? quoted(shown(request.reason)) : "");
}

Names
names_of(const Target &target, Converter *shown)
{
	return {.role = shown(name_or_mark(GetUserNameFromId(target.snapshot.role, true))),
	        .database = shown(name_or_mark(get_database_name(target.snapshot.database)))};
}

/* The text of a target's query as the last look has found it, or as it was when it was selected. */
const char *
query_of(const FilterMatcher &matcher, const Target &target)
{
	return *matcher.query() != '\0' ? matcher.query() : text_to_cstring(target.query);
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
origin_of(const Request &request)
{
	return {.caller = name_of_caller(on_one_line),
	        .in_log = shown_origin(request, on_one_line),
	        .for_client = shown_origin(request, as_ascii)};
}

void
announce(const Request &request, Target &target, std::int64_t times_before)
{
	std::array<char, 1024> buffer;
	std::array<char, 64> repeated_buffer;
	Text session(buffer);
	Text repeated(repeated_buffer);

	if (target.is_known)
		append_session(session, target.snapshot, names_of(target, on_one_line));
	else
		session.append(target.snapshot.backend.id.pid);
	if (times_before > 0)
		repeated.append(" (repeated ").append(times_before).append(" times)");
	target.is_announced = true;
	ereport(LOG_SERVER_ONLY,
	        (errmsg_internal("%s %s: ordered by %s%s", announcement_of(target.action).data(),
	                         session.c_str(), request.origin.in_log, repeated.c_str()),
	         errhidestmt(!is_first_line()), errhidecontext(true)));
}

ClientMessage
client_message_for(const Request &request, const Target &target)
{
	ClientMessage reason{};
	Text detail(reason.detail);

	reason.session = target.snapshot.backend.id;
	reason.action = target.action;
	reason.statement = target.statement;
	detail.append("Ordered by ").append(request.origin.for_client);
	/* The reason may be a sentence of its own. */
	if (!detail.view().ends_with(".\""))
		detail.append(".");
	detail.mark_cut();
	return reason;
}

Event
event_of(const Request &request, const FilterMatcher &matcher, const Target &target)
{
	Event event{};

	event.at = GetCurrentTimestamp();
	copy_text(event.actor.role, request.origin.caller);
	copy_text(event.actor.function, request.function);
	copy_text(event.actor.filters, request.given);
	copy_text(event.reason, request.reason);
	event.subject.backend = target.snapshot.backend;
	if (target.is_known)
		event.subject =
		    subject_of(target.snapshot, GetUserNameFromId(target.snapshot.role, true),
		               get_database_name(target.snapshot.database), query_of(matcher, target));
	event.action = target.action;
	event.outcome = target.outcome.value_or(Outcome::Signaled);
	copy_text(event.note, target.note);
	/* What a process that is no session does with a cancel cannot be told. */
	event.is_open =
	    !target.outcome && (target.action == Action::Terminate || event.subject.is_client);
	return event;
}

} // namespace session_guard
