/*
 * What the guard and the sessions tell each other of policies: the server's
 * configuration as the guard has read it, and that what is stored has changed: the
 * settings of roles and databases, or the rules.
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
 * Note that a change of what is stored was committed, and wake the guard to read it.
 * Does nothing without shared memory.
 */
void note_stored_change();

/* Note that the transaction of this session makes such a change. */
void note_uncommitted_change();

/* Note the end of the transaction.  Cannot fail. */
void settle_uncommitted_change(bool committed);

/* For the guard, before it reads: from here on such a change wakes it again. */
void await_stored_changes();

/* Grows with each such change. */
std::uint32_t stored_change_count();

} // namespace session_guard
