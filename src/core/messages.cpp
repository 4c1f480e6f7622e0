/*
 * The sentences in which the guard explains itself (see messages.h).
 */
#include "core/messages.h"

#include <algorithm>
#include <array>

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

/* Append how much it is, as a limit measures. */
Text &
append_amount(Text &text, Limit limit, std::int64_t amount)
{
	switch (facts(limit).measure)
	{
		case Measure::Time:
			return text.append_duration(amount);
		case Measure::Transactions:
			return text.append(amount).append(amount == 1 ? " transaction" : " transactions");
		case Measure::Bytes:
			return text.append_size(amount);
		case Measure::Connections:
			return text.append(amount);
	}
	return text;
}

/* Append what the limit is, and where it was set. */
void
append_threshold(Text &text, const Verdict &verdict, const Names &names)
{
	append_amount(append_setting(text, verdict.limit).append(" is "), verdict.limit,
	              verdict.threshold.value);
	append_source(text.append(" ("), verdict.threshold.source, names);
	text.append(")");
	if (verdict.jitter != 0)
		text.append(" plus ").append_duration(verdict.jitter).append(" of jitter");
}

std::string_view
owner_of(MemoryBound bound)
{
	return bound == MemoryBound::Cgroup ? "the server's cgroup" : "the server";
}

/* Append what the session has been doing, and for how long. */
void
append_deed(Text &text, const Verdict &verdict)
{
	text.append(facts(verdict.limit).phrase);
	if (verdict.limit == Limit::AvailableMemory)
	{
		text.append(" ").append_size(verdict.used);
		text.append(" of memory, more than any other session that could be ended for it, while ");
		append_left(text, {.bytes = verdict.measured, .bound = verdict.bound});
		return;
	}
	if (verdict.limit == Limit::Headroom)
	{
		text.append(" for ").append_duration(verdict.idle).append(" while ");
		append_room(text, {.free = static_cast<std::int32_t>(verdict.measured),
		                   .all = verdict.connections,
		                   .is_to_go = false});
		return;
	}
	if (measures_blocking(verdict.limit))
		text.append(" ")
		    .append(verdict.waiters)
		    .append(verdict.waiters == 1 ? " session" : " sessions, the first");
	append_amount(text.append(measures_time(verdict.limit) ? " for " : " "), verdict.limit,
	              verdict.measured);
	if (verdict.limit == Limit::Memory)
		text.append(" of memory");
	if (verdict.limit == Limit::DeadClient)
		text.append(" though its client is gone");
}

void
append_cancel(Text &text, const Verdict &verdict)
{
	text.append_duration(verdict.since_cancel).append(" ago");
}

/* Append which grace it has had; for memory that was not the one that is set. */
void
append_grace(Text &text, std::string_view before, const Verdict &verdict, const Policy &policy)
{
	if (!measures_memory(verdict.limit))
		text.append(before)
		    .append("pg_session_guard.cancel_grace is ")
		    .append_duration(policy.cancel_grace);
}

/* The words for a reason to be spared: of one or several sessions that are, and as the reason. */
struct SparedWords
{
	Spared spared;
	std::string_view one;
	std::string_view several;
	std::string_view reason;
};
constexpr SparedWords spared_words[] = {
    {Spared::Superuser, "superuser", "superusers", "superuser"},
    {Spared::Worker, "background worker", "background workers", "background worker"},
    /* The reason also says where the exemption was set. */
    {Spared::Exempt, "exempt", "exempt", "exempt by "},
    {Spared::HorizonHeldElsewhere, "not alone in holding back vacuum",
     "not alone in holding back vacuum", "who will not be ended holds back vacuum as much"},
    {Spared::MemoryUnreadable, "whose memory is hidden", "whose memory is hidden",
     "not measurable: its memory cannot be read in /proc"},
    {Spared::PeerUnreadable, "whose connection cannot be read", "whose connection cannot be read",
     "not measurable: its connection cannot be read"},
    {Spared::Listener, "listener", "listeners", "listens on a channel"},
    {Spared::NotMeasurable, "not measurable", "not measurable",
     "not measurable: track_activities is off"},
    {Spared::SwitchesUnreadable, "not readable in /proc", "not readable in /proc",
     "not measurable: /proc cannot be read"},
    {Spared::RoleUnknown, "of an unknown role", "of unknown roles", "its role could not be read"},
    {Spared::Unreadable, "not readable", "not readable", "not readable"},
    {Spared::LockWait, "waiting for a lock", "waiting for locks", "waits for a lock"},
    {Spared::Maintenance, "in maintenance", "in maintenance", "maintenance command"},
    {Spared::SyncRep, "waiting for a synchronous standby", "waiting for a synchronous standby",
     "waits for a synchronous standby"},
    {Spared::PeerThere, "whose client is connected", "whose clients are connected",
     "its client is connected"},
    {Spared::InTransaction, "in a transaction", "in a transaction", "in a transaction"},
    /* Not counted: only functions spare for this reason. */
    {Spared::NotSoLong, "", "", "not running for so long without its waits and maintenance"},
};

