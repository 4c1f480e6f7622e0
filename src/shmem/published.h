/*
 * What each session publishes of itself in shared memory, because nobody can
 * see it from outside: the utility command that runs, and when its last
 * transaction failed.
 */
#pragma once

#include "core/session.h"

#include "pg/pg.h"

#include <type_traits>

namespace session_guard
{

struct Published
{
	/* COPY from or to the client runs. */
	bool copying;
	Maintenance maintenance;
	/* When its last transaction failed, its own ROLLBACK included; unknown_time if none has. */
	Instant failed_at;
};
static_assert(std::is_trivially_copyable_v<Published>);

Size published_size();
void published_init(void *memory, bool found);

/* Write what this session publishes.  Cannot fail; nothing happens without shared memory. */
void publish(const Published &value);

/*
 * Read what the session in a place that has this start has published, which may
 * be nothing.  False if it kept changing under the read.
 */
bool read_published(int slot, Timestamp backend_start, Published &published);

} // namespace session_guard
