/*
 * What a change of the rules may bind more strictly (see rule_changes.h).
 */
#include "policy/rule_changes.h"

#include "pg/growing_array.h"

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

} // namespace session_guard
