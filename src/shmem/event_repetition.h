/*
 * When an event is an earlier one done again: the same function, called by the same
 * role for the same reason on the same session, and on the same statement of it,
 * within a minute, while the outcome is the same, that is, not known yet or what it
 * was then.
 */
#pragma once

#include "shmem/event.h"

namespace session_guard
{

/*
 * What all repetitions of an event have in common, as a number; 0 for an event of
 * the guard, which repeats nothing.
 */
std::uint64_t key_of(const Event &event);

bool is_repetition(const Event &event, const Event &earlier);

} // namespace session_guard
