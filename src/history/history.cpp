/*
 * The history (see history.h).
 *
 * An event is written to the table first and marked as moved after the commit.
 * If the writer ends in between, it is written again, to the same row: server
 * start and number are the key.
 */
#include "history/history.h"

#include "pg/monotonic_clock.h"

#include "settings/settings.h"

#include "shmem/counters.h"
#include "shmem/unwritten_events.h"
#include "shmem/worker_slot.h"

#include "status/shutdown.h"

#include "action/confirmation.h"

#include "worker/nap.h"

#include "history/history_task.h"

#include <algorithm>
#include <array>
#include <span>

namespace session_guard
{

namespace
{

constexpr std::size_t batch_size = 200;
constexpr Duration pause_under_pressure = 10 * millisecond;
/* An event that is still open after this goes to the history as it is. */
constexpr Duration patience = minute;
/* The same while a session waits for room in memory. */
constexpr Duration patience_under_pressure = 100 * millisecond;

HistoryTask writing = new_task("could not write the history", "the history is written again");
HistoryTask notifying =
    new_task("could not notify of events", "those who listen are notified of events again");
HistoryTask deleting =
    new_task("could not delete from the history", "expired rows of the history are deleted again");

/* Room for the numbers of all events. */
std::span<std::uint64_t> numbers;
/* It was logged that there is no table. */
bool said_missing = false;
/* There is something to write as soon as it is time. */
bool has_more = false;
/* There are open events, which may have to be written as they are. */
bool has_open = false;
/* A session waits for room in memory, or will soon. */
bool is_pressed = false;

/* Copies of the events of a batch, as they were when they were written. */
struct Batch
{
	std::array<EventEntry, batch_size> entries;
	std::size_t count;

