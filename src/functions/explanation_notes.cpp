/*
 * Why a rule or a setting does not decide, in words (see explanation.h).
 */
#include "functions/explanation.h"

#include <algorithm>

namespace session_guard
{

namespace
{

constexpr char a_rule_decides[] = "a rule decides";
constexpr char an_earlier_rule_decides[] = "an earlier rule decides";
constexpr char more_special[] = "a more special setting takes its place";
constexpr char by_client_words[] =
    "cannot relax what holds without it: it selects by what the client says";

/* Does one of the levels that would take the place of this one say something? */
template <typename Says>
bool
is_replaced(Source level, Says says)
{
	return std::ranges::any_of(setting_levels,
	                           [&](Source other) {
		                           return other > level &&
		                                  is_of_taken_role(other) == is_of_taken_role(level) &&
		                                  says(other);
	                           });
}

/* Of a rule that decides though it is not known to mean the session. */
const char *
in_doubt(const char *why)
{
	return psprintf("in doubt, spared: %s", why);
}

} // namespace

/* Why a rule is passed over, or is not known to mean the session; nullptr if it means it. */
const char *
Explanation::why_not_meant(std::size_t rule) const
{
	std::optional<Selector> selector = why_not_selected(rules()[rule], selected_);
	const char *problem = policies_.rules().problem(rule);
	Match match = standings_[rule].match;

	if (!rules()[rule].is_enabled)
		return "not enabled";
	if (selector == Selector::ExceptRoles || selector == Selector::ExceptApplicationName)
		return psprintf("excepted by %s", name_of(*selector).data());
	if (selector && problem != nullptr)
		return psprintf("not selected by %s (%s)", name_of(*selector).data(), problem);
	if (selector)
		return psprintf("not selected by %s", name_of(*selector).data());
	if (rules()[rule].has_unknown_exception)
		return psprintf("whom except_roles means is not known (%s)", problem);
	if (rules()[rule].has_query && match != Match::Yes)
		return match == Match::No ? "not selected by query" : "its query could not be compared";
	return nullptr;
}

const char *
Explanation::note_of_rule(std::size_t rule, Limit limit) const
{
	const Standing &standing = standings_[rule];
	bool only_logs = rules()[rule].only_logs;
	bool is_taken = ((only_logs ? standing.tried : standing.taken) & bit_of(limit)) != 0;
	const Threshold &decided =
	    threshold_of(only_logs ? present_.policy.trials : present_.policy.limits, limit);

	bool decides = decided.rule == static_cast<std::int32_t>(rule);

	if (const char *why = why_not_meant(rule))
		return decides ? in_doubt(why) : why;
	if (!is_taken)
		return by_client_words;
	if (!decides)
		return only_logs ? "mode is log, and an earlier rule decides" : an_earlier_rule_decides;
	return only_logs ? "mode is log" : nullptr;
}

const char *
Explanation::note_of_exempting_rule(std::size_t rule, bool decides) const
{
	const Standing &standing = standings_[rule];

	if (const char *why = why_not_meant(rule))
		return decides ? in_doubt(why) : why;
	if (decides)
		return nullptr;
	if (rules()[rule].only_logs)
		return "mode is log";
	if (!standing.has_taken_exemption)
		return by_client_words;
	return settings_.exempt.value ? "a setting exempts already" : an_earlier_rule_decides;
}

const char *
Explanation::note_of_setting(Source level, Limit limit) const
{
	Source strictest = threshold_of(settings_.limits, limit).source;
	Source decides = threshold_of(present_.policy.limits, limit).source;

	if (level == decides)
		return level == Source::ConfigurationFile && value_at(level, limit) == 0 ? "nothing sets it"
		                                                                         : nullptr;
	if (is_replaced(level, [&](Source other) { return value_at(other, limit).has_value(); }))
		return more_special;
	if (level == strictest)
		return a_rule_decides;
	return is_of_taken_role(level) ? "not stricter than what holds for the role that has logged in"
	                               : "what holds for the role taken on is stricter";
}

const char *
Explanation::note_of_exempting_setting(Source level, bool decides) const
{
	if (is_of_taken_role(level))
		return "exempts only who has logged in as the role";
	if (decides)
		return level == Source::ConfigurationFile && !exempt_.value ? "nothing exempts it"
		                                                            : nullptr;
	if (is_replaced(level, [&](Source other) { return exemption_at(other).has_value(); }))
		return more_special;
	return a_rule_decides;
}

} // namespace session_guard
