/*
 * The guard's schedule of confirmations: what was signaled, by whomever, is read
 * again until the effect is seen (action/confirmation.h).
 *
 * That is 10 ms and 100 ms after the signal and then each second
 * (core/follow_up.h).  What is still there after 5 s has survived; a line in the
 * log says what it waits for.  After a minute it is read as often as there are
 * scans.
 */
#pragma once

#include "core/limits.h"
#include "core/session.h"

#include "action/confirmation.h"

#include <algorithm>
#include <optional>
#include <span>

namespace session_guard
{

/* A signal whose effect has not been seen.  Times are by the monotonic clock. */
struct Followed
{
	SentSignal signal;
	/* Of the guard only. */
	std::optional<Limit> limit;
	/* The rule that decided it; empty if none did. */
	std::array<char, NAMEDATALEN> rule;
	Waiter waiter;
	bool has_survived;
	/* The session of a cancel was found gone once. */
	bool was_gone;
	Instant next;
	bool is_done;
};

/* Allocate the memory.  Once; what is open in the ring of events will be followed. */
void prepare_following();

/* Take in the open events that are new in the ring. */
void follow_new_events();

/* When the next reading is due; never, if everything has had its effect. */
Instant next_follow_up();

/* Read whatever is due, in a transaction. */
void follow_up();

/* Everything whose effect is awaited; valid until something is followed. */
std::span<const Followed> awaited_signals();

/*
 * Is a session that passes a test expected to end, for whatever limit, or its statement for one
 * on blocking?
 */
template <typename Test>
bool
any_blocker_is_ending(Test passes)
{
	return std::ranges::any_of(awaited_signals(),
	                           [&](const Followed &followed)
	                           {
		                           bool matters =
		                               followed.signal.action == Action::Terminate ||
		                               (followed.limit && measures_blocking(*followed.limit));

		                           return matters && !followed.is_done && !followed.has_survived &&
		                                  passes(followed.signal.backend.id.pid);
	                           });
}

} // namespace session_guard
