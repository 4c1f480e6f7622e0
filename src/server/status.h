/*
 * The look: one fresh read of one session's entry in the backend-status array,
 * of its wait and of its place in the ProcArray.
 *
 * Nothing here waits, takes a heavyweight lock or reads a catalog.
 */
#pragma once

#include "server/pg.h"

#include "core/session.h"

namespace session_guard
{

/* What a look finds.  The superuser flag of the session is left to the catalogs. */
struct Sighting
{
	Session session;
	/* Its place in the backend-status array. */
	int slot;
	Oid role;
	Oid database;
	/* Not a walsender, not a worker of any kind. */
	bool is_client_backend;
	char application_name[NAMEDATALEN];
	SockAddr client_address;
};

enum class Sight
{
	Seen,
	/* Nobody is there, or somebody else, or it has left the ProcArray. */
	Gone,
	/* The entry kept changing under the read. */
	Unreadable,
};

/* Stop with an error unless the array is where this code expects it.  Once, at start. */
void check_status_array();

/* How many places there are for client backends. */
int slot_count();

/* The pid in a place of the array, 0 if it is free. */
int pid_in_slot(int slot);

/* How often the entry in a place has been written to. */
int changes_in_slot(int slot);

/* Look at whoever is in a place of the array. */
Sight look_at_slot(int slot, Sighting &sighting);

/* Look at a session that is known to have been in that place. */
Sight look_at_session(int slot, SessionId id, Sighting &sighting);

/* Add to a session that a scan found here what it does now and pg_stat_get_activity() hides. */
void add_unpublished(int slot, Session &session);

} // namespace session_guard
