/*
 * Forward steps of the wall clock.
 *
 * The stamps in backend status are wall clock.  When somebody sets the clock
 * an hour ahead, every idle session seems an hour older: a step is noticed by
 * comparing the wall clock with a monotonic one at two readings, and taken off
 * every episode that began before it.
 *
 * A backward step makes sessions look younger, never older, so nothing is
 * added for it; it only takes back forward steps that were noticed before.  But
 * a stamp from before it lies ahead of the clock, and a later forward step must
 * still be taken off that stamp too.
 */
#pragma once

#include "core/time.h"

#include <array>
#include <cstddef>
#include <type_traits>

namespace session_guard
{

/* The wall clock has to move by more than this against the monotonic one. */
inline constexpr Duration smallest_step = second;

/* One forward step: stamps not later than "until" were made before it. */
struct Step
{
	Timestamp until;
	Duration amount;
};

/* Lives in shared memory, so that a restart of the worker forgets no step. */
struct Clock
{
	/* The last reading of both clocks; wall is unknown_time before the first. */
	Timestamp wall;
	Duration monotonic;
	/* The latest that the wall clock has ever shown: no stamp is later. */
	Timestamp latest;
	/* Oldest first. */
	std::array<Step, 16> steps;
	std::size_t count;
};
static_assert(std::is_trivially_destructible_v<Clock>);

/* Take a reading of both clocks, and return the forward step it shows, or 0. */
Duration read_clock(Clock &clock, Timestamp wall, Duration monotonic);

/* How far the wall clock has stepped ahead since a stamp was made. */
Duration stepped_since(const Clock &clock, Timestamp stamp);

/* How long ago a stamp was made, without the steps since; negative if it lies ahead. */
Duration elapsed(const Clock &clock, Timestamp since, Timestamp now);

/* The wall-clock time at which a threshold counted from a stamp is reached. */
Timestamp deadline_of(const Clock &clock, Timestamp start, Duration threshold);

} // namespace session_guard
