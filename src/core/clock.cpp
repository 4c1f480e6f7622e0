/*
 * Forward steps of the wall clock (see clock.h).
 */
#include "core/clock.h"

#include <algorithm>
#include <span>

namespace session_guard
{

namespace
{

/* Remember a step; when the list is full, the two oldest become one. */
void
remember(Clock &clock, Step step)
{
	if (clock.count == clock.steps.size())
	{
		/* The later boundary: what began between the two is measured too short, not too long. */
		clock.steps[1].until = std::max(clock.steps[0].until, clock.steps[1].until);
		clock.steps[1].amount += clock.steps[0].amount;
		std::move(clock.steps.begin() + 1, clock.steps.end(), clock.steps.begin());
		clock.count--;
	}
	clock.steps[clock.count++] = step;
}

/* Take a backward step off the forward steps, newest first: somebody has corrected the clock. */
void
take_back(Clock &clock, Duration step)
{
	while (step > 0 && clock.count > 0)
	{
		Step &newest = clock.steps[clock.count - 1];
		Duration part = std::min(step, newest.amount);

		newest.amount -= part;
		step -= part;
		if (newest.amount == 0)
			clock.count--;
	}
}

} // namespace

Duration
read_clock(Clock &clock, Timestamp wall, Duration monotonic)
{
	Duration step = 0;

	if (clock.wall != unknown_time)
	{
		/* Where the wall clock would be without a step, and may have been just before it. */
		Timestamp expected = clock.wall + (monotonic - clock.monotonic);

		clock.latest = std::max(clock.latest, expected);
		if (wall - expected > smallest_step)
		{
			step = wall - expected;
			remember(clock, {.until = clock.latest, .amount = step});
		}
		else if (expected - wall > smallest_step)
			take_back(clock, expected - wall);
	}
	clock.latest = std::max(clock.latest, wall);
	clock.wall = wall;
	clock.monotonic = monotonic;
	return step;
}

Duration
stepped_since(const Clock &clock, Timestamp stamp)
{
	Duration sum = 0;

	for (const Step &step : std::span(clock.steps).first(clock.count))
		if (stamp <= step.until)
			sum += step.amount;
	return sum;
}

Duration
elapsed(const Clock &clock, Timestamp since, Timestamp now)
{
	return now - since - stepped_since(clock, since);
}

Timestamp
deadline_of(const Clock &clock, Timestamp start, Duration threshold)
{
	return later(later(start, threshold), stepped_since(clock, start));
}

} // namespace session_guard