/* How many sessions of a census are spared for a reason. */
std::int64_t
count_of(const Census &census, Spared spared)
{
	auto index = static_cast<std::size_t>(spared);

	return index < census.spared.size() ? census.spared[index] : 0;
}

/* Append how many sessions are spared, by reason; nothing if none is. */
void
append_census_of_spared(Text &text, const Census &census)
{
	std::int64_t all = 0;
	std::string_view separator = " (";

	for (std::int64_t count : census.spared)
		all += count;
	if (all == 0)
		return;
	text.append("; ").append(all).append(all == 1 ? " is spared" : " are spared");
	for (const SparedWords &words : spared_words)
	{
		std::int64_t count = count_of(census, words.spared);

		if (count == 0)
			continue;
		text.append(separator).append(count).append(" ").append(count == 1 ? words.one
		                                                                   : words.several);
		separator = ", ";
	}
	text.append(")");
}

void
append_rule(Text &text, std::string_view name)
{
	if (name.empty())
		text.append("a rule");
	else
		text.append("rule ").append_quoted(name);
}

void
append_taken_role(Text &text, std::string_view name)
{
	text.append("role ").append_quoted(name).append(" taken by SET ROLE");
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
			text.append("database ").append_quoted(names.database);
			return;
		case Source::Role:
			text.append("role ").append_quoted(names.role);
			return;
		case Source::RoleInDatabase:
			text.append("role ").append_quoted(names.role);
			text.append(" in database ").append_quoted(names.database);
			return;
		case Source::Rule:
			append_rule(text, names.rule);
			return;
		case Source::TakenRole:
			append_taken_role(text, names.taken_role);
			return;
		case Source::TakenRoleInDatabase:
			append_taken_role(text, names.taken_role);
			text.append(" in database ").append_quoted(names.database);
			return;
	}
}

std::string_view
announcement_of(const Verdict &verdict)
{
	if (verdict.action == Action::Log)
		return announcement_of_not_taken(verdict.not_taken);
	return announcement_of(verdict.action);
}

void
append_reason(Text &text, const Verdict &verdict, const Policy &policy, const Names &names)
{
	append_deed(text, verdict);
	append_threshold(text.append(", "), verdict, names);
	if (verdict.since_cancel != 0)
	{
		append_cancel(text.append(", canceled "), verdict);
		append_grace(text, ", ", verdict, policy);
	}
}

void
append_detail(Text &text, const Verdict &verdict, const Policy &policy, const Names &names)
{
	std::array<char, 256> buffer;
	Text deed(buffer);

	append_deed(deed, verdict);
	std::string_view phrase = deed.view();
	char initial = static_cast<char>(phrase.front() - 'a' + 'A');
	phrase.remove_prefix(1);
	text.append({&initial, 1}).append(phrase);
	append_threshold(text.append("; "), verdict, names);
	text.append(".");
	if (verdict.since_cancel == 0)
		return;
	append_cancel(text.append(" Canceled "), verdict);
	append_grace(text.append(" and went on"), "; ", verdict, policy);
	text.append(".");
}

