/*
 * Why a session is ended (see client_message.h).
 *
 * The slots have spinlocks, held for the time of one copy: whoever reports an
 * error must not wait for anything longer.
 */
#include "shmem/client_message.h"

#include "shmem/present_time.h"
#include "shmem/shared_memory.h"

#include "status/backend_status.h"

#include <cstring>

namespace session_guard
{

namespace
{

/* Where this process has published a reason and not sent the signal yet; nullptr if nowhere. */
MessageSlot *unsent = nullptr;

/*
 * Has the statement caught the cancel that its reason was written for?
 *
 * An error that fails a subtransaction is reported at once, or it was caught
 * and the statement goes on.
 */
bool
was_caught(const MessageSlot &slot, Duration now)
{
	constexpr Duration at_once = 500 * millisecond;

	return slot.failed_at != 0 && now - slot.failed_at > at_once;
}

/* Does a reason that led to a signal stand in the way of another one? */
bool
takes_precedence(const MessageSlot &slot, const ClientMessage &other, Duration now)
{
	const ClientMessage &reason = slot.reason;

	return slot.writer != 0 && slot.is_sent && !was_caught(slot, now) &&
	       reason.session == other.session &&
	       (reason.action == Action::Terminate ||
	        (other.action == Action::Cancel && reason.statement == other.statement));
}

/* Is this a session that can have been given a reason? */
bool
can_have_reason()
{
	return shared() != nullptr && MyBackendType == B_BACKEND && MyProc != nullptr &&
	       MyBEEntry != nullptr;
}

MessageSlot &
own_slot()
{
	return shared()->reasons[own_status_slot()];
}

bool
is_for_me(const ClientMessage &reason, Action action)
{
	SessionId self{.pid = MyProcPid, .backend_start = MyBEEntry->st_proc_start_timestamp};

	return reason.session == self && reason.action == action &&
	       (action == Action::Terminate || reason.statement == own_statement_stamp());
}

/* What a message of the server does to the session that reports it. */
std::optional<Action>
action_of(const ErrorData &message)
{
	if (message.message_id == nullptr)
		return std::nullopt;
	if (message.elevel == FATAL &&
	    strcmp(message.message_id, "terminating connection due to administrator command") == 0)
		return Action::Terminate;
	if (message.elevel == ERROR &&
	    strcmp(message.message_id, "canceling statement due to user request") == 0)
		return Action::Cancel;
	return std::nullopt;
}

/* Take the reason for an action out of the own slot; false if there is none. */
bool
take_reason(Action action, ClientMessage &reason)
{
	MessageSlot &slot = own_slot();
	Duration now = monotonic_now();
	bool found;

	SpinLockAcquire(&slot.lock);
	found = slot.writer != 0 && !was_caught(slot, now) && is_for_me(slot.reason, action);
	if (found)
	{
		reason = slot.reason;
		slot.writer = 0;
	}
	SpinLockRelease(&slot.lock);
	return found;
}

/* Put a sentence before what is there already. */
char *
put_before(const char *sentence, const char *present)
{
	return present == nullptr ? pstrdup(sentence) : psprintf("%s\n%s", sentence, present);
}

} // namespace

void
init_message(MessageSlot &slot)
{
	SpinLockInit(&slot.lock);
	slot.writer = 0;
}

void
publish_message(int place, const ClientMessage &reason)
{
	if (shared() == nullptr || place < 0)
		return;
	MessageSlot &slot = shared()->reasons[place];
	Duration now = monotonic_now();

	withdraw_message();
	SpinLockAcquire(&slot.lock);
	if (!takes_precedence(slot, reason, now))
	{
		slot.writer = MyProcPid;
		slot.is_sent = false;
		slot.failed_at = 0;
		slot.reason = reason;
		unsent = &slot;
	}
	SpinLockRelease(&slot.lock);
}

void
keep_message()
{
	if (unsent == nullptr)
		return;
	SpinLockAcquire(&unsent->lock);
	if (unsent->writer == MyProcPid)
		unsent->is_sent = true;
	SpinLockRelease(&unsent->lock);
	unsent = nullptr;
}

void
withdraw_message()
{
	if (unsent == nullptr)
		return;
	SpinLockAcquire(&unsent->lock);
	if (unsent->writer == MyProcPid && !unsent->is_sent)
		unsent->writer = 0;
	SpinLockRelease(&unsent->lock);
	unsent = nullptr;
}

void
note_failed_subtransaction()
{
	/* A look without the lock: most subtransactions fail for other reasons. */
	if (!can_have_reason() || own_slot().writer == 0 || QueryCancelPending)
		return;

	MessageSlot &slot = own_slot();
	Duration now = monotonic_now();
	SpinLockAcquire(&slot.lock);
	if (slot.writer != 0 && slot.failed_at == 0 && is_for_me(slot.reason, Action::Cancel))
		slot.failed_at = now;
	SpinLockRelease(&slot.lock);
}

void
tell_message(ErrorData &message)
{
	ClientMessage reason;
	std::optional<Action> action = action_of(message);

	if (!action || !can_have_reason() || !take_reason(*action, reason))
		return;
	/* Where the log has a DETAIL of its own, it is to have ours too. */
	if (message.detail_log != nullptr)
		message.detail_log = put_before(reason.detail.data(), message.detail_log);
	message.detail = put_before(reason.detail.data(), message.detail);
	if (message.hint == nullptr && reason.hint.front() != '\0')
		message.hint = pstrdup(reason.hint.data());
}

} // namespace session_guard
