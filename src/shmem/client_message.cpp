/*
 * Why a session is ended (see client_message.h).
 *
 * The places have spinlocks, held for the time of one copy: a process that reports
 * an error, perhaps its end, must not wait for anything longer, nor hold an LWLock.
 */
#include "shmem/client_message.h"

#include "pg/monotonic_clock.h"

namespace session_guard
{

namespace
{

/* One for each place in the backend-status array. */
struct MessageSlot
{
	slock_t lock;
	/* The process that has written the message; 0 if there is none. */
	int writer;
	/* The signal was sent. */
	bool is_sent;
	/*
	 * When a subtransaction of the canceled statement has failed first, by the
	 * monotonic clock; 0 if none has.
	 */
	Instant failed_at;
	ClientMessage message;
};

MessageSlot *slots = nullptr;

/* Where this process has published a message and not sent the signal yet; nullptr if nowhere. */
MessageSlot *unsent = nullptr;

/*
 * Has the statement caught the cancel that its message was written for?
 *
 * An error that fails a subtransaction is reported at once, or it was caught
 * and the statement goes on.
 */
bool
was_caught(const MessageSlot &slot, Instant now)
{
	constexpr Duration at_once = 500 * millisecond;

	return slot.failed_at != 0 && now - slot.failed_at > at_once;
}

/* Does a message whose signal was sent stand in the way of another one? */
bool
takes_precedence(const MessageSlot &slot, const ClientMessage &other, Instant now)
{
	const ClientMessage &message = slot.message;

	return slot.writer != 0 && slot.is_sent && !message.is_of_request && !was_caught(slot, now) &&
	       message.session == other.session &&
	       (message.action == Action::Terminate ||
	        (other.action == Action::Cancel && message.statement == other.statement));
}

bool
is_for(const Addressee &self, const ClientMessage &message, Action action)
{
	return message.session == self.session && message.action == action &&
	       (action == Action::Terminate || message.statement == self.statement);
}

} // namespace

Size
client_messages_size()
{
	return mul_size(sizeof(MessageSlot), static_cast<Size>(MaxBackends));
}

void
client_messages_init(void *memory, bool found)
{
	slots = static_cast<MessageSlot *>(memory);
	if (found)
		return;
	for (int slot = 0; slot < MaxBackends; slot++)
	{
		SpinLockInit(&slots[slot].lock);
		slots[slot].writer = 0;
	}
}

void
publish_message(int place, const ClientMessage &message)
{
	if (slots == nullptr || place < 0)
		return;
	MessageSlot &slot = slots[place];
	Instant now = monotonic_now();

	withdraw_message();
	SpinLockAcquire(&slot.lock);
	if (!takes_precedence(slot, message, now))
	{
		slot.writer = MyProcPid;
		slot.is_sent = false;
		slot.failed_at = 0;
		slot.message = message;
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
retract_message(int place, const SessionId &session)
{
	MessageSlot &slot = slots[place];

	SpinLockAcquire(&slot.lock);
	if (slot.writer == MyProcPid && slot.message.session == session)
		slot.writer = 0;
	SpinLockRelease(&slot.lock);
}

bool
may_have_message(int slot)
{
	return slots != nullptr && slots[slot].writer != 0;
}

bool
take_message(const Addressee &self, Action action, ClientMessage &message)
{
	MessageSlot &slot = slots[self.slot];
	Instant now = monotonic_now();

	SpinLockAcquire(&slot.lock);
	bool found = slot.writer != 0 && !was_caught(slot, now) && is_for(self, slot.message, action);
	if (found)
	{
		message = slot.message;
		slot.writer = 0;
	}
	SpinLockRelease(&slot.lock);
	return found;
}

void
note_failure(const Addressee &self)
{
	MessageSlot &slot = slots[self.slot];
	Instant now = monotonic_now();

	SpinLockAcquire(&slot.lock);
	if (slot.writer != 0 && slot.failed_at == 0 && is_for(self, slot.message, Action::Cancel))
		slot.failed_at = now;
	SpinLockRelease(&slot.lock);
}

} // namespace session_guard
