/*
 * The policy of each session as any session can read it, without the guard: the
 * server's configuration, with what is stored for the session's role and
 * database.
 *
 * The reader's own settings do not matter.
 */
#pragma once

#include "core/session.h"

#include "policy/role_database_settings.h"

namespace session_guard
{

/* pg_authid's word on a role, as the guard would have it. */
Superuser superuser_now(Oid role);

class PresentPolicies
{
  public:
	/* Reads the catalog, in the current memory context. */
	PresentPolicies();

	/* Read it again if anything may have changed: an exemption may have been committed. */
	void refresh();

	Policy policy_of(Superuser superuser, Oid role, Oid database) const;

  private:
	MemoryContext context_;
	/* How many invalidation messages had come before the reading. */
	uint64 messages_;
	RoleDatabaseReading stored_;
	Policy configured_;
};

} // namespace session_guard
