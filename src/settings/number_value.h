/*
 * Numbers as they are written in settings: whole units of time, or of something
 * else, and none between 0 and the smallest that can be kept.
 *
 * 0 means "off" or "for ever", so what was meant to be short must not be rounded to
 * it.  The server rounds an integer before its check hook sees it; so these settings
 * are real numbers to the server, and rounded here as the server would.
 */
#pragma once

#include "core/time.h"

#include <optional>

namespace session_guard
{

/* The smallest number of units, beside 0, of a time that can be kept. */
int smallest_in(Duration unit);

/* The whole units of a number; nothing if it cannot be kept. */
std::optional<int> whole_units(double number, int smallest);

/*
 * The duration that was written, with or without a unit, or nothing if it cannot be
 * kept.  The flags say which unit it is without one (GUC_UNIT_MS, for example).
 */
std::optional<Duration> parse_duration(const char *text, int flags, Duration unit);

/* The duration of a number that is whole, as the check hooks leave it. */
constexpr Duration
duration_of(double units, Duration unit)
{
	return static_cast<Duration>(units) * unit;
}

} // namespace session_guard