	std::span<EventEntry>
	all()
	{
		return {entries.data(), count};
	}
};
Batch batch;

/* Collect the events that are to be written; open ones are left for later, unless all are. */
void
collect(bool takes_all)
{
	Duration now = monotonic_now();

	begin_work(WorkerKind::History);
	if (is_pressed)
		release_old_events(numbers);
	UnwrittenEvents found =
	    takes_all ? unwritten_events(numbers, never, never)
	              : unwritten_events(numbers, now - patience, now - patience_under_pressure);

	has_open = found.has_open;
	is_pressed = found.is_pressed;
	has_more = found.count > batch_size;
	batch.count = 0;
	for (std::uint64_t number : numbers.first(std::min(found.count, batch_size)))
		if (read_event(number, batch.entries[batch.count]))
			batch.count++;
}

/* How long to wait before the next batch. */
Duration
pause_before_next()
{
	if (has_more)
		return 0;
	return is_pressed ? pause_under_pressure : pause_between_batches;
}

/* Try to find the table again after a while; log once that there is none. */
void
await_table()
{
	writing.next = monotonic_now() + longest_retry;
	if (!said_missing)
		ereport(LOG, (errmsg("there is no table \"session_guard.history\" in database \"%s\"",
		                     guard_database()),
		              errdetail("Events are kept in memory and in the log only."),
		              errhint("Run CREATE EXTENSION pg_session_guard in that database.")));
	said_missing = true;
}

/* Note that the batch is committed: its events may be replaced in memory now. */
void
mark_batch()
{
	for (const EventEntry &entry : batch.all())
	{
		/* An event that was written before has only been corrected. */
		bool is_new = entry.moved_writes == 0;

		if (is_new)
			count(shared_counters().history_rows);
		/* It was replaced in memory while it was being written, and counted as lost then. */
		if (!mark_moved(entry) && is_new)
			uncount(shared_counters().events_lost);
	}
}

/*
 * Notify those who listen of the batch, which is committed: a row that they are told of is there.
 *
 * That is not done in the transaction of the rows, since it can fail where it commits: when the
 * server's queue is full, or somebody who notifies, too, hangs in its commit.  It costs no history
 * then; and while it goes on, nobody is notified but at each new attempt.
 */
void
notify_of_batch(Timestamp ring_start)
{
	if (!notifies_events() || (notifying.is_failing && monotonic_now() < notifying.next))
		return;
	(void)run_task(notifying, false,
	               [&](Oid table)
	               {
		               for (const EventEntry &entry : batch.all())
			               notify_of(table, entry.event, ring_start);
	               });
}

/* Write the events that are to be written now, or all; true if there are more of them. */
bool
write_batch(bool takes_all)
{
	collect(takes_all);
	if (batch.count == 0)
	{
		writing.next = monotonic_now() + pause_before_next();
		return false;
	}

	Timestamp ring_start = event_ring_start();
	auto insert_all = [&](Oid table)
	{
		for (const EventEntry &entry : batch.all())
			write_to_history(table, entry.event, ring_start);
	};
	switch (run_task(writing, is_pressed, insert_all))
	{
		case TaskResult::Done:
			said_missing = false;
			set_has_history(true);
			mark_batch();
			notify_of_batch(ring_start);
			writing.next = monotonic_now() + pause_before_next();
			return has_more;
		case TaskResult::NoTable:
			set_has_history(false);
			await_table();
			break;
		case TaskResult::Failed:
			set_has_history(!is_hopeless(writing));
			break;
	}
	has_more = true;
	return false;
}

/*
 * Settle the open events whose signals have had their effect: the guard has ended already.
 * While the server is shut down it cannot be known what became of a statement whose
 * session has ended.
 */
void
settle_ended()
{
	EventEntry entry;

	for (std::uint64_t number : numbers.first(open_events(numbers)))
	{
		if (!read_event(number, entry))
			continue;
		SentSignal signal = signal_of(entry.event);
		if (effect_of(signal) == Effect::Seen)
			(void)conclude(signal, outcome_of(signal, Effect::Seen, false));
	}
}

/* Log how many events will be lost with the memory. */
void
report_unwritten()
{
	std::size_t count = count_never_written();

	if (count > 0)
		ereport(LOG, (errmsg("%zu events are not in the history and will be lost", count)));
}

/* Delete some of the rows past their retention, and plan when to go on. */
void
delete_batch()
{
	std::uint64_t deleted = 0;
	TaskResult result = run_task(
	    deleting, is_pressed,
	    [&](Oid table)
	    { deleted = delete_from_history(table, GetCurrentTimestamp() - history_retention()); });

	if (result == TaskResult::NoTable || (result == TaskResult::Done && deleted == 0))
		deleting.next = monotonic_now() + std::clamp(history_retention() / 60, minute, 60 * minute);
}

} // namespace

void
prepare_history()
{
	std::size_t room = event_capacity();

	numbers = {static_cast<std::uint64_t *>(
	               MemoryContextAlloc(TopMemoryContext, room * sizeof(std::uint64_t))),
	           room};
	/* This holds until the table turns out not to exist. */
	set_has_history(true);
}

void
write_history()
{
	Duration now = monotonic_now();

	/* A call in between is remembered until it is time to write. */
	has_more = has_more || now < writing.next;
	if (now >= writing.next)
		(void)write_batch(false);
	if (history_retention() > 0 && now >= deleting.next)
		delete_batch();
}

void
finish_history()
{
	Duration start = monotonic_now();
	bool is_stopping;
	bool is_last;

	do
	{
		is_stopping = server_is_stopping();
		/* Checked first: the events of the last ones are collected after that. */
		is_last = !is_stopping || !others_may_act(monotonic_now() - start);
		if (is_stopping)
			settle_ended();
		while (write_batch(true))
			continue;
		if (!is_last)
			nap_until(monotonic_now() + 10 * millisecond);
	} while (!is_last);
	if (is_stopping)
		report_unwritten();
}

Instant
next_history_wake()
{
	Instant wake = has_more || has_work(WorkerKind::History) ? writing.next : never;

	if (has_open)
		wake = std::min(wake, monotonic_now() + (is_pressed ? patience_under_pressure : patience));
	if (history_retention() > 0)
		wake = std::min(wake, deleting.next);
	return wake;
}

void
adopt_retention()
{
	if (!deleting.is_failing)
		deleting.next = 0;
}

} // namespace session_guard
