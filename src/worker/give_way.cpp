/*
 * How the workers give way (see give_way.h).
 */
#include "worker/give_way.h"

#include "pg/compat.h"
#include "pg/monotonic_clock.h"

#include "settings/settings.h"

#include "shmem/worker_slot.h"

#include "worker/start.h"

#include <algorithm>

namespace session_guard
{

namespace
{

/* Between two readings of the lock while a command is expected or seen. */
constexpr Duration short_pause = 20 * millisecond;
/*
 * A command that is refused releases the lock in less time than this, also where
 * many processes wait for a core: a waiter owns the lock before it runs.
 */
constexpr Duration longest_refusal = 250 * millisecond;
/* Between two readings by a worker that is awake anyway: a call may have come too early. */
constexpr Duration long_pause = second;
/* For how long after a call the lock is expected to be taken. */
constexpr Duration patience = 200 * millisecond;
/* How long a worker stays before it leaves once more: about as long as it was away. */
constexpr Duration shortest_stay = second;

/* The transaction that held the lock at the last reading; invalid if none did. */
VirtualTransactionId last_holder{};
/* The first reading that has found it. */
Instant held_since = beginning;
Instant last_reading = beginning;
Instant expected_until = beginning;

/*
 * Is the transaction in the midst of a command?  One that waits for its client
 * needs nobody to leave: its command is over or was refused.  A client that does
 * not read the error keeps the lock meanwhile.
 */
bool
is_at_work(const VirtualTransactionId &transaction)
{
	const PGPROC *process = proc_of(transaction);

	return process != nullptr && (process->wait_event_info & wait_class_mask) != PG_WAIT_CLIENT;
}

/* Find the transaction at work that holds a lock on the database which keeps new sessions out. */
VirtualTransactionId
find_holder()
{
	LOCKTAG database;
	int count;

	SET_LOCKTAG_OBJECT(database, InvalidOid, DatabaseRelationId, MyDatabaseId, 0);
	VirtualTransactionId *holders = GetLockConflicts(&database, RowExclusiveLock, &count);
	VirtualTransactionId *found = std::find_if(holders, holders + count, is_at_work);
	VirtualTransactionId owner = found != holders + count ? *found : VirtualTransactionId{};
	pfree(holders);
	return owner;
}

bool
is_called_off(WorkerKind kind)
{
	return pg_atomic_read_u32(&worker_slot(kind).is_called_off) != 0;
}

/* Is there reason to read the lock soon? */
bool
is_alert(WorkerKind kind)
{
	return is_called_off(kind) || last_reading < expected_until ||
	       VirtualTransactionIdIsValid(last_holder);
}

Instant
next_reading(WorkerKind kind)
{
	return last_reading + (is_alert(kind) ? short_pause : long_pause);
}

} // namespace

void
call_workers_off()
{
	/* A worker that has not answered an earlier call need not be woken again. */
	for (WorkerKind kind : {WorkerKind::Guard, WorkerKind::History})
		wake_once(kind, worker_slot(kind).is_called_off);
}

bool
must_give_way(WorkerKind kind)
{
	Instant now = monotonic_now();
	VirtualTransactionId before = last_holder;

	if (server_calls_workers_off || now < next_reading(kind))
		return false;
	last_reading = now;
	if (pg_atomic_exchange_u32(&worker_slot(kind).is_called_off, 0) != 0)
		expected_until = now + patience;
	last_holder = find_holder();
	if (!VirtualTransactionIdIsValid(last_holder) ||
	    !VirtualTransactionIdEquals(last_holder, before))
		held_since = now;
	if (now - held_since < longest_refusal || time_at_work() < shortest_stay)
		return false;
	/* The call may have come too early for the other worker. */
	call_workers_off();
	ereport(LOG, (errmsg("%s leaves database \"%s\" to a command that needs it for itself",
	                     name_of(kind), guard_database())));
	return true;
}

Instant
wake_to_give_way(WorkerKind kind, Instant wake)
{
	return server_calls_workers_off || !is_alert(kind) ? wake : std::min(wake, next_reading(kind));
}

} // namespace session_guard
