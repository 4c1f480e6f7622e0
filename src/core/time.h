/*
 * Time as the core sees it, in int64 microseconds.
 *
 * What the server stamps is wall clock, and somebody may set that clock.  So
 * everything is measured, planned and compared by the monotonic clock;
 * core/wall_clock.h places a stamp there.  There is no clock in here: whoever asks
 * for a decision hands the present moment in.
 */
#pragma once

#include <cstdint>
#include <limits>

namespace session_guard
{

/* The server's TimestampTz: wall clock, counted from 2000-01-01 00:00 UTC. */
using Timestamp = std::int64_t;
/* By a clock that nobody sets (CLOCK_MONOTONIC), counted from an arbitrary beginning. */
using Instant = std::int64_t;
using Duration = std::int64_t;

/* What stands where there is no stamp, or no instant. */
inline constexpr Timestamp unknown_time = 0;
/* A deadline that never comes. */
inline constexpr Instant never = std::numeric_limits<Instant>::max();
/* Before anything that ever was. */
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
