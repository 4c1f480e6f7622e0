/*
 * When to read the memory of a session again.
 *
 * Nothing tells when a session has passed a number of bytes, so it is read as soon
 * as it could have, had it done nothing but grow since it was read last.
 */
#pragma once

#include "core/policy.h"
#include "core/session.h"
#include "core/time.h"
#include "core/tracking_state.h"

#include <cstdint>

namespace session_guard
{

/*
 * The growth that is reckoned with, in bytes per microsecond: 1.5 GB per second.
 * (Measured: a sort grew by 0.9 GB per second, aggregates and variables by up to 1.3.)
 */
inline constexpr std::int64_t fastest_growth = 1500;

/* At the fastest growth, 30 MB. */
inline constexpr Duration shortest_memory_pause = 20 * millisecond;

/* However far it is from its limit. */
inline constexpr Duration longest_memory_pause = minute;

/*
 * So long after an action it is known whether the memory has been given back.
 * (Measured: sessions of 0.5 to 1.6 GB had done so 35 to 77 ms after a cancel, or a
 * terminate.)
 */
inline constexpr Duration memory_falls_within = 200 * millisecond;

/*
 * A statement that was canceled for memory has no more time than this, whatever cancel_grace is:
 * it may take a gigabyte meanwhile.
 */
inline constexpr Duration longest_grace_for_memory = second;

/*
 * A shortage can last for hours.  So long after a cancel for it, it is another matter if the
 * same session uses the most again.
 */
inline constexpr Duration harm_of_shortage_lasts = 10 * second;

/*
 * How long to wait before the next reading of a session that has used so much of a
 * limit, both in bytes and not negative, if nobody reads for longer than the longest
 * pause.  It is the shortest pause for a session that is over the limit, or has
 * reached it.
 */
Duration memory_sampling_pause(std::int64_t used, std::int64_t limit, Duration longest);

/* When the memory of a session at work is to be read again, after a first reading. */
Instant next_memory_reading(const TrackedMemory &known, const Policy &policy);

/*
 * Is the memory of a session to be read for its limit?  That costs reads in /proc, so
 * it is wanted only if the session can have grown since it was read last, by what it
 * has run meanwhile or by what it runs now; or if the limit is another one now.
 */
bool wants_memory(const Session &session, const TrackingState &tracking, const Policy &policy,
                  Instant now);

} // namespace session_guard
