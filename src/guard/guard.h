/*
 * The guard's work between two sleeps: take the time, scan when it is due,
 * handle the deadlines that are due, follow what was signaled.
 */
#pragma once

#include "core/time.h"

namespace session_guard
{

/* Prepare memory, plans and catalogs, and take over the settings.  Once, when connected, outside a
 * transaction. */
void prepare_guard();

/* Take over the settings after a reload. */
void adopt_reload();

/* One wake-up.  Leaves early when a reload has come in between. */
void wake_up();

/* Show what comes next, and return until when to sleep. */
Instant prepare_sleep();

} // namespace session_guard
