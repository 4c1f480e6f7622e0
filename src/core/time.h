/*
 * Time as the core sees it, in int64 microseconds.
 *
 * The server's stamps are wall-clock time, and that clock may be set.  So everything
 * is measured, planned and compared by the monotonic clock, on which
 * core/wall_clock.h places the stamps.  No clock is read in the core: the callers
 * pass the present moment.
 */
#pragma once

#include <cstdint>
#include <limits>

namespace session_guard
{

/* The server's TimestampTz: wall clock, counted from 2000-01-01 00:00 UTC. */
using Timestamp = std::int64_t;
/* A moment of the monotonic clock (CLOCK_MONOTONIC), counted from an arbitrary beginning. */
using Instant = std::int64_t;
/* A length of time. */
using Duration = std::int64_t;

/* The value where there is no stamp, or no instant. */
inline constexpr Timestamp unknown_time = 0;
/* The deadline that never comes. */
inline constexpr Instant never = std::numeric_limits<Instant>::max();
/* An instant before all others. */
inline constexpr Instant beginning = std::numeric_limits<Instant>::min() / 2;

inline constexpr Duration millisecond = 1000;
inline constexpr Duration second = 1000 * millisecond;
inline constexpr Duration minute = 60 * second;

/* Add a duration that is not negative, and stop at "never" instead of overflowing. */
constexpr Instant
later(Instant start, Duration by)
{
	return start > never - by ? never : start + by;
}

} // namespace session_guard
