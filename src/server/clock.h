/*
 * The present time, with steps of the wall clock noticed.
 */
#pragma once

#include "core/time.h"

namespace session_guard
{

/*
 * Read the wall clock (TimestampTz), and note and log a forward step of it.
 * Whatever is measured against this time must have its steps taken off.
 */
Timestamp take_time();

/* A clock that nobody sets, from an arbitrary beginning. */
Duration monotonic_now();

} // namespace session_guard
