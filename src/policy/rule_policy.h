/*
 * What the rules make of the policy of one session.
 */
#pragma once

#include "policy/rules.h"
#include "status/bound.h"

namespace session_guard
{

/* What rules select a session by; the roles are those that it is a member of, and its own. */
Selected selected_by(const Bound &bound, std::span<const Oid> roles);

/* Does a rule that has an effect select the session, but hang on its query? */
bool depends_on_query(const Rules &rules, const Selected &session);

/*
 * Let the rules take effect on a policy that has what the settings say.  "Match" tells of the rule
 * of an index, which means the session otherwise, whether it does so by its query.
 */
template <typename MatchQuery>
void
apply_rules_to(const Rules &rules, const Selected &session, MatchQuery match_query, Doubt doubt,
               Policy &policy)
{
	/* Whatever is unknown for another reason than the query spares in any case. */
	Ruling ruling = ruling_without_rules(policy);

	for (std::size_t i = rules.all().size(); i-- > 0;)
	{
		const Rule &rule = rules.all()[i];

		if (!has_effect(rule))
			continue;
		Match match = match_without_query(rule, session);
		bool is_by_query = match == Match::Yes && rule.has_query;
		if (is_by_query)
			match = match_query(i);
		take_in(rule, i, match, is_by_query ? doubt : Doubt::Spares, ruling);
	}
	put_into_force(ruling, rules.all(), policy);
}

} // namespace session_guard
