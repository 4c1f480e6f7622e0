/*
 * The policy of each session as any session can read it, without the guard: the
 * server's configuration, with the settings of the session's role and database, those of the role
 * that it has taken on, and what the rules make of all that.  The settings of the session that
 * reads do not matter.
 *
 * The rules are read from their table by those who are connected to its database; others have what
 * the guard has published.
 */
#pragma once

#include "core/session.h"

#include "status/bound.h"
#include "status/memberships.h"

#include "policy/role_database_settings.h"
#include "policy/rules.h"

namespace session_guard
{

/* How names are looked up by a session. */
extern const NameLookup present_names;

/* What pg_authid says of a role now, as the guard would read it. */
Superuser superuser_now(Oid role);

class PresentPolicies
{
  public:
	/* Reads the catalog, in the current memory context. */
	PresentPolicies();

	/* Read it again if anything may have changed: an exemption may have been committed. */
	void refresh();

	/* The text of the session's query is read, if that matters and the caller has none. */
	Policy policy_of(Superuser superuser, const Bound &bound, const char *query = nullptr) const;

	/* What it would be without rules. */
	Policy policy_by_settings(Superuser superuser, const Bound &bound) const;

	/* What is stored at a level of a session's settings; nullptr if nothing is. */
	const RoleDatabaseSettings *stored_for(Source level, Superuser superuser,
	                                       const Bound &bound) const;

	/*
	 * What the catalogs tell everybody of that: without the rules, and without the role that the
	 * session has taken on, which tell of its address, its query and its transactions.
	 */
	Policy public_policy_of(Superuser superuser, const Bound &bound) const;

	/* From here on, suppose that a rule were enabled, and enforced. */
	void suppose_in_force(std::size_t rule);

	const Rules &
	rules() const
	{
		return rules_;
	}

	/* Are the rules those that the guard has published, and not those of the table? */
	bool
	has_published_rules() const
	{
		return rules_are_published_;
	}

	/* What the rules select a session by. */
	Selected selected(Superuser superuser, const Bound &bound) const;

	/* Does a rule mean a session that is selected by this, and has a query of this text? */
	Match match_of(std::size_t rule, const Selected &session, const Bound &bound,
	               const char *query) const;

	/* What the configuration file says, which the guard has published. */
	const Policy &
	configured() const
	{
		return configured_;
	}

  private:
	/* May something have changed since it was read? */
	bool is_stale() const;
	void apply_rules(const Bound &bound, const char *query, Policy &policy) const;
	/* Does a rule mean it by its query? */
	Match match_query_of(std::size_t rule, const Bound &bound, const char *query) const;

	MemoryContext context_;
	/* How many invalidation messages had come before the reading. */
	uint64 messages_;
	/* And how often the guard had published rules. */
	std::uint32_t publications_;
	RoleDatabaseReading reading_;
	Policy configured_;
	std::span<const Membership> memberships_;
	bool rules_are_published_ = false;
	Rules rules_;
};

} // namespace session_guard
