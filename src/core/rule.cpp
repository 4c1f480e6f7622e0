/*
 * Which sessions a rule selects, and what several make of a policy (see rule.h).
 */
#include "core/rule.h"

#include "core/like.h"

#include <algorithm>

namespace session_guard
{

namespace
{

/* Is one of these numbers among those of a sorted list? */
bool
has_any_of(std::span<const std::uint32_t> sorted, std::span<const std::uint32_t> wanted)
{
	return std::ranges::any_of(wanted, [&](std::uint32_t each)
	                           { return std::ranges::binary_search(sorted, each); });
}

bool
is_in_any_of(std::span<const Network> networks, const std::optional<Address> &address)
{
	return address && std::ranges::any_of(networks, [&](const Network &network)
	                                      { return contains(network, *address); });
}

bool
has_client_words(const Rule &rule)
{
	return rule.application_name || rule.except_application_name || rule.has_query;
}

/* Can a rule decide a limit?  None decides one of the server as a whole. */
bool
decides(const Rule &rule, Limit limit)
{
	return speaks_of(rule, limit) && !is_of_server(limit);
}

/* How a rule stands to a session. */
struct Standing
{
	Match match;
	Doubt doubt;
	bool may_relax;
};

/* Does a rule put its threshold in the place of what holds without it? */
bool
takes_the_place(Limit limit, std::int64_t value, std::int64_t before, const Standing &standing)
{
	if (standing.match == Match::Yes && standing.may_relax)
		return true;
	if (standing.match == Match::Yes || standing.doubt == Doubt::Binds)
		return is_stricter(limit, value, before);
	return standing.may_relax && is_stricter(limit, before, value);
}

void
take_in_threshold(Limit limit, const Threshold &own, const Standing &standing,
                  Thresholds &thresholds)
{
	Threshold &before = thresholds[index_of(limit)];

	if (takes_the_place(limit, own.value, before.value, standing))
		before = own;
}

/* A rule that does not exempt can only speak before others that do. */
void
take_in_exemption(const Exemption &own, const Standing &standing, Exemption &exempt)
{
	bool is_in_doubt_better = own.value == (standing.doubt == Doubt::Spares);

	if (own.value && !standing.may_relax)
		return;
	if (standing.match == Match::Yes || (is_in_doubt_better && own.value != exempt.value))
		exempt = own;
}

} // namespace

std::string_view
name_of(Selector selector)
{
	switch (selector)
	{
		case Selector::Databases:
			return "databases";
		case Selector::Roles:
			return "roles";
		case Selector::ExceptRoles:
			return "except_roles";
		case Selector::ApplicationName:
			return "application_name";
		case Selector::ExceptApplicationName:
			return "except_application_name";
		case Selector::ClientAddr:
			return "client_addr";
		case Selector::Query:
			return "query";
	}
	return "";
}

std::optional<Selector>
why_not_selected(const Rule &rule, const Selected &session)
{
	if (rule.databases &&
	    std::ranges::find(*rule.databases, session.database) == std::ranges::end(*rule.databases))
		return Selector::Databases;
	if (rule.roles && !has_any_of(session.roles, *rule.roles))
		return Selector::Roles;
	if (rule.except_roles && has_any_of(session.roles, *rule.except_roles))
		return Selector::ExceptRoles;
	if (rule.application_name && !is_like(session.application_name, *rule.application_name))
		return Selector::ApplicationName;
	if (rule.except_application_name &&
	    is_like(session.application_name, *rule.except_application_name))
		return Selector::ExceptApplicationName;
	if (rule.client_addr && !is_in_any_of(*rule.client_addr, session.client_addr))
		return Selector::ClientAddr;
	return std::nullopt;
}

Match
match_without_query(const Rule &rule, const Selected &session)
{
	if (why_not_selected(rule, session))
		return Match::No;
	bool is_exception_unknown =
	    rule.has_unknown_exception || (rule.except_roles && !session.has_role);
	return is_exception_unknown ? Match::Unknown : Match::Yes;
}

bool
may_relax(const Rule &rule)
{
	return rule.roles || rule.client_addr || !has_client_words(rule);
}

bool
has_effect(const Rule &rule)
{
	if (!rule.is_enabled)
		return false;
	return (rule.exempt && !rule.only_logs) ||
	       std::ranges::any_of(all_limits, [&](Limit limit) { return decides(rule, limit); });
}

void
take_in(const Rule &rule, std::size_t index, Match match, Doubt doubt, Ruling &ruling)
{
	Standing standing{.match = match, .doubt = doubt, .may_relax = may_relax(rule)};
	auto number = static_cast<std::int32_t>(index);
	/* What only logs never spares anybody, not even from being logged. */
	bool is_tried = !rule.only_logs || match == Match::Yes || doubt == Doubt::Binds;

	if (match == Match::No)
		return;
	if (rule.exempt && !rule.only_logs)
		take_in_exemption({.value = *rule.exempt, .source = Source::Rule, .rule = number}, standing,
		                  ruling.exempt);
	for (Limit limit : all_limits)
	{
		if (!decides(rule, limit))
			continue;
		Threshold own{
		    .value = *rule.limits[index_of(limit)], .source = Source::Rule, .rule = number};

		if (!rule.only_logs)
			take_in_threshold(limit, own, standing, ruling.limits);
		if (is_tried)
			take_in_threshold(limit, own, standing, ruling.tried);
	}
}

void
put_into_force(const Ruling &ruling, std::span<const Rule> rules, Policy &policy)
{
	policy.limits = ruling.limits;
	if (!policy.exempt.value && ruling.exempt.value)
		policy.exempt = ruling.exempt;
	for (Limit limit : all_limits)
	{
		const Threshold &tried = threshold_of(ruling.tried, limit);
		bool is_trial = tried.value != 0 && tried.source == Source::Rule &&
		                rules[static_cast<std::size_t>(tried.rule)].only_logs;

		policy.trials[index_of(limit)] = is_trial ? tried : Threshold{};
	}
}

} // namespace session_guard
