/*
 * What is said of a request (see request_messages.h).
 */
#include "functions/request_messages.h"

#include "core/messages.h"

#include "action/signals.h"

#include "functions/session_columns.h"

#include <array>

namespace session_guard
{

namespace
{

/* The role with whose rights the function runs, and the one that has logged in if it is another. */
const char *
name_of_caller(Converter *shown)
{
	const char *name = quoted(shown(name_or_mark(GetUserNameFromId(GetUserId(), true))));

	if (GetUserId() == GetSessionUserId())
		return psprintf("role %s", name);
	return psprintf("role %s (session user %s)", name,
	                quoted(shown(name_or_mark(GetUserNameFromId(GetSessionUserId(), true)))));
}

const char *
shown_origin(const Request &request, Converter *shown)
{
	const char *caller = name_of_caller(shown);

	if (request.reason == nullptr)
		return psprintf("%s with %s(%s)", caller, shown(request.function), shown(request.given));
	return psprintf("%s with %s(%s): %s", caller, shown(request.function), shown(request.given),
	                quoted(shown(request.reason)));
}

/* Is it the first line of this statement of the caller's, whose text is to be in the log once? */
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
write_line(const Request &request, Target &target, std::int64_t times_before)
{
	std::array<char, 1024> buffer;
	Text session(buffer);
	const char *action = announcement_of(target.action).data();
	const char *when = target.is_asked ? " after its transaction" : "";
	bool is_first = is_first_line();

	if (target.is_known)
		append_session(session, target.snapshot, names_of(target.snapshot, on_one_line));
	else
		session.append(target.snapshot.backend.id.pid);
	target.is_announced = true;
	if (times_before == 0)
		ereport(LOG_SERVER_ONLY, (errmsg_internal("%s %s%s: requested by %s", action,
		                                          session.c_str(), when, request.origin.in_log),
		                          errhidestmt(!is_first), errhidecontext(true)));
	else
		ereport(
		    LOG_SERVER_ONLY,
		    (errmsg_internal("%s %s%s: requested by %s (repeated " INT64_FORMAT " times)", action,
		                     session.c_str(), when, request.origin.in_log, times_before),
		     errhidestmt(!is_first), errhidecontext(true)));
}

ClientMessage
client_message_for(const Request &request, const Target &target)
{
	ClientMessage message{};
	Text detail(message.detail);

	message.session = target.snapshot.backend.id;
	message.action = target.action;
	message.statement = target.statement;
	message.is_of_request = target.is_asked;
	detail.append("Requested by ").append(request.origin.for_client);
	/* The reason may be a sentence of its own. */
	if (!detail.view().ends_with(".\""))
		detail.append(".");
	detail.mark_cut();
	return message;
}

Event
event_of(const Request &request, const Target &target)
{
	const BackendSnapshot &snapshot = target.snapshot;
	Event event{};

	copy_text(event.actor.role, request.origin.caller);
	copy_text(event.actor.function, request.function);
	copy_text(event.actor.filters, request.given);
	copy_text(event.reason, request.reason);
	event.subject.backend = snapshot.backend;
	if (target.is_known)
		event.subject =
		    subject_of(snapshot, GetUserNameFromId(snapshot.role, true),
		               get_database_name(snapshot.database), text_to_cstring(target.query));
	event.action = target.action;
	event.outcome = Outcome::Signaled;
	/* What a process that is no session does with a cancel cannot be told. */
	event.is_open = target.action == Action::Terminate || event.subject.is_client;
	return event;
}

} // namespace session_guard
