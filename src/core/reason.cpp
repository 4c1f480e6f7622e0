/*
 * The sentences in which the guard explains itself (see reason.h).
 */
#include "core/reason.h"

namespace session_guard
{

namespace
{

void
append_quoted(Text &text, std::string_view kind, std::string_view name)
{
	text.append(kind).append("\"").append(name).append("\"");
}

/* Append the full name of the setting behind a limit. */
Text &
append_setting(Text &text, Limit limit)
{
	return text.append("pg_session_guard.").append(facts(limit).name);
}

/* Append what the limit is, and where it was set. */
void
append_threshold(Text &text, const Verdict &verdict, const Names &names)
{
	append_setting(text, verdict.limit).append(" is ").append_duration(verdict.threshold.value);
	append_source(text.append(" ("), verdict.threshold.source, names);
	text.append(")");
}

void
append_cancel(Text &text, const Verdict &verdict)
{
	text.append_duration(verdict.since_cancel).append(" ago");
}

void
append_grace(Text &text, const Policy &policy)
{
	text.append("pg_session_guard.cancel_grace is ").append_duration(policy.cancel_grace);
}

} // namespace

void
append_source(Text &text, Source source, const Names &names)
{
	switch (source)
	{
		case Source::ConfigurationFile:
			text.append("configuration file");
			return;
		case Source::AllRoles:
			text.append("all roles");
			return;
		case Source::Database:
			append_quoted(text, "database ", names.database);
			return;
		case Source::Role:
			append_quoted(text, "role ", names.role);
			return;
		case Source::RoleInDatabase:
			append_quoted(text, "role ", names.role);
			append_quoted(text, " in database ", names.database);
			return;
	}
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
append_reason(Text &text, const Verdict &verdict, const Policy &policy, const Names &names)
{
	text.append(facts(verdict.limit).phrase).append(" for ").append_duration(verdict.measured);
	append_threshold(text.append(", "), verdict, names);
	if (verdict.since_cancel != 0)
	{
		append_cancel(text.append(", canceled "), verdict);
		append_grace(text.append(", "), policy);
	}
}

void
append_detail(Text &text, const Verdict &verdict, const Policy &policy, const Names &names)
{
	std::string_view phrase = facts(verdict.limit).phrase;
	char initial = static_cast<char>(phrase.front() - 'a' + 'A');

	phrase.remove_prefix(1);
	text.append({&initial, 1}).append(phrase);
	append_threshold(text.append(" for ").append_duration(verdict.measured).append("; "), verdict,
	                 names);
	text.append(".");
	if (verdict.since_cancel == 0)
		return;
	append_cancel(text.append(" Canceled "), verdict);
	append_grace(text.append(" and went on; "), policy);
	text.append(".");
}

Duration
lateness_of(const Verdict &verdict, const Policy &policy)
{
	return verdict.since_cancel != 0
	           ? verdict.since_cancel - policy.cancel_grace
	           : verdict.measured - verdict.threshold.value - (verdict.due - verdict.deadline);
}

void
append_in_force(Text &text, Limit limit, const Policy &policy, bool is_stored,
                std::int64_t sessions_over, std::int64_t catch_up_rate)
{
	Duration value = threshold_of(policy.limits, limit).value;

	append_setting(text, limit).append(" is in force");
	if (value != 0)
		text.append(" at ").append_duration(value);
	if (is_stored)
		text.append(value != 0 ? ", otherwise for some roles or databases"
		                       : " for some roles or databases");
	text.append(", ")
	    .append(sessions_over)
	    .append(sessions_over == 1 ? " session is" : " sessions are")
	    .append(" over it now");
	if (policy.mode == Mode::Log)
		text.append("; mode is log, nothing is ended");
	else if (sessions_over > 0)
		text.append(", ending ").append(catch_up_rate).append(" per second");
}

void
append_spared(Text &text, Spared spared, const Policy &policy, const Names &names)
{
	switch (spared)
	{
		case Spared::No:
			return;
		case Spared::Unreadable:
			text.append("not readable");
			return;
		case Spared::SyncRep:
			text.append("waits for a synchronous standby");
			return;
		case Spared::RoleUnknown:
			text.append("its role could not be read");
			return;
		case Spared::Exempt:
			append_source(text.append("exempt by "), policy.exempt.source, names);
			return;
		case Spared::Superuser:
			text.append("superuser");
			return;
		case Spared::NotMeasurable:
			text.append("not measurable: track_activities is off");
			return;
		case Spared::NotTold:
			text.append("not measurable: /proc cannot be read");
			return;
		case Spared::Listener:
			text.append("listens on a channel");
			return;
		case Spared::Maintenance:
			text.append("maintenance command");
			return;
		case Spared::LockWait:
			text.append("waits for a lock");
			return;
		case Spared::InTransaction:
			text.append("in a transaction");
			return;
		case Spared::NotSoLong:
			text.append("not running for so long without its waits and maintenance");
			return;
	}
}

} // namespace session_guard
