/*
 * Tries, failures and successes of the history writer's tasks (see history_task.h).
 */
#include "history/history_task.h"

#include "pg/monotonic_clock.h"

#include "shmem/counters.h"

#include <algorithm>

namespace session_guard
{

namespace
{

/* After this long no session is to wait any more for a history that cannot be written. */
constexpr Duration hopeless = 10 * second;

} // namespace

bool
is_hopeless(const HistoryTask &task)
{
	return task.is_failing && monotonic_now() - task.failing_since > hopeless;
}

void
report_failure(HistoryTask &task, const ErrorData &error, bool is_awaited)
{
	count(shared_counters().history_failures);
	note_error(error.message, task.failure);
	if (!task.is_failing)
		ereport(WARNING,
		        (errcode(error.sqlerrcode), errmsg("%s: %s", task.failure, error.message)));
	Duration now = monotonic_now();
	if (!task.is_failing)
		task.failing_since = now;
	task.is_failing = true;
	task.next = now + task.retry_pause;
	if (!is_awaited || is_hopeless(task))
		task.retry_pause = std::min(2 * task.retry_pause, longest_retry);
}

void
report_success(HistoryTask &task)
{
	if (task.is_failing)
		ereport(LOG, (errmsg("%s", task.success)));
	task.is_failing = false;
	task.retry_pause = shortest_retry;
	task.next = monotonic_now() + pause_between_batches;
}

void
begin_task()
{
	SetCurrentStatementStartTimestamp();
	pgstat_report_activity(STATE_RUNNING, "session_guard.history");
}

void
end_task()
{
	/* Without these figures autovacuum would never process the table. */
	(void)pgstat_report_stat(true);
	pgstat_report_activity(STATE_IDLE, nullptr);
}

} // namespace session_guard
