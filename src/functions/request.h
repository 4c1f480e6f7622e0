/*
 * A request: what a DBA asks for by a function, and the processes that it is
 * about.  Plain data; execute_request.h carries it out.
 */
#pragma once

#include "core/action.h"
#include "core/limits.h"
#include "core/spared.h"

#include "pg/growing_array.h"

#include "functions/filter.h"

namespace session_guard
{

/* Who has made a request, by which function and what for; worded once for all of its targets. */
struct Origin
{
	/* role "dba" */
	const char *caller;
	/* role "dba" with terminate_db_sessions(): "deployment 4.2" */
	const char *in_log;
	/* The same in ASCII. */
	const char *for_client;
};

struct Request
{
	/* The SQL function, for log and messages. */
	const char *function;
	Action action;
	/* How long to wait for the effect, for all targets together; 0 does not wait. */
	Duration timeout;
	/* Which sessions it is about, as the caller has put it: the filters that were given. */
	const char *given;
	/* What the caller says of it, no longer than an event keeps; nullptr if nothing. */
	const char *reason;
	bool dry_run;

	Filter filter;
	bool except_self = true;
	/* Also sessions that wait for a synchronous standby. */
	bool include_sync_rep = false;
	/* The condition that the function names; what its limit spares is spared. */
	std::optional<Condition> condition;
	bool include_spared = false;
	/* Say what still uses the filter's databases when all is done. */
	bool empties_databases = false;

	/* Only this process, of whatever kind it is and whatever it is at; there is no filter then. */
	std::optional<int> pid;
	/* ... and only if it is this session. */
	std::optional<Timestamp> backend_start;
	/* After a cancel: terminate if the very same statement still runs after this. */
	std::optional<Duration> grace;

	/* Known when it is carried out. */
	Origin origin;
	/*
	 * When the timeout is over, which follows the grace, by the monotonic clock.
	 * Whatever a request waits for, it waits no longer.
	 */
	Instant deadline;
};

/* One process that a request is about, and what became of it. */
struct Target
{
	/* Of a process without a status entry only the backend is known, and of that no start. */
	bool is_known;
	BackendSnapshot snapshot;
	/* The text of its query when it was selected. */
	text *query;
	/* The stamp of the statement to be canceled. */
	Timestamp statement;
	Action action;
	/* It is, or is to be, asked to end after its transaction, instead of being signaled. */
	bool is_asked;
	/* Its line is in the log, but neither a signal nor another line has followed. */
	bool is_announced;
	bool is_signaled;
	/* By the monotonic clock; and until when the effect is waited for. */
	Instant signaled_at;
	Instant awaited_until;
	/* The number of the event of its signal; 0 if there is none. */
	std::uint64_t event;
	/* None while it is yet to be signaled, or its effect to be awaited. */
	std::optional<Outcome> outcome;
	/* Static, or in the memory context of the call; nullptr if there is nothing to add. */
	const char *note;

	/* Is it the process that has made the request? */
	bool
	is_self() const
	{
		return snapshot.backend.id.pid == MyProcPid;
	}

	/* Has it been signaled, and is the effect not known yet? */
	bool
	is_awaited() const
	{
		return is_signaled && !outcome;
	}

	void
	settle(Outcome became, const char *why = nullptr)
	{
		outcome = became;
		note = why;
	}
};

/* The targets of a request, in the memory context of the call. */
using Targets = GrowingArray<Target>;

} // namespace session_guard
