/*
 * What the guard tracks of each session, and what each session marks for it to
 * read: one place for each in the backend-status array.
 */
#pragma once

#include "core/tracking_state.h"

#include "pg/pg.h"

#include "shmem/shared_value.h"

namespace session_guard
{

Size tracking_size();
void tracking_init(void *memory, bool found);

/* The tracking state of a place, for the guard, which alone writes it. */
const TrackingState &tracking_of(int slot);

SharedValue<TrackingState> &tracking_slot(int slot);

/* Have a function change the tracking state of a place; for the guard. */
template <typename Change>
void
change_tracking(int slot, Change change)
{
	tracking_slot(slot).change(change);
}

/* A copy of the tracking state of a place, for everybody else; empty without shared memory. */
TrackingState read_tracking(int slot);

/* Holds the backend_start of the session in a place if that listens on a channel. */
pg_atomic_uint64 &listener_mark(int slot);

} // namespace session_guard
