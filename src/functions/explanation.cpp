/*
 * Why a session is bound as it is (see explanation.h).
 */
#include "functions/explanation.h"

#include "pg/growing_array.h"

namespace session_guard
{

Explanation::Explanation(const PresentPolicies &policies, const PresentSession &present,
                         const char *query)
    : policies_(policies), present_(present), bound_(bound_of(present.snapshot)),
      selected_(policies.selected(present.snapshot.session.superuser, bound_)),
      settings_(policies.policy_by_settings(present.snapshot.session.superuser, bound_)),
      exempt_(present.policy.exempt)
{
	follow_rules(query);
}

/* Find what each rule has changed, in the order in which they are applied. */
void
Explanation::follow_rules(const char *query)
{
	Ruling ruling = ruling_without_rules(settings_);

	standings_ = {static_cast<Standing *>(palloc0((rules().size() + 1) * sizeof(Standing))),
	              rules().size()};
	for (std::size_t i = rules().size(); i-- > 0;)
	{
		Standing &standing = standings_[i];
		auto number = static_cast<std::int32_t>(i);

		if (!has_effect(rules()[i]))
			continue;
		standing.match = policies_.match_of(i, selected_, bound_, query);
		take_in(rules()[i], i, standing.match, Doubt::Spares, ruling);
		for (Limit limit : all_limits)
		{
			standing.taken |= threshold_of(ruling.limits, limit).rule == number ? bit_of(limit) : 0;
			standing.tried |= threshold_of(ruling.tried, limit).rule == number ? bit_of(limit) : 0;
		}
		standing.has_taken_exemption = ruling.exempt.rule == number;
	}
	/* A rule that does not exempt leaves no trace in the policy. */
	if (!exempt_.value && ruling.exempt.rule != no_rule)
		exempt_ = ruling.exempt;
}

/* What is set for a limit at a level. */
std::optional<std::int64_t>
Explanation::value_at(Source level, Limit limit) const
{
	const RoleDatabaseSettings *stored =
	    policies_.stored_for(level, present_.snapshot.session.superuser, bound_);

	if (level == Source::ConfigurationFile)
		return threshold_of(policies_.configured().limits, limit).value;
	return stored != nullptr ? stored->limits[index_of(limit)] : std::nullopt;
}

std::optional<bool>
Explanation::exemption_at(Source level) const
{
	const RoleDatabaseSettings *stored =
	    policies_.stored_for(level, present_.snapshot.session.superuser, bound_);

	if (level == Source::ConfigurationFile)
		return policies_.configured().exempt.value;
	return stored != nullptr ? stored->exempt : std::nullopt;
}

std::span<const Step>
Explanation::steps_of(Limit limit) const
{
	const Threshold &decided = threshold_of(present_.policy.limits, limit);
	GrowingArray<Step> steps;

	for (std::size_t i = 0; i < rules().size(); i++)
	{
		auto number = static_cast<std::int32_t>(i);

		if (!speaks_of(rules()[i], limit) || is_of_server(limit))
			continue;
		steps.add({.source = Source::Rule,
		           .rule = number,
		           .value = *rules()[i].limits[index_of(limit)],
		           .decides = decided.rule == number,
		           .is_logged = threshold_of(present_.policy.trials, limit).rule == number,
		           .note = note_of_rule(i, limit)});
	}
	for (Source level : setting_levels)
	{
		std::optional<std::int64_t> value = value_at(level, limit);
		bool decides = decided.source == level;

		/* The configuration file always has a value. */
		if (value && (level != Source::ConfigurationFile || *value != 0 || decides))
			steps.add({.source = level,
			           .rule = no_rule,
			           .value = *value,
			           .decides = decides,
			           .is_logged = false,
			           .note = note_of_setting(level, limit)});
	}
	return steps.all();
}

/* Settings that exempt come before rules, which can only add to them. */
std::span<const Step>
Explanation::steps_of_exemption() const
{
	GrowingArray<Step> steps;

	for (Source level : setting_levels)
	{
		std::optional<bool> value = exemption_at(level);
		bool decides = exempt_.source == level;

		if (value && (level != Source::ConfigurationFile || *value || decides))
			steps.add({.source = level,
			           .rule = no_rule,
			           .value = *value,
			           .decides = decides,
			           .is_logged = false,
			           .note = note_of_exempting_setting(level, decides)});
	}
	for (std::size_t i = 0; i < rules().size(); i++)
	{
		auto number = static_cast<std::int32_t>(i);
		bool decides = exempt_.rule == number;

		if (rules()[i].exempt)
			steps.add({.source = Source::Rule,
			           .rule = number,
			           .value = *rules()[i].exempt,
			           .decides = decides,
			           .is_logged = false,
			           .note = note_of_exempting_rule(i, decides)});
	}
	return steps.all();
}

} // namespace session_guard
