/*
 * The wall clock (see wall_clock.h).
 */
#include "core/wall_clock.h"

#include <algorithm>
#include <cstdlib>

namespace session_guard
{

namespace
{

/* Two clocks are not read in the same moment, and slewing bends a stretch a little. */
constexpr Duration jitter = 5 * millisecond;

/*
 * When the list is full the oldest is forgotten: what is older cannot be
 * explained any more.  Nor can what was made between the readings around its
 * end: it may be of either.
 */
void
begin_stretch(Clock &clock, const Stretch &stretch)
{
	if (clock.count == clock.stretches.size())
	{
		std::move(clock.stretches.begin() + 1, clock.stretches.end(), clock.stretches.begin());
		clock.count--;
		clock.stretches[0].after = clock.stretches[0].by;
	}
	clock.stretches[clock.count++] = stretch;
}

} // namespace

Duration
read_clock(Clock &clock, Timestamp wall, Instant monotonic)
{
	Duration offset = wall - monotonic;
	Duration step = 0;

	if (clock.count == 0)
		begin_stretch(clock, {.after = beginning, .by = beginning, .offset = offset});
	else
	{
		Stretch &present = clock.stretches[clock.count - 1];
		Duration moved = offset - present.offset;

		if (std::abs(moved) > std::max(smallest_step, (monotonic - clock.monotonic) / slew_divisor))
		{
			step = moved;
			begin_stretch(clock, {.after = clock.monotonic, .by = monotonic, .offset = offset});
		}
		else
			present.offset = offset;
	}
	clock.wall = wall;
	clock.monotonic = monotonic;
	return step;
}

Instant
time_of(const Clock &clock, Timestamp stamp, Instant now)
{
	Instant latest = beginning;
	Instant end = now;

	if (clock.count == 0)
		return std::min(stamp, now);
	for (std::size_t i = clock.count; i > 0; i--)
	{
		const Stretch &stretch = clock.stretches[i - 1];
		Instant made = stamp - stretch.offset;

		if (made >= stretch.after - jitter && made <= end + jitter)
			latest = std::max(latest, made);
		end = stretch.by;
	}
	return latest == beginning ? now : std::min(latest, now);
}

Timestamp
wall_time_of(const Clock &clock, Instant moment)
{
	return clock.count == 0 ? moment : moment + clock.stretches[clock.count - 1].offset;
}

} // namespace session_guard
