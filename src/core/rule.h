/*
 * Rules: which sessions one selects, and what several make of a session's policy.
 *
 * A rule that may not have meant a session never makes the policy stricter by which it is acted
 * on: in doubt, spare.
 */
#pragma once

#include "core/limits.h"
#include "core/network.h"
#include "core/policy.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <type_traits>

namespace session_guard
{

/*
 * A rule as it is applied; texts and arrays are the caller's.  A selector that is none selects
 * all, and one that is empty nobody.
 */
struct Rule
{
	bool is_enabled;
	/* What it says is only logged, and leaves in force what holds without it. */
	bool only_logs;
	/* By their numbers; names that do not exist are left out. */
	std::optional<std::span<const std::uint32_t>> databases;
	std::optional<std::span<const std::uint32_t>> roles;
	std::optional<std::span<const std::uint32_t>> except_roles;
	/* An exception names a role that does not exist: whom it was to spare is not known. */
	bool has_unknown_exception;
	/* Patterns as of LIKE. */
	std::optional<std::string_view> application_name;
	std::optional<std::string_view> except_application_name;
	std::optional<std::span<const Network>> client_addr;
	/* It selects by the text of the query, too, which the caller compares. */
	bool has_query;
	/* False: rules that come later do not exempt, but settings do. */
	std::optional<bool> exempt;
	/* None: it does not speak of the limit; 0: off. */
	std::array<std::optional<std::int64_t>, limit_count> limits;
};
static_assert(std::is_trivially_destructible_v<Rule>);

/* What rules select a session by, but for its query. */
struct Selected
{
	std::uint32_t database;
	/* The role that has logged in and all that it is a member of, sorted. */
	std::span<const std::uint32_t> roles;
	std::string_view application_name;
	/* None: it has come by a Unix-domain socket, or has no client. */
	std::optional<Address> client_addr;
	/* Otherwise its role was dropped, and nobody knows what it was a member of. */
	bool has_role = true;
};

/* In the order of the columns. */
enum class Selector : std::uint8_t
{
	Databases,
	Roles,
	ExceptRoles,
	ApplicationName,
	ExceptApplicationName,
	ClientAddr,
	Query,
};

/* The column of session_guard.rule. */
std::string_view name_of(Selector selector);

/* The first selector by which a rule does not mean a session; none if all mean it.  Without the
 * query. */
std::optional<Selector> why_not_selected(const Rule &rule, const Selected &session);

/* Does a rule mean a session? */
enum class Match : std::uint8_t
{
	No,
	/* That cannot be told, or not yet. */
	Unknown,
	Yes,
};

/* Does a rule mean a session, but for the query?  Unknown if that hangs on an unknown exception, or
 * whether a role that was dropped is one. */
Match match_without_query(const Rule &rule, const Selected &session);

/* What a rule counts as for which that is unknown. */
enum class Doubt : std::uint8_t
{
	/* To act on a session: whatever spares it more. */
	Spares,
	/* To know when to look at a session again: whatever binds it more. */
	Binds,
};

/*
 * May a rule be milder than what holds without it?  Not if it selects by the client's own words
 * without a role or an address, which the client cannot choose.
 */
bool may_relax(const Rule &rule);

/* Does a rule speak of a limit? */
constexpr bool
speaks_of(const Rule &rule, Limit limit)
{
	return rule.limits[index_of(limit)].has_value();
}

/* What rules make of a policy, of which they are taken in from the last to the first. */
struct Ruling
{
	Thresholds limits;
	/* What they would be if the rules that only log were enforced. */
	Thresholds tried;
	Exemption exempt;
};
static_assert(std::is_trivially_destructible_v<Ruling>);

/* What holds without rules; they exempt nobody yet. */
constexpr Ruling
ruling_without_rules(const Policy &policy)
{
	return {.limits = policy.limits,
	        .tried = policy.limits,
	        .exempt = {.value = false, .source = Source::Rule}};
}

/* Does it make a difference whether a rule means a session? */
bool has_effect(const Rule &rule);

/* Let a rule that has an effect take its place before those that are taken in already. */
void take_in(const Rule &rule, std::size_t index, Match match, Doubt doubt, Ruling &ruling);

/* Give a policy what the rules have made of it. */
void put_into_force(const Ruling &ruling, std::span<const Rule> rules, Policy &policy);

/* Does a rule mean a session, and what does it count as if that is unknown? */
struct Judgment
{
	Match match;
	Doubt doubt;
};

/*
 * Let the rules take effect on a policy that has what the settings say; the first that means the
 * session and speaks of a limit decides it.  "judge" tells of a rule, by its index, whether it
 * means the session; it is asked once at most, and only of rules that have an effect.
 */
template <typename Judge>
void
apply_rules(std::span<const Rule> rules, Judge judge, Policy &policy)
{
	Ruling ruling = ruling_without_rules(policy);

	for (std::size_t index = rules.size(); index-- > 0;)
		if (has_effect(rules[index]))
		{
			Judgment judgment = judge(index);

			take_in(rules[index], index, judgment.match, judgment.doubt, ruling);
		}
	put_into_force(ruling, rules, policy);
}

} // namespace session_guard
