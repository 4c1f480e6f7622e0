/*
 * What the guard shows of its work: in session_guard.stats, in pg_stat_activity
 * and, at level DEBUG1, in the log.
 */
#pragma once

#include "core/time.h"

#include "status/scan.h"

namespace session_guard
{

/* Show what the guard goes by, and when it scans next. */
void show_plans();

/* Show that there is nothing to be guarded. */
void show_rest();

/* Show what came of a scan that began at this moment. */
void show_scan(ScanKind kind, std::size_t sessions, Instant start);

} // namespace session_guard
