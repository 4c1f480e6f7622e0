/*
 * What the guard and the sessions tell each other of settings: the server's
 * configuration as the guard has read it, and that the settings stored for roles
 * and databases have changed.
 */
#pragma once

#include "core/policy.h"

#include "pg/pg.h"

namespace session_guard
{

Size policy_state_size();
void policy_state_init(void *memory, bool found);

/*
 * The server's configuration, without what is stored for roles and databases.
 * The guard publishes it, since the variables of a session may hold what is stored
 * for that session.
 */
void publish_configuration(const Policy &policy);
Policy published_configuration();

/*
 * Note that ALTER ROLE or ALTER DATABASE SET was committed, and wake the guard to
 * read it.  Does nothing without shared memory.
 */
void note_stored_change();

/* For the guard, before it reads: from here on such a change wakes it again. */
void await_stored_changes();

/* Grows with each such change. */
std::uint32_t stored_change_count();

} // namespace session_guard
