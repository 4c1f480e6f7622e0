/*
 * Why a session is bound as it is: what speaks of a limit, or of being exempt, in the order in
 * which it is considered, and why it does not decide.
 *
 * What decides is taken from the session's policy, as the guard would resolve it; the rest only
 * explains it.
 */
#pragma once

#include "core/policy.h"
#include "core/rule.h"

#include "functions/present_session.h"

#include <optional>
#include <span>

namespace session_guard
{

/* The levels of settings: first those of a role taken on, which tighten the others, and of each
 * kind the most special first. */
inline constexpr Source setting_levels[] = {Source::TakenRoleInDatabase,
                                            Source::TakenRole,
                                            Source::RoleInDatabase,
                                            Source::Role,
                                            Source::Database,
                                            Source::AllRoles,
                                            Source::ConfigurationFile};

/* Something that speaks of a limit, or of being exempt. */
struct Step
{
	Source source;
	std::int32_t rule;
	/* What it says: as the limit measures, or whether it exempts. */
	std::int64_t value;
	bool decides;
	/* It does not decide, but what it would do is logged. */
	bool is_logged;
	/* Why it does not decide, or what else there is to say; nullptr if nothing is. */
	const char *note;
};

class Explanation
{
  public:
	/* Of a session with a query of this text. */
	Explanation(const PresentPolicies &policies, const PresentSession &present, const char *query);

	/* Exactly one of them decides. */
	std::span<const Step> steps_of(Limit limit) const;
	std::span<const Step> steps_of_exemption() const;

	/* Who decides whether it is exempt. */
	const Exemption &
	exemption() const
	{
		return exempt_;
	}

  private:
	/* How a rule stands to the session. */
	struct Standing
	{
		Match match;
		/* Of the limits: of which has it taken the place of what comes later, a bit for each? */
		std::uint32_t taken;
		std::uint32_t tried;
		bool has_taken_exemption;
	};

	std::span<const Rule>
	rules() const
	{
		return policies_.rules().all();
	}

	void follow_rules(const char *query);
	const char *why_not_meant(std::size_t rule) const;
	const char *note_of_rule(std::size_t rule, Limit limit) const;
	const char *note_of_exempting_rule(std::size_t rule, bool decides) const;
	const char *note_of_setting(Source level, Limit limit) const;
	const char *note_of_exempting_setting(Source level, bool decides) const;
	std::optional<std::int64_t> value_at(Source level, Limit limit) const;
	std::optional<bool> exemption_at(Source level) const;

	const PresentPolicies &policies_;
	const PresentSession &present_;
	Bound bound_;
	Selected selected_;
	/* What the settings say. */
	Policy settings_;
	std::span<Standing> standings_;
	Exemption exempt_;
};

} // namespace session_guard
