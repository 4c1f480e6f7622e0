/*
 * What the server has left of memory, for min_available_memory: when that is read, and
 * which session is to go if it is too little.
 *
 * What is left is read from a file or two, the memory of all sessions only when it is
 * too little.  What is left, and what the one has that is to go, is read once more right
 * before a signal.
 */
#pragma once

#include "core/deadlines.h"
#include "core/memory_shortage.h"
#include "core/policy.h"
#include "core/session.h"
#include "core/tracking_state.h"

#include "status/scan.h"

#include <optional>

namespace session_guard
{

/* Read what is left, if it is time for that, and ask for a scan if it is too little. */
void watch_memory(Instant now);

/* When it is to be read again; never, if there is no limit. */
Instant next_memory_watch();

/* What was left at the last reading; nothing if that is not known. */
std::optional<AvailableMemory> memory_left();

/* A scan begins: is it to read the memory of all sessions, to compare them? */
bool begin_comparison(Instant now);
/* Compare one of them that was read. */
void compare_memory(const Scanned &found, const TrackingState &tracking, const Policy &policy,
                    Instant now);
/* The scan has read all: who is to go, if anybody is, to be evaluated now. */
std::optional<Deadline> session_to_go(Instant now);

/* Fill in whether the session is the one that is to go. */
void note_shortage(Session &session);
/* The same with what is left and the memory of the session in a place, read afresh. */
void read_shortage(Session &session, int slot, Instant now);

/*
 * Note that a session was signaled for the memory that it uses: the next is chosen when that can
 * have been given back.
 */
void note_memory_freed(const TrackedMemory &memory, bool is_first_step, Instant now);

} // namespace session_guard
