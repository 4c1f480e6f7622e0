/*
 * Which role is a member of which (see memberships.h).
 */
#include "status/memberships.h"

#include "pg/growing_array.h"

#include "status/catalog_reading.h"

#include <algorithm>

namespace session_guard
{

Membership
membership_of(HeapTuple tuple)
{
	auto form = reinterpret_cast<Form_pg_auth_members>(GETSTRUCT(tuple));

	return {.member = form->member, .role = form->roleid};
}

std::span<const Membership>
read_memberships()
{
	return read_whole_catalog(AuthMemRelationId, AccessShareLock, membership_of);
}

std::span<const Oid>
roles_of(Oid role, std::span<const Membership> memberships)
{
	GrowingArray<Oid> roles;

	roles.add(role);
	/* Whatever is added is looked at in its turn. */
	for (std::size_t i = 0; i < roles.count(); i++)
	{
		Oid member = roles.all()[i];
		auto one = std::ranges::lower_bound(memberships, member, {}, &Membership::member);

		for (; one != memberships.end() && one->member == member; ++one)
			if (std::ranges::find(roles.all(), one->role) == roles.all().end())
				roles.add(one->role);
	}
	std::ranges::sort(roles.all());
	return roles.all();
}

} // namespace session_guard
