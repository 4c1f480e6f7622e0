/*
 * What each session publishes of itself in shared memory, because nobody can
 * see it from outside: the utility command that runs, and when its last
 * transaction failed.
 *
 * One slot for each place in the backend-status array, written by the session
 * in that place only and read by a change count, as backend status is.  What a
 * session leaves behind counts for nobody: it carries the session's start.
 */
#pragma once

#include "core/session.h"

#include "pg/pg.h"

#include <type_traits>

namespace session_guard
{

struct Published
{
	/* Whose it is: backend_start. */
	Timestamp backend_start;
	/* COPY from or to the client runs. */
	bool copying;
	Maintenance maintenance;
	/* When its last transaction failed, its own ROLLBACK included; unknown_time if none has. */
	Instant failed_at;
};
static_assert(std::is_trivially_copyable_v<Published>);

struct PublishedSlot
{
	/* Odd while it is written to. */
	pg_atomic_uint32 changes;
	Published value;
};

/* Begin an array of so many slots, in fresh and zeroed memory. */
void init_published(PublishedSlot *slots, int count);

/* Write what this session publishes.  Cannot fail; nothing happens without shared memory. */
void publish(Published value);

/*
 * Read what the session in a place that has this start has published, which may
 * be nothing.  False if it kept changing under the read.
 */
bool read_published(int slot, Timestamp backend_start, Published &published);

} // namespace session_guard
