/*
 * Whom an order is about.
 */
#pragma once

#include "server/lookout.h"
#include "server/orders.h"

namespace session_guard
{

/*
 * Why the caller may not do to a process what the order asks for; nullptr if it
 * may.  Whoever is denied is not looked at any further: whatever an answer tells
 * beyond that might be what pg_stat_activity hides.
 */
const char *denial_of(const Order &order, const PGPROC &process);

/* Select the targets of an order, and tell the caller whom it had to leave out. */
Targets select_targets(const Order &order, Lookout &lookout);

/* Processes that were about to connect when the order came. */
struct Connecting
{
	int *pids;
	std::size_t count;
};

/* Those who had come into the order's database; nobody if it is not about one. */
Connecting find_connecting(const Order &order);

/* Is one of them still about to connect? */
bool is_connecting(const Order &order, const Connecting &connecting);

/* The process in a place if it is one of them; 0 if not.  Others may yet be turned away. */
int connecting_in(const Connecting &connecting, int slot, Oid database);

/*
 * Add sessions that were not to be seen yet when the first were selected
 * though they had begun to connect before; true if there are any.
 */
bool add_late_targets(const Order &order, Lookout &lookout, Timestamp started, Targets &targets);

/* Give a target its outcome; always true, for who answers whether it is settled. */
bool settle(Target &target, Outcome outcome, const char *note);

/*
 * Look at a target again.  If it is no longer what the order is about, settle
 * it as gone, raced or spared, with a note; true then.
 */
bool look_again(const Order &order, Lookout &lookout, Target &target);

/* Does the statement of a target that is to be canceled still run? */
bool still_runs(const Target &target);

} // namespace session_guard
