/*
 * The present time, by a clock that nobody sets, and steps of the wall clock.
 */
#pragma once

#include "core/wall_clock.h"

namespace session_guard
{

/* A clock that nobody sets, from an arbitrary beginning. */
Instant monotonic_now();

/* The present moment, by both clocks. */
struct Moment
{
	Instant now;
	Timestamp wall;
};

/* Read both clocks, and note a step of the wall clock; returns it as read_clock() does. */
struct ClockReading
{
	Moment moment;
	Duration step;
};
ClockReading read_clocks(Clock &clock);

/*
 * For the guard: the present moment, with a step of the wall clock since the
 * last reading noted and logged, and the guard's heartbeat.  To be called after a status entry was
 * read, so that no stamp in it is of a stretch that is not known yet.
 */
Moment take_time();

/* Has the wall clock been set since this was last asked? */
bool take_step();

/*
 * For other processes than the guard: a copy of what it knows of steps, with the
 * one that may have happened since its last reading.  Without the library
 * preloaded no step is known.
 */
struct PresentClock
{
	Clock clock;
	Instant now;
};
PresentClock present_clock();

} // namespace session_guard
