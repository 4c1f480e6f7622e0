/*
 * Time as the core sees it.
 *
 * Both types are the server's own units (TimestampTz and its differences):
 * int64 microseconds, stamps counted from 2000-01-01 00:00 UTC.  There is no
 * clock in here: whoever asks for a decision hands the present time in.
 */
#pragma once

#include <cstdint>
#include <limits>

namespace session_guard
{

using Timestamp = std::int64_t;
using Duration = std::int64_t;

/* What the server writes where it has no stamp. */
inline constexpr Timestamp unknown_time = 0;
/* A deadline that never comes. */
inline constexpr Timestamp never = std::numeric_limits<Timestamp>::max();

inline constexpr Duration millisecond = 1000;
inline constexpr Duration second = 1000 * millisecond;
inline constexpr Duration minute = 60 * second;

/* Add a duration that is not negative, and stop at "never" instead of overflowing. */
constexpr Timestamp
later(Timestamp start, Duration by)
{
	return start > never - by ? never : start + by;
}

} // namespace session_guard
