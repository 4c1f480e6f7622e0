/*
 * A task of the history writer: something that it does on the table again and
 * again, in transactions of its own, so that the failure of one task does not
 * hinder the other.
 */
#pragma once

#include "core/time.h"

#include "pg/pg.h"

#include "history/history_table.h"
#include "history/version_notice.h"

#include <type_traits>

namespace session_guard
{

struct HistoryTask
{
	/* What is logged when it fails, and when it succeeds again. */
	const char *failure;
	const char *success;
	/* When to try it next, by the monotonic clock. */
	Duration next;
	/* How long to wait after the next failure. */
	Duration retry_pause;
	bool is_failing;
	Duration failing_since;
};

/* Between two successes, and after a failure. */
inline constexpr Duration pause_between_batches = 100 * millisecond;
inline constexpr Duration shortest_retry = second;
inline constexpr Duration longest_retry = 30 * second;

/* A task that has not been tried yet. */
constexpr HistoryTask
new_task(const char *failure, const char *success)
{
	return {.failure = failure,
	        .success = success,
	        .next = 0,
	        .retry_pause = shortest_retry,
	        .is_failing = false,
	        .failing_since = 0};
}

/* Has the task failed for so long that no session is to wait for it any more? */
bool is_hopeless(const HistoryTask &task);

/* Count a failure, log it unless the last attempt has failed too, and plan the next attempt. */
void report_failure(HistoryTask &task, const ErrorData &error, bool is_awaited);

/* Note that the task has succeeded, and plan the next time. */
void report_success(HistoryTask &task);

enum class TaskResult
{
	Done,
	NoTable,
	Failed,
};

/* Show what the writer does in pg_stat_activity, and to the statistics. */
void begin_task();
void end_task();

/*
 * Do some work on the locked table in a transaction of its own, and report the
 * error if it fails.  Sessions may be waiting for its success ("is_awaited"): then
 * it is tried again soon.
 */
template <typename Work>
TaskResult
run_task(HistoryTask &task, bool is_awaited, Work work)
{
	static_assert(std::is_trivially_destructible_v<Work>);
	MemoryContext context = CurrentMemoryContext;
	volatile TaskResult result = TaskResult::NoTable;

	begin_task();
	PG_TRY();
	{
		StartTransactionCommand();
		if (Oid table = lock_history_table(); OidIsValid(table))
		{
			tell_of_versions(table);
			SPI_connect();
			PushActiveSnapshot(GetTransactionSnapshot());
			work(table);
			PopActiveSnapshot();
			SPI_finish();
			result = TaskResult::Done;
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
		report_failure(task, *error, is_awaited);
		FreeErrorData(error);
		result = TaskResult::Failed;
	}
	PG_END_TRY();
	MemoryContextSwitchTo(context);
	end_task();
	if (result == TaskResult::Done)
		report_success(task);
	return result;
}

} // namespace session_guard
