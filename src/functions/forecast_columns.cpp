/*
 * What a limit will bring for a session, in words (see forecast_columns.h).
 */
#include "functions/forecast_columns.h"

#include "core/episode.h"

#include "functions/session_columns.h"

#include <array>
#include <cstdlib>

namespace session_guard
{

const char *
source_text(const PresentSession &present, const Rules &rules, Source source, std::int32_t rule)
{
	std::array<char, 320> buffer;
	Text text(buffer);
	Names names = present.names;

	names.rule = converted_string(rule_name(rules, source, rule));
	append_source(text, source, names);
	return pstrdup(text.c_str());
}

const char *
spared_text(const PresentSession &present, const Forecast &forecast)
{
	const Policy &policy = present.policy;
	std::array<char, 320> buffer;
	Text text(buffer);

	if (policy.mode == Mode::Off)
		return "mode is off";
	/* Who is in a transaction is in no episode of the idle limit, which says it all. */
	if (!forecast.verdict && forecast.spared == Spared::InTransaction)
		return nullptr;
	if (forecast.is_done)
		return policy.mode == Mode::Log ? "already logged" : "already acted on";
	if (forecast.spared == Spared::Maintenance)
		text.append(name_of(present.snapshot.session.maintenance.command));
	else
		append_spared(text, forecast.spared, policy, present.names);
	return text.view().empty() ? nullptr : pstrdup(text.c_str());
}

const char *
exemption_text(const PresentSession &present)
{
	const Policy &policy = present.policy;
	std::array<char, 320> buffer;
	Text text(buffer);

	if (policy.exempt.value)
		append_spared(text, Spared::Exempt, policy, present.names);
	else if (present.snapshot.session.superuser == Superuser::Yes && policy.exempt_superusers)
		append_spared(text, Spared::Superuser, policy, present.names);
	return text.view().empty() ? nullptr : pstrdup(text.c_str());
}

const char *
action_text(const PresentSession &present, Limit limit, const Forecast &forecast)
{
	Action action = forecast.verdict ? forecast.verdict->action : facts(limit).first_action;

	return name_of(present.policy.mode == Mode::Log ? Action::Log : action).data();
}

Timestamp
shown_start(const PresentSession &present, const Episode &episode)
{
	Timestamp computed = wall_time_of(present.clock, episode.start);

	return std::abs(computed - episode.stamp) < smallest_step ? episode.stamp : computed;
}

} // namespace session_guard
