/*
 * How often something took how long, in a fixed number of ranges.
 *
 * There are four ranges to each doubling, so what is read out of it is at most
 * a quarter more than what went in.
 */
#pragma once

#include "core/time.h"

#include <array>
#include <cstddef>
#include <optional>

namespace session_guard
{

inline constexpr std::size_t histogram_size = 128;
/* A count for each range. */
using Histogram = std::array<std::uint64_t, histogram_size>;

/* The range that a duration falls into; what is negative counts as 0. */
std::size_t range_of(Duration duration);

/* The longest duration of a range; that of the last range is as good as "never". */
Duration longest_of(std::size_t range);

/*
 * The duration that so many percent did not exceed; none if nothing was
 * counted.  The longest duration that was counted bounds it.
 */
std::optional<Duration> percentile(const Histogram &histogram, int percent, Duration longest);

} // namespace session_guard
