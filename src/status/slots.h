/*
 * Which process is in which place of the backend-status array, and whether it is
 * still there.
 */
#pragma once

#include "shmem/backend_ref.h"

#include "status/entry_reader.h"

namespace session_guard
{

/* The place of a process; -1 if it has none. */
int slot_of(int pid);

/* Has its process left the ProcArray? */
bool has_left(const BackendRef &backend);

/*
 * The process in a place that has come into a database, and so keeps it in use,
 * but has no status to be read yet; 0 if there is none.
 */
int connecting_in_slot(int slot, Oid database);

} // namespace session_guard
