/*
 * The present time, with steps of the wall clock noticed.
 */
#pragma once

#include "core/clock.h"

namespace session_guard
{

/*
 * Read the wall clock (TimestampTz), and note and log a forward step of it.
 * Whatever is measured against this time must have its steps taken off.
 */
Timestamp take_time();

/*
 * For other processes than the guard: a copy of what it knows of steps, with the
 * one that may have happened since its last reading.  Without the library
 * preloaded no step is known.
 */
Clock clock_at(Timestamp now);

/* A clock that nobody sets, from an arbitrary beginning. */
Duration monotonic_now();

} // namespace session_guard
