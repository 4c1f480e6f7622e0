/*
 * What a session tells its client (see client_message.h).
 *
 * It is called while an error is being reported, the session's end among others:
 * it must not fail and takes no LWLock.
 */
#include "backend/client_message.h"

#include "pg/compat.h"

#include "shmem/client_message.h"

#include "status/backend_status.h"

#include <cstring>
#include <optional>

namespace session_guard
{

namespace
{

/* Can this be a session for which there is a message? */
bool
may_be_addressee()
{
	return (MyBackendType == B_BACKEND || MyBackendType == B_BG_WORKER) && MyProc != nullptr &&
	       MyBEEntry != nullptr && may_have_message(own_status_slot());
}

Addressee
self()
{
	return {.session = {.pid = MyProcPid, .backend_start = MyStartTimestamp},
	        .slot = own_status_slot(),
	        .statement = own_statement_stamp()};
}

/* Of a session, or of a background worker that leaves that to the server. */
bool
is_termination(const char *message_id)
{
	return strcmp(message_id, "terminating connection due to administrator command") == 0 ||
	       strcmp(message_id,
	              "terminating background worker \"%s\" due to administrator command") == 0;
}

/* What a message of the server does to the session that reports it. */
std::optional<Action>
action_of(const ErrorData &message)
{
	if (message.message_id == nullptr)
		return std::nullopt;
	if (message.elevel == FATAL && is_termination(message.message_id))
		return Action::Terminate;
	if (message.elevel == ERROR &&
	    strcmp(message.message_id, "canceling statement due to user request") == 0)
		return Action::Cancel;
	return std::nullopt;
}

/* Put a sentence before what is there already. */
char *
put_before(const char *sentence, const char *present)
{
	return present == nullptr ? pstrdup(sentence) : psprintf("%s\n%s", sentence, present);
}

} // namespace

void
tell_message(ErrorData &message)
{
	ClientMessage reason;
	std::optional<Action> action = action_of(message);

	if (!action || !may_be_addressee() || !take_message(self(), *action, reason))
		return;
	/* Where the log has a DETAIL of its own, it is to have ours too. */
	if (message.detail_log != nullptr)
		message.detail_log = put_before(reason.detail.data(), message.detail_log);
	message.detail = put_before(reason.detail.data(), message.detail);
	if (message.hint == nullptr && reason.hint.front() != '\0')
		message.hint = pstrdup(reason.hint.data());
}

void
note_failed_subtransaction()
{
	/* Most subtransactions fail for other reasons.  A cancel that is still to come is not caught.
	 */
	if (may_be_addressee() && !QueryCancelPending)
		note_failure(self());
}

} // namespace session_guard
