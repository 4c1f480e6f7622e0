/*
 * An request: what a DBA's function asks for, and how it is carried out.
 *
 * All sessions of a request are evaluation at again and signaled first, then
 * awaited together, so that the whole takes as long as the slowest of them.
 */
#pragma once

#include "core/action.h"
#include "core/limits.h"
#include "core/spared.h"

#include "pg/growing_array.h"

#include "functions/filter.h"

#include <span>

namespace session_guard
{

/* Who gave a request, by which function and what for; worded once for all of its targets. */
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
	/* Whom it is about, as the caller has put it: the filters that were given. */
	const char *given;
	/* What the caller says of it, no longer than an event keeps; nullptr if nothing. */
	const char *reason;
	bool dry_run;

	Filter filter;
	bool except_self = true;
	/* Also sessions that wait for a synchronous standby. */
	bool include_sync_rep = false;
	/* The condition that the function names; whoever its limit spares is spared. */
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

/* One process of a request, and what became of it. */
struct Target
{
	/* Of a process without a status entry only the pid is known. */
	bool is_known;
	BackendSnapshot snapshot;
	/* The text of its query when it was selected. */
	text *query;
	/* The stamp of the statement to be canceled. */
	Timestamp statement;
	Action action;
	/* Its line is in the log, but neither a signal nor another line has followed. */
	bool is_announced;
	bool is_signaled;
	/* By the monotonic clock. */
	Instant signaled_at;
	/* The number of the event of its signal; 0 if there is none. */
	std::uint64_t event;
	/* None while it is yet to be signaled, or its effect to be awaited. */
	std::optional<Outcome> outcome;
	/* Static, or in the memory context of the call; nullptr if there is nothing to add. */
	const char *note;
};

/* The targets of a request, in the memory context of the call. */
using Targets = GrowingArray<Target>;

/* Carry out a request; the targets are sorted by the age of their session. */
Targets execute(const Request &request);

/* Is it the process that gave the request? */
bool is_self(const Target &target);

} // namespace session_guard
