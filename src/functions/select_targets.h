/*
 * Which processes a request is about.
 */
#pragma once

#include "functions/filter_matcher.h"
#include "functions/request.h"

namespace session_guard
{

/* Select the targets of a request, and tell the caller which it had to leave out. */
Targets select_targets(const Request &request, FilterMatcher &matcher);

/* Processes that were about to connect when the request came. */
struct Connecting
{
	int *pids;
	std::size_t count;
};

/* Those that had come into the request's databases; none if it is not about one. */
Connecting find_connecting(const Request &request);

/* Is one of them still about to connect? */
bool is_connecting(const Request &request, const Connecting &connecting);

/* The process in a place if it is one of them; 0 if not: others may yet be turned away. */
int connecting_in(const Connecting &connecting, int slot, Oid database);

/*
 * Add sessions that were not to be seen yet when the first were selected
 * though they had begun to connect before; true if there are any.
 */
bool add_late_targets(const Request &request, FilterMatcher &matcher, Timestamp started,
                      Targets &targets);

} // namespace session_guard
