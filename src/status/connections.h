/*
 * The connections that clients share: how many there are, and how many sessions have one.
 *
 * Connections for replication have places of their own (max_wal_senders).
 */
#pragma once

#include "pg/compat.h"
#include "pg/pg.h"

#include "status/entry_reader.h"

namespace session_guard
{

/* How many there are for everybody, as the server counts (InitPostgres(), postinit.c). */
inline int
ordinary_connections()
{
	return MaxConnections - reserved_places();
}

/* Is there a client's session in a place?  Who still authenticates may never come to be one. */
inline bool
is_session_in_slot(int slot)
{
	return pid_in_slot(slot) > 0 && kind_in_slot(slot) == B_BACKEND &&
	       !is_starting(state_in_slot(slot));
}

/* How many sessions there are in the places that pass a test. */
template <typename Test>
int
count_sessions(Test passes)
{
	int count = 0;

	for (int slot = 0; slot < slot_count(); slot++)
		if (is_session_in_slot(slot) && passes(slot))
			count++;
	return count;
}

} // namespace session_guard
