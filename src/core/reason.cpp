/*
 * The sentences in which the guard explains itself (see reason.h).
 */
#include "core/reason.h"

namespace session_guard
{

namespace
{

/* Append the full name of the setting behind a limit. */
Text &
append_setting(Text &text, Limit limit)
{
	return text.append("pg_session_guard.").append(facts(limit).name);
}

} // namespace

std::string_view
name_of(Source source)
{
	switch (source)
	{
		case Source::ConfigurationFile:
			return "configuration file";
	}
	return "unknown";
}

std::string_view
announcement_of(Action action)
{
	switch (action)
	{
		case Action::Cancel:
			return "canceling statement of session";
		case Action::Terminate:
			return "terminating session";
		default:
			return "unknown";
	}
}

std::string_view
announcement_of(const Verdict &verdict)
{
	if (verdict.action != Action::Log)
		return announcement_of(verdict.action);
	return facts(verdict.limit).first_action == Action::Cancel ? "would cancel statement of session"
	                                                           : "would terminate session";
}

void
append_reason(Text &text, const Verdict &verdict, const Policy &policy)
{
	text.append(facts(verdict.limit).phrase).append(" for ").append_duration(verdict.measured);
	append_setting(text.append(", "), verdict.limit)
	    .append(" is ")
	    .append_duration(verdict.threshold.value)
	    .append(" (")
	    .append(name_of(verdict.threshold.source))
	    .append(")");
	if (verdict.since_cancel != 0)
		text.append(", canceled ")
		    .append_duration(verdict.since_cancel)
		    .append(" ago, pg_session_guard.cancel_grace is ")
		    .append_duration(policy.cancel_grace);
}

void
append_in_force(Text &text, Limit limit, const Policy &policy, std::int64_t sessions_over,
                std::int64_t catch_up_rate)
{
	append_setting(text, limit)
	    .append(" is in force at ")
	    .append_duration(threshold_of(policy.limits, limit).value)
	    .append(", ")
	    .append(sessions_over)
	    .append(sessions_over == 1 ? " session is" : " sessions are")
	    .append(" over it now");
	if (policy.mode == Mode::Log)
		text.append("; mode is log, nothing is ended");
	else if (sessions_over > 0)
		text.append(", ending ").append(catch_up_rate).append(" per second");
}

} // namespace session_guard
