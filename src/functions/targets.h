/*
 * Whom a request is about.
 */
#pragma once

#include "functions/filter_matcher.h"
#include "functions/request.h"

namespace session_guard
{

/*
 * Why the caller may not do to a process what the request asks for; nullptr if it
 * may.  Whoever is denied is not evaluation at any further: whatever an answer tells
 * beyond that might be what pg_stat_activity hides.
 */
const char *denial_of(const Request &request, const PGPROC &process);

/* Select the targets of a request, and tell the caller whom it had to leave out. */
Targets select_targets(const Request &request, FilterMatcher &matcher);

/* Processes that were about to connect when the request came. */
struct Connecting
{
	int *pids;
	std::size_t count;
};

/* Those who had come into the request's database; nobody if it is not about one. */
Connecting find_connecting(const Request &request);

/* Is one of them still about to connect? */
bool is_connecting(const Request &request, const Connecting &connecting);

/* The process in a place if it is one of them; 0 if not.  Others may yet be turned away. */
int connecting_in(const Connecting &connecting, int slot, Oid database);

/*
 * Add sessions that were not to be seen yet when the first were selected
 * though they had begun to connect before; true if there are any.
 */
bool add_late_targets(const Request &request, FilterMatcher &matcher, Timestamp started,
                      Targets &targets);

/* Give a target its outcome; always true, for who answers whether it is settled. */
bool settle(Target &target, Outcome outcome, const char *note);

/*
 * Look at a target again.  If it is no longer what the request is about, settle
 * it as gone, raced or spared, with a note; true then.
 */
bool recheck(const Request &request, FilterMatcher &matcher, Target &target);

/* Does the statement of a target that is to be canceled still run? */
bool still_runs(const Target &target);

} // namespace session_guard
