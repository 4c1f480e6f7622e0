/*
 * What a change of the rules may bind more strictly (see rule_changes.h).
 */
#include "policy/rule_changes.h"

#include "pg/growing_array.h"

#include <algorithm>

namespace session_guard
{

namespace
{

/* What counts of the rules for one purpose: of those that are enabled and have it, that alone. */
template <typename Reduce>
RuleImage
part_of(const RuleRows &rows, Reduce reduce)
{
	GrowingArray<RuleRow> parts;

	for (const RuleRow &row : rows.rows)
	{
		RuleRow part = row;

		part.position = 0;
		part.name = "";
		part.limits = {};
		part.exempt = std::nullopt;
		if (row.is_enabled && reduce(row, part))
			parts.add(part);
	}
	return image_of({.encoding = rows.encoding, .rows = parts.all()});
}

bool
is_exemption_alike(const RuleRows &now, const RuleRows &before)
{
	auto exemption = [](const RuleRow &row, RuleRow &part)
	{
		part.exempt = row.exempt;
		return row.exempt.has_value();
	};

	return is_alike(part_of(now, exemption), part_of(before, exemption));
}

bool
is_limit_alike(const RuleRows &now, const RuleRows &before, Limit limit)
{
	auto threshold = [limit](const RuleRow &row, RuleRow &part)
	{
		part.limits[index_of(limit)] = row.limits[index_of(limit)];
		return row.limits[index_of(limit)].has_value();
	};

	return is_alike(part_of(now, threshold), part_of(before, threshold));
}

using Numbers = std::optional<std::span<const std::uint32_t>>;

bool
is_alike(const Numbers &now, const Numbers &before)
{
	return now && before ? std::ranges::equal(*now, *before)
	                     : now.has_value() == before.has_value();
}

bool
selects_alike(const Rule &now, const Rule &before)
{
	return is_alike(now.databases, before.databases) && is_alike(now.roles, before.roles) &&
	       is_alike(now.except_roles, before.except_roles) &&
	       now.has_unknown_exception == before.has_unknown_exception;
}

/* The limits for which it matters whom a rule selects. */
std::uint32_t
limits_of(const Rule &rule)
{
	std::uint32_t limits = 0;

	for (Limit limit : all_limits)
		if (has_effect(rule) && (rule.exempt || speaks_of(rule, limit)))
			limits |= bit_of(limit);
	return limits;
}

} // namespace

std::uint32_t
limits_changed_by_rules(const RuleRows &now, const RuleRows &before)
{
	bool is_anybody_exempt_anew = !is_exemption_alike(now, before);
	std::uint32_t changed = 0;

	for (Limit limit : all_limits)
		if (is_anybody_exempt_anew || !is_limit_alike(now, before, limit))
			changed |= bit_of(limit);
	return changed;
}

std::uint32_t
limits_changed_by_names(const Rules &now, const Rules &before)
{
	std::uint32_t changed = 0;

	for (std::size_t i = 0; i < now.all().size(); i++)
		if (!selects_alike(now.all()[i], before.all()[i]))
			changed |= limits_of(now.all()[i]);
	return changed;
}

} // namespace session_guard
