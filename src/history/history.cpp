/*
 * The history (see history.h).
 *
 * An event is written to the table first and marked as moved after the commit.
 * If the writer ends in between, it is written again, to the same row: server
 * start and number are the key.
 */
#include "history/history.h"

#include "settings/settings.h"

#include "shmem/present_time.h"
#include "shmem/shared_memory.h"

#include "status/shutdown.h"

#include "action/confirmation.h"
#include "action/events.h"

#include "worker/worker.h"

#include "history/history_table.h"

#include <algorithm>
#include <array>
#include <span>

namespace session_guard
{

namespace
{

constexpr std::size_t batch_size = 200;
constexpr Duration pause_between_batches = 100 * millisecond;
constexpr Duration pause_under_pressure = 10 * millisecond;
/* An event that is still open after this goes to the history as it is. */
constexpr Duration patience = minute;
/* The same while somebody waits for room. */
constexpr Duration patience_under_pressure = 100 * millisecond;
constexpr Duration shortest_retry = second;
constexpr Duration longest_retry = 30 * second;
/* After this long nobody is to wait any more for a history that cannot be written. */
constexpr Duration hopeless = 10 * second;

/* What the writer does, each in transactions of its own, so that one does not hinder the other. */
struct Task
{
	/* Said when it fails, and when it succeeds again. */
	const char *failure;
	const char *success;
	/* When it is to be tried next, by the monotonic clock. */
	Duration next;
	/* How long to wait after the next failure. */
	Duration retry_pause;
	bool is_failing;
	Duration failing_since;
};
Task writing{.failure = "could not write the history",
             .success = "the history is written again",
             .next = 0,
             .retry_pause = shortest_retry,
             .is_failing = false,
             .failing_since = 0};
Task deleting{.failure = "could not delete from the history",
              .success = "expired rows of the history are deleted again",
              .next = 0,
              .retry_pause = shortest_retry,
              .is_failing = false,
              .failing_since = 0};

/* Room for the numbers of all events. */
std::span<std::uint64_t> numbers;
bool said_missing = false;
/* There is something to write as soon as it is time. */
bool has_more = false;
/* There are open events, which may have to be written as they are. */
bool has_open = false;
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

/* Collect what is to be written; what is open keeps its place for the next time, unless all is to
 * be written. */
void
collect(bool takes_all)
{
	Duration now = monotonic_now();

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

bool
is_hopeless(const Task &task)
{
	return task.is_failing && monotonic_now() - task.failing_since > hopeless;
}

/* Note a failure, say it once until there is a success, and wait before the next try. */
void
report_failure(Task &task, const ErrorData &error)
{
	count(shared()->counters.history_failures);
	note_error(error.message);
	if (!task.is_failing)
		ereport(WARNING,
		        (errcode(error.sqlerrcode), errmsg("%s: %s", task.failure, error.message)));
	Duration now = monotonic_now();
	if (!task.is_failing)
		task.failing_since = now;
	task.is_failing = true;
	task.next = now + task.retry_pause;
	/* Somebody may be waiting for it. */
	if (!is_pressed || is_hopeless(task))
		task.retry_pause = std::min(2 * task.retry_pause, longest_retry);
}

void
report_success(Task &task)
{
	if (task.is_failing)
		ereport(LOG, (errmsg("%s", task.success)));
	task.is_failing = false;
	task.retry_pause = shortest_retry;
	task.next = monotonic_now() + pause_between_batches;
}

enum class Result
{
	Done,
	NoTable,
	Failed,
};

/* Do some work on the table in a transaction, and see to whatever error it meets. */
template <typename Work>
Result
run(Task &task, Work work)
{
	static_assert(std::is_trivially_destructible_v<Work>);
	MemoryContext context = CurrentMemoryContext;
	volatile Result result = Result::NoTable;

	SetCurrentStatementStartTimestamp();
	pgstat_report_activity(STATE_RUNNING, "session_guard.history");
	PG_TRY();
	{
		StartTransactionCommand();
		if (lock_history_table())
		{
			SPI_connect();
			PushActiveSnapshot(GetTransactionSnapshot());
			work();
			PopActiveSnapshot();
			SPI_finish();
			result = Result::Done;
		}
		CommitTransactionCommand();
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(context);
		ErrorData *error = CopyErrorData();
		FlushErrorState();
		AbortCurrentTransaction();
		MemoryContextSwitchTo(context);
		report_failure(task, *error);
		FreeErrorData(error);
		result = Result::Failed;
	}
	PG_END_TRY();
	MemoryContextSwitchTo(context);
	/* Without these figures autovacuum would never come to the table. */
	(void)pgstat_report_stat(true);
	pgstat_report_activity(STATE_IDLE, nullptr);
	if (result == Result::Done)
		report_success(task);
	return result;
}

/* Look for the table again after a while; say once that there is none to write to. */
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

/* Note that the batch is committed: its events may give way now. */
void
mark_batch()
{
	for (const EventEntry &entry : batch.all())
	{
		/* What was written before has only been corrected. */
		bool is_new = entry.moved_writes == 0;

		if (is_new)
			count(shared()->counters.history_rows);
		/* It gave way while it was being written, and so was taken for lost. */
		if (!mark_moved(entry) && is_new)
			uncount(shared()->counters.events_lost);
	}
}

/* Write what is to be written now, or all that can be; true if there is more of it. */
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
	auto insert_all = [&]
	{
		for (const EventEntry &entry : batch.all())
			write_to_history(entry.event, ring_start);
	};
	switch (run(writing, insert_all))
	{
		case Result::Done:
			said_missing = false;
			set_has_history(true);
			mark_batch();
			writing.next = monotonic_now() + pause_before_next();
			return has_more;
		case Result::NoTable:
			set_has_history(false);
			await_table();
			break;
		case Result::Failed:
			set_has_history(!is_hopeless(writing));
			break;
	}
	has_more = true;
	return false;
}

/*
 * Note which of the open events have had their effect: the guard does not any more.
 * While the server is shut down it cannot be told what became of a statement
 * whose session has ended.
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

/* Say how much will be lost with the memory. */
void
report_unwritten()
{
	std::size_t count = count_never_written();

	if (count > 0)
		ereport(LOG, (errmsg("%zu events are not in the history and will be lost", count)));
}

/* Delete some of what is past its retention, and plan when to go on. */
void
delete_batch()
{
	std::uint64_t deleted = 0;
	Result result =
	    run(deleting,
	        [&] { deleted = delete_from_history(GetCurrentTimestamp() - history_retention()); });

	if (result == Result::NoTable || (result == Result::Done && deleted == 0))
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
	/* Until it shows that there is no table. */
	set_has_history(true);
}

void
write_history()
{
	Duration now = monotonic_now();

	/* Who has called in between is not forgotten. */
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
		/* Asked before what they have left is collected. */
		is_last = !is_stopping || !others_may_act(monotonic_now() - start);
		if (is_stopping)
			settle_ended();
		while (write_batch(true))
			continue;
		if (!is_last)
			nap(10);
	} while (!is_last);
	if (is_stopping)
		report_unwritten();
}

long
history_sleep_time()
{
	Duration now = monotonic_now();
	Duration wake = has_more ? writing.next : never;

	if (has_open)
		wake = std::min(wake, now + (is_pressed ? patience_under_pressure : patience));
	if (history_retention() > 0)
		wake = std::min(wake, deleting.next);
	if (wake == never)
		return -1;
	return static_cast<long>((std::max<Duration>(wake - now, 0) + millisecond - 1) / millisecond);
}

void
adopt_retention()
{
	if (!deleting.is_failing)
		deleting.next = 0;
}

} // namespace session_guard
