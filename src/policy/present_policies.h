/*
 * The policy of each session as any session can read it, without the guard: the
 * server's configuration, with the settings of the session's role and database.
 * The settings of the session that reads do not matter.
 */
#pragma once

#include "core/session.h"

#include "status/bound.h"

#include "policy/role_database_settings.h"

namespace session_guard
{

/* What pg_authid says of a role now, as the guard would read it. */
Superuser superuser_now(Oid role);

class PresentPolicies
{
  public:
	/* Reads the catalog, in the current memory context. */
	PresentPolicies();

	/* Read it again if anything may have changed: an exemption may have been committed. */
	void refresh();

	Policy policy_of(Superuser superuser, const Bound &bound) const;

	/* What the configuration file says, which the guard has published. */
	const Policy &
	configured() const
	{
		return configured_;
	}

  private:
	MemoryContext context_;
	/* How many invalidation messages had come before the reading. */
	uint64 messages_;
	RoleDatabaseReading reading_;
	Policy configured_;
};

} // namespace session_guard
