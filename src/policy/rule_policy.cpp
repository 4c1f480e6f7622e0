/*
 * What the rules make of the policy of one session (see rule_policy.h).
 */
#include "policy/rule_policy.h"

namespace session_guard
{

Bound
with_settings_of(Superuser superuser, Bound bound)
{
	if (superuser == Superuser::Dropped)
		bound.role = InvalidOid;
	return bound;
}

const char *
read_query(const Bound &bound, Patience patience)
{
	BackendSnapshot snapshot;
	auto query = static_cast<char *>(palloc(query_size()));

	return bound.slot >= 0 && read_session(bound.slot, bound.session, snapshot, patience, query) ==
	                              ReadResult::Read
	           ? query
	           : nullptr;
}

Selected
selected_by(const Bound &bound, std::span<const Oid> roles)
{
	return {.database = bound.database,
	        .roles = roles,
	        .application_name = bound.application_name,
	        .client_addr = bound.client_address,
	        .has_role = OidIsValid(bound.role)};
}

} // namespace session_guard
