/*
 * The present moment by both clocks, and what is known of steps of the wall clock,
 * in shared memory so that a restart of the guard forgets none.
 */
#pragma once

#include "core/wall_clock.h"

#include "pg/pg.h"

namespace session_guard
{

Size present_time_size();
void present_time_init(void *memory, bool found);

/* The present moment, by both clocks. */
struct Moment
{
	Instant now;
	Timestamp wall;
};

/* What the guard knows of the wall clock, for the guard, which alone writes it. */
const Clock &wall_clock();

/*
 * Take the present moment, for the guard: a step of the wall clock since the last
 * reading is noted and logged, and the guard's heartbeat set.  To be called after a
 * status entry was read, so that no stamp in it is of a stretch that is not known
 * yet.
 */
Moment take_time();

/* Has the wall clock been set since this was last asked? */
bool take_step();

/*
 * For other processes than the guard: a copy of what it knows of steps, with the
 * one that may have happened since its last reading.  Without shared memory no step
 * is known.
 */
struct PresentClock
{
	Clock clock;
	Instant now;
};
PresentClock present_clock();

} // namespace session_guard
