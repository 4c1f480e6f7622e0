/*
 * The wall clock, and where its stamps lie on the monotonic clock.
 *
 * The stamps in backend status are wall clock.  When it is set an hour ahead,
 * every session seems an hour older; when it is set back, as much younger.  Two
 * readings of both clocks show a step between them.  From one step to the next
 * the wall clock runs a constant time ahead of the monotonic one: a stretch.
 *
 * A stamp does not tell in which stretch it was made, but it must have been made
 * while that stretch lasted.  Where that leaves two explanations, the later one
 * holds, so that no session seems older than it is.  So a stamp is best placed when
 * it is read for the first time, and then not moved (core/tracking_state.h).
 */
#pragma once

#include "core/time.h"

#include <array>
#include <cstddef>
#include <type_traits>

namespace session_guard
{

/*
 * The wall clock has to move by more than this against the monotonic one to
 * have been set, and by more than a thousandth of the time that has passed: it
 * may be slewed.
 */
inline constexpr Duration smallest_step = 50 * millisecond;
inline constexpr Duration slew_divisor = 1000;

/* The time from one step of the wall clock to the next. */
struct Stretch
{
	/* The readings between which it began; both "beginning" for the first. */
	Instant after;
	Instant by;
	/* How far the wall clock is ahead of the monotonic one. */
	Duration offset;
};

/* Lives in shared memory, so that a restart of the worker forgets no step. */
struct Clock
{
	/* The last reading of both clocks. */
	Timestamp wall;
	Instant monotonic;
	/* Oldest first; none before the first reading. */
	std::array<Stretch, 16> stretches;
	std::size_t count;
};
static_assert(std::is_trivially_destructible_v<Clock>);

/* Take a reading of both clocks, and return the step it shows: ahead, back (negative), or 0. */
Duration read_clock(Clock &clock, Timestamp wall, Instant monotonic);

/*
 * When a stamp was made that is read now, that is, at the latest reading of the clocks.  A
 * stamp that cannot be explained was made now.  Without a reading both clocks
 * are taken for one.
 */
Instant time_of(const Clock &clock, Timestamp stamp, Instant now);

/* What the wall clock showed, or will show, at a moment if it is not set again. */
Timestamp wall_time_of(const Clock &clock, Instant moment);

} // namespace session_guard