Duration
lateness_of(const Verdict &verdict, const Policy &policy)
{
	return verdict.since_cancel != 0 ? verdict.since_cancel - policy.cancel_grace
	                                 : verdict.measured - verdict.threshold.value - verdict.jitter -
	                                       (verdict.due - verdict.deadline);
}

namespace
{

void
append_set_for_some(Text &text, bool is_set_for_all, const SetForSome &set_for)
{
	bool is_set = is_set_for_all || set_for.roles_or_databases || set_for.rules;

	if (is_set_for_all && (set_for.roles_or_databases || set_for.rules))
		text.append(", otherwise");
	if (set_for.roles_or_databases)
		text.append(" for some roles or databases");
	if (set_for.rules)
		text.append(set_for.roles_or_databases ? " and by rules" : " by rules");
	if (set_for.trials)
		text.append(is_set ? ", and logged by rules" : " to be logged by rules");
}

} // namespace

void
append_in_force(Text &text, Limit limit, const Policy &policy, const SetForSome &set_for,
                const Census &census, std::int64_t catch_up_rate)
{
	std::int64_t value = threshold_of(policy.limits, limit).value;

	append_setting(text, limit).append(" is in force");
	if (value != 0)
		append_amount(text.append(" at "), limit, value);
	append_set_for_some(text, value != 0, set_for);
	text.append(", ")
	    .append(census.over)
	    .append(census.over == 1 ? " session is" : " sessions are")
	    .append(" over it now");
	if (policy.mode == Mode::Log)
		text.append("; mode is log, nothing is ended");
	else if (census.over > 0)
		text.append(", ending ").append(catch_up_rate).append(" per second");
	append_census_of_spared(text, census);
}

void
append_left(Text &text, AvailableMemory left)
{
	text.append(owner_of(left.bound))
	    .append(" has ")
	    .append_size(left.bytes, Rounding::Down)
	    .append(" left");
}

void
append_in_force_for_server(Text &text, Limit limit, const Policy &policy,
                           std::optional<AvailableMemory> left)
{
	append_amount(append_setting(text, limit).append(" is in force at "), limit,
	              threshold_of(policy.limits, limit).value);
	if (left)
		append_left(text.append("; "), *left);
	if (policy.mode == Mode::Log)
		text.append("; mode is log, nothing is ended");
}

void
append_room(Text &text, const Room &room)
{
	text.append(std::max(0, room.free))
	    .append(" of ")
	    .append(room.all)
	    .append(room.all == 1 ? " connection" : " connections")
	    .append(room.free == 1 ? " is free" : " are free");
}

void
append_headroom_in_force(Text &text, const Policy &policy, const Room &room)
{
	append_in_force_for_server(text, Limit::Headroom, policy, std::nullopt);
	append_room(text.append("; "), room);
}

void
append_spared(Text &text, Spared spared, const Policy &policy, const Names &names)
{
	for (const SparedWords &words : spared_words)
		if (words.spared == spared)
			text.append(words.reason);
	if (spared == Spared::Exempt)
		append_source(
		    text, policy.exempt.source,
		    {.role = names.role, .database = names.database, .rule = names.exempting_rule});
}

void
append_end_of_survivor(Text &text, Outcome outcome, Duration after, std::string_view before)
{
	switch (outcome)
	{
		case Outcome::Terminated:
			text.append("gone after ");
			break;
		case Outcome::Canceled:
			text.append("its statement ended after ");
			break;
		default:
			text.append("its session ended after ");
			break;
	}
	text.append_duration(after);
	if (!before.empty())
		text.append("; before: ").append(before);
}

void
append_repetitions(Text &text, std::int64_t repetitions, Duration within)
{
	text.append("repeated ")
	    .append(repetitions)
	    .append(repetitions == 1 ? " time within " : " times within ")
	    .append_duration(within);
}

bool
is_to_be_logged(std::int64_t times_before)
{
	std::int64_t rest = times_before;

	while (rest >= 10 && rest % 10 == 0)
		rest /= 10;
	return times_before == 0 || (times_before >= 10 && rest == 1);
}

} // namespace session_guard
