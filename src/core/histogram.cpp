/*
 * How often something took how long (see histogram.h).
 */
#include "core/histogram.h"

#include <algorithm>
#include <bit>
#include <numeric>

namespace session_guard
{

namespace
{

/* The first range is for all that is shorter than this, a power of two. */
constexpr int first_bits = 6;
constexpr std::uint64_t first_limit = 1U << first_bits;

} // namespace

std::size_t
range_of(Duration duration)
{
	auto value = static_cast<std::uint64_t>(std::max<Duration>(duration, 0));

	if (value < first_limit)
		return 0;
	int doublings = static_cast<int>(std::bit_width(value)) - 1 - first_bits;
	std::uint64_t quarter = (value >> (doublings + first_bits - 2)) & 3;

	return std::min(static_cast<std::size_t>(doublings) * 4 + quarter + 1, histogram_size - 1);
}

Duration
longest_of(std::size_t range)
{
	if (range == 0)
		return first_limit - 1;
	if (range >= histogram_size - 1)
		return never;
	/* One less than where the next range begins. */
	std::size_t doublings = range / 4;
	std::uint64_t quarters = 4 + range % 4;

	return static_cast<Duration>((quarters << (doublings + first_bits - 2)) - 1);
}

std::optional<Duration>
percentile(const Histogram &histogram, int percent, Duration longest)
{
	std::uint64_t all = std::accumulate(histogram.begin(), histogram.end(), std::uint64_t{0});
	/* Rounded up: of three, 50 percent are two. */
	std::uint64_t wanted = (all * static_cast<std::uint64_t>(percent) + 99) / 100;
	std::uint64_t counted = 0;

	if (all == 0)
		return std::nullopt;
	for (std::size_t range = 0; range < histogram_size; range++)
	{
		counted += histogram[range];
		if (counted >= wanted)
			return std::min(longest_of(range), longest);
	}
	return longest;
}

} // namespace session_guard
