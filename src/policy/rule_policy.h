/*
 * What the rules make of the policy of one session.
 */
#pragma once

#include "policy/rules.h"
#include "status/bound.h"

namespace session_guard
{

/* What of a session has settings, and is a member: a role that was dropped has none, and is none.
 */
Bound with_settings_of(Superuser superuser, Bound bound);

/* Read the query of a session, in the current memory context; nullptr if that cannot be done. */
const char *read_query(const Bound &bound, Patience patience);

/* What rules select a session by; the roles are those that it is a member of, and its own. */
Selected selected_by(const Bound &bound, std::span<const Oid> roles);

/*
 * Let the rules take effect on a policy that has what the settings say.  "match_query" tells of the
 * rule of an index, which means the session otherwise, whether it does so by its query.
 */
template <typename MatchQuery>
void
apply_rules_to(const Rules &rules, const Selected &session, MatchQuery match_query, Doubt doubt,
               Policy &policy)
{
	auto judge = [&](std::size_t index) -> Judgment
	{
		const Rule &rule = rules.all()[index];
		Match match = match_without_query(rule, session);

		if (match == Match::Yes && rule.has_query)
			return {.match = match_query(index), .doubt = doubt};
		/* Whatever is unknown for another reason than the query spares in any case. */
		return {.match = match, .doubt = Doubt::Spares};
	};

	apply_rules(rules.all(), judge, policy);
}

} // namespace session_guard
