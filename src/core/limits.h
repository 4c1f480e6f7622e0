/*
 * The kinds of limit: what they are called, and what is done first to a session
 * that exceeds one.
 *
 * A new limit is one more enumerator, one more row of limit_facts and one more
 * case in episode_of() (core/episode.h); CONTRIBUTING.md says what else there is.
 */
#pragma once

#include "core/action.h"
#include "core/time.h"

#include <array>
#include <cstddef>
#include <string_view>

namespace session_guard
{

/* In the order in which they are shown. */
enum class Limit : std::uint8_t
{
	IdleSession,
	IdleInTransactionSession,
	Statement,
	Transaction,
	Maintenance,
	Session,
	IdleBlocker,
	Blocker,
	HorizonAge,
	Memory,
	AvailableMemory,
	DeadClient,
	Headroom,
};
inline constexpr std::size_t limit_count = 13;

/* What a limit measures. */
enum class Measure : std::uint8_t
{
	/* In microseconds. */
	Time,
	Transactions,
	Bytes,
	Connections,
};

struct LimitFacts
{
	/* The setting's name without its prefix, NUL-terminated. */
	std::string_view name;
	/* What a session that exceeds it has been doing: "<phrase> for 5 min". */
	std::string_view phrase;
	/* What is done first to a session that runs a statement; see first_action(). */
	Action first_action;
	Measure measure;
	/* What its client can do about it, in sentences. */
	std::string_view hint;
};

inline constexpr std::array<LimitFacts, limit_count> limit_facts{{
    {"idle_session_timeout", "idle", Action::Terminate, Measure::Time,
     "Close connections that are not in use, or ask the administrator to raise the limit."},
    {"idle_in_transaction_session_timeout", "idle in transaction", Action::Terminate, Measure::Time,
     "Commit or roll back before waiting for other work, or ask the administrator to raise the "
     "limit."},
    {"statement_timeout", "statement running", Action::Cancel, Measure::Time,
     "Divide the work into shorter statements, or ask the administrator to raise the limit."},
    {"transaction_timeout", "in a transaction", Action::Terminate, Measure::Time,
     "Divide the work into shorter transactions, or ask the administrator to raise the limit."},
    {"maintenance_timeout", "maintenance running", Action::Cancel, Measure::Time,
     "Maintain smaller parts at a time, or ask the administrator to raise the limit."},
    {"session_timeout", "connected", Action::Terminate, Measure::Time,
     "Connect again, or ask the administrator to raise the limit."},
    {"idle_blocker_timeout", "idle while blocking", Action::Terminate, Measure::Time,
     "Commit or roll back before waiting for other work, or ask the administrator to raise the "
     "limit."},
    {"blocker_timeout", "blocking", Action::Cancel, Measure::Time,
     "Keep transactions short that lock what others need, or ask the administrator to raise the "
     "limit."},
    {"max_horizon_age", "holding back vacuum by", Action::Cancel, Measure::Transactions,
     "Commit or roll back sooner, or ask the administrator to raise the limit."},
    {"max_memory", "using", Action::Cancel, Measure::Bytes,
     "Divide the work into smaller parts, or ask the administrator to raise the limit."},
    {"min_available_memory", "using", Action::Cancel, Measure::Bytes,
     "Divide the work into smaller parts, or wait until the server has more memory left."},
    {"dead_client_timeout", "statement running", Action::Terminate, Measure::Time,
     "Keep the connection open in both directions until the result has come, or ask the "
     "administrator to raise the limit."},
    {"connection_headroom", "idle", Action::Terminate, Measure::Connections,
     "Connect again when there is work to do, and close connections that are not in use."},
}};

inline constexpr std::array<Limit, limit_count> all_limits{
    Limit::IdleSession,     Limit::IdleInTransactionSession,
    Limit::Statement,       Limit::Transaction,
    Limit::Maintenance,     Limit::Session,
    Limit::IdleBlocker,     Limit::Blocker,
    Limit::HorizonAge,      Limit::Memory,
    Limit::AvailableMemory, Limit::DeadClient,
    Limit::Headroom,
};

/* The index of a limit in an array that has an element for each. */
constexpr std::size_t
index_of(Limit limit)
{
	return static_cast<std::size_t>(limit);
}

/* A limit in a set of them. */
constexpr std::uint32_t
bit_of(Limit limit)
{
	return 1U << index_of(limit);
}

constexpr const LimitFacts &
facts(Limit limit)
{
	return limit_facts[index_of(limit)];
}

/* Does a limit measure time, so that its deadline is known beforehand? */
constexpr bool
measures_time(Limit limit)
{
	return facts(limit).measure == Measure::Time;
}

/* May waits be excluded from the time of this limit? */
constexpr bool
excludes_waits(Limit limit)
{
	return limit == Limit::Statement || limit == Limit::Transaction || limit == Limit::Maintenance;
}

/* Does this limit measure how long the process has waited for its client? */
constexpr bool
measures_wait_for_client(Limit limit)
{
	return limit == Limit::IdleSession || limit == Limit::IdleInTransactionSession ||
	       limit == Limit::IdleBlocker || limit == Limit::Headroom;
}

/*
 * Does this limit bind background workers, too?  They wait for no client but for their own work,
 * and nobody opens them anew.
 */
constexpr bool
binds_workers(Limit limit)
{
	return limit != Limit::Session && limit != Limit::DeadClient &&
	       !measures_wait_for_client(limit);
}

/* Does this limit measure how long the session has kept others waiting? */
constexpr bool
measures_blocking(Limit limit)
{
	return limit == Limit::IdleBlocker || limit == Limit::Blocker;
}

/* Is this limit about the memory that sessions use? */
constexpr bool
measures_memory(Limit limit)
{
	return limit == Limit::Memory || limit == Limit::AvailableMemory;
}

/*
 * Does this limit measure what a session does to others or to the server, which the end of
 * its statement does not end in any case?
 */
constexpr bool
measures_harm(Limit limit)
{
	return measures_blocking(limit) || !measures_time(limit);
}

/*
 * Does this limit bound from below what is left for all?  Then not everybody who is over it
 * goes, but one of all.
 */
constexpr bool
bounds_what_is_left(Limit limit)
{
	return limit == Limit::AvailableMemory || limit == Limit::Headroom;
}

/* Is a limit one of the server as a whole, and so none that a role or a database can have? */
constexpr bool
is_of_server(Limit limit)
{
	return bounds_what_is_left(limit) || limit == Limit::DeadClient;
}

/* Does an amount, as the limit measures, exceed a threshold that is set? */
constexpr bool
exceeds(Limit limit, std::int64_t measured, std::int64_t threshold)
{
	return bounds_what_is_left(limit) ? measured < threshold : measured > threshold;
}

/* Is a threshold stricter than the one before?  0 is none. */
constexpr bool
is_stricter(Limit limit, std::int64_t now, std::int64_t before)
{
	return now != 0 && (before == 0 || exceeds(limit, before, now));
}

/* Of time, thresholds below this are refused: the guard is not made for them. */
inline constexpr Duration smallest_threshold = 100 * millisecond;

/*
 * Where a setting was made: first what binds a session from its start, from the most general to
 * the most special, the order of the server (postinit.c, process_settings()); then what takes the
 * place of that.
 */
enum class Source : std::uint8_t
{
	ConfigurationFile,
	AllRoles,
	Database,
	Role,
	RoleInDatabase,
	/* Stored for a role that the session has taken on by SET ROLE. */
	TakenRole,
	TakenRoleInDatabase,
	/* A rule, which is given with it. */
	Rule,
};

/* Does it bind a session only for a role that it has taken on by SET ROLE? */
constexpr bool
is_of_taken_role(Source source)
{
	return source == Source::TakenRole || source == Source::TakenRoleInDatabase;
}

inline constexpr std::int32_t no_rule = -1;

struct Threshold
{
	/* As the limit measures; 0 means off. */
	std::int64_t value;
	Source source;
	/* If a rule is the source: which of those in force, by its index. */
	std::int32_t rule = no_rule;
};
using Thresholds = std::array<Threshold, limit_count>;

constexpr const Threshold &
threshold_of(const Thresholds &thresholds, Limit limit)
{
	return thresholds[index_of(limit)];
}

} // namespace session_guard
