/*
 * What the rules make of the policy of one session (see rule_policy.h).
 */
#include "policy/rule_policy.h"

#include <algorithm>
#include <cstring>

namespace session_guard
{

Selected
selected_by(const Bound &bound, std::span<const Oid> roles)
{
	return {.database = bound.database,
	        .roles = roles,
	        .application_name = bound.application_name,
	        .client_addr = bound.client_address,
	        .has_role = OidIsValid(bound.role)};
}

bool
depends_on_query(const Rules &rules, const Selected &session)
{
	return rules.need().query &&
	       std::ranges::any_of(rules.all(),
	                           [&](const Rule &rule) {
		                           return rule.has_query && has_effect(rule) &&
		                                  match_without_query(rule, session) == Match::Yes;
	                           });
}

} // namespace session_guard
