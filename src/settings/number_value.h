/*
 * Numbers as they are written in settings: whole units of time, or of something
 * else, and none between 0 and the smallest that can be kept.
 *
 * 0 means "off" or "for ever", so what was meant to be short must not be rounded to
 * it.  The server rounds an integer before its check hook sees it; so these settings
 * are real numbers to the server, and rounded here as the server would.
 */
#pragma once

#include "core/limits.h"
#include "core/time.h"

#include <algorithm>
#include <optional>

namespace session_guard
{

/* The smallest number of units, beside 0, of a time that can be kept. */
constexpr int
smallest_in(Duration unit)
{
	return static_cast<int>(std::max<Duration>(1, smallest_threshold / unit));
}

/* A session that has done nothing yet has some megabytes for itself. */
inline constexpr int smallest_kilobytes = 16 * 1024;
/* Less than this passes while somebody thinks. */
inline constexpr int smallest_transactions = 1000;
/* The longest idle time before a probe that the kernel takes, in seconds (tcp(7)). */
inline constexpr int longest_keepalive = 32767;
inline constexpr std::int64_t kilobyte = 1024;

/* The whole units of a number; nothing if it cannot be kept. */
std::optional<int> whole_units(double number, int smallest);

/*
 * The amount that was written, with or without a unit, or nothing if it cannot be
 * kept.  The flags say which unit it is without one (GUC_UNIT_MS, for example), and
 * "unit" how much that is.
 */
std::optional<std::int64_t> parse_amount(const char *text, int flags, std::int64_t unit,
                                         int smallest);

/* The duration of a number that is whole, as the check hooks leave it. */
constexpr Duration
duration_of(double units, Duration unit)
{
	return static_cast<Duration>(units) * unit;
}

} // namespace session_guard
