/*
 * Which role is a member of which (pg_auth_members).
 *
 * Any membership counts, whether or not its rights are inherited, as in pg_hba.conf; and
 * superusers are not members of all roles.
 */
#pragma once

#include "pg/pg.h"

#include <compare>
#include <span>

namespace session_guard
{

struct Membership
{
	Oid member;
	/* What it is a member of, directly. */
	Oid role;

	friend auto operator<=>(const Membership &, const Membership &) = default;
};

/* One row of the catalog. */
Membership membership_of(HeapTuple tuple);

/* Read all anew, sorted, in the current memory context; waits for a lock of the catalog. */
std::span<const Membership> read_memberships();

/*
 * A role, and all that it is a member of by these memberships, also by way of others; sorted, in
 * the current memory context.
 */
std::span<const Oid> roles_of(Oid role, std::span<const Membership> memberships);

} // namespace session_guard
