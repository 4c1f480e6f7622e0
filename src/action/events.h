/*
 * Events as the actors see them: recorded, followed, settled.  How they are
 * kept is in shmem/event_ring.h.
 */
#pragma once

#include "shmem/event_ring.h"

#include "status/backend_status.h"

namespace session_guard
{

/* Describe a process as it was read; names that it has not are nullptr. */
Subject subject_of(const BackendSnapshot &snapshot, const char *user, const char *database,
                   const char *query);

/*
 * Add an event, or count it as a repetition of an earlier one (add_event()); the
 * number of either is returned.  0 without shared memory, or if there is no place
 * for it.  Who has to follow or write it is woken.
 */
std::uint64_t record_event(const Event &event);

/* How often the like of an event of this session's user was recorded already; 0 without shared
 * memory. */
std::uint32_t times_recorded(const Event &event);

/* close_event(), and the history is to have it so. */
bool settle_event(std::uint64_t number, Outcome outcome, const char *note, bool stays_open = false);

} // namespace session_guard
