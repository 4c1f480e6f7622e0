/*
 * What is said of an order: to the log, to the client of its target, and to the
 * history.
 */
#pragma once

#include "server/events.h"
#include "server/lookout.h"
#include "server/orders.h"
#include "server/reasons.h"

namespace session_guard
{

/* Who gave an order, by which function and what for. */
Origin origin_of(const Order &order);

/*
 * Write who ends whom, by which function and why, and how often that was done
 * before.  The target is announced as soon as the line may be written, for
 * whoever is interrupted by then.
 */
void announce(const Order &order, Target &target, std::int64_t times_before);

/* What the client of a target is told. */
Reason reason_for(const Order &order, const Target &target);

/* The event of what is done, or was not done, to a target that was announced. */
Event event_of(const Order &order, const Lookout &lookout, const Target &target);

} // namespace session_guard
