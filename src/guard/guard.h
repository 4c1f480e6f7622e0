/*
 * The guard's work between two sleeps: take the clock, scan when it is time,
 * look at whoever is due, act.
 */
#pragma once

#include "core/time.h"

#include "pg/pg.h"

namespace session_guard
{

/* Prepare memory, plan and catalogs.  Once, when connected, outside a transaction. */
void prepare_guard();

/* Take over the settings, at start and after a reload. */
void adopt_settings();
void adopt_reload();

/* One wake-up.  Leaves early when a reload has come in between. */
void wake_up();

/* Show what comes next, and return how long to sleep until then, in milliseconds. */
long prepare_sleep();

} // namespace session_guard
