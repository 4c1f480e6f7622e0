/*
 * The kinds of limit: what they are called, when their episode starts, and
 * what is done first when it has lasted too long.
 *
 * A new limit is one more enumerator, one more row of limit_facts and one more
 * case in episode_of().
 */
#pragma once

#include "core/session.h"

#include <array>
#include <cstddef>
#include <optional>
#include <string_view>

namespace session_guard
{

struct TrackingState;

/* In the order in which they are shown. */
enum class Limit : std::uint8_t
{
	IdleSession,
	IdleInTransactionSession,
	Statement,
	Transaction,
	Maintenance,
	Session,
};
inline constexpr std::size_t limit_count = 6;

/* From the milder to the harder. */
enum class Action : std::uint8_t
{
	Log,
	Cancel,
	Terminate,
};

/* NUL-terminated. */
inline constexpr std::array<std::string_view, 3> action_names{"log", "cancel", "terminate"};

constexpr std::string_view
name_of(Action action)
{
	return action_names[static_cast<std::size_t>(action)];
}

struct LimitFacts
{
	/* The setting's name without its prefix, NUL-terminated. */
	std::string_view name;
	/* What a session over it has been doing: "<phrase> for 5 min". */
	std::string_view phrase;
	Action first_action;
	/* What its client can do, in a sentence. */
	std::string_view hint;
};

inline constexpr std::array<LimitFacts, limit_count> limit_facts{{
    {"idle_session_timeout", "idle", Action::Terminate,
     "Close connections that are not in use, or ask the administrator to raise the limit."},
    {"idle_in_transaction_session_timeout", "idle in transaction", Action::Terminate,
     "Commit or roll back before waiting for other work, or ask the administrator to raise the "
     "limit."},
    {"statement_timeout", "statement running", Action::Cancel,
     "Divide the work into shorter statements, or ask the administrator to raise the limit."},
    {"transaction_timeout", "in a transaction", Action::Terminate,
     "Divide the work into shorter transactions, or ask the administrator to raise the limit."},
    {"maintenance_timeout", "maintenance running", Action::Cancel,
     "Maintain smaller parts at a time, or ask the administrator to raise the limit."},
    {"session_timeout", "connected", Action::Terminate,
     "Connect again, or ask the administrator to raise the limit."},
}};

inline constexpr std::array<Limit, limit_count> all_limits{
    Limit::IdleSession, Limit::IdleInTransactionSession,
    Limit::Statement,   Limit::Transaction,
    Limit::Maintenance, Limit::Session,
};

/* Where a limit stands in an array that has an element for each. */
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

/* Thresholds below this are refused: the guard is not made for them. */
inline constexpr Duration smallest_threshold = 100 * millisecond;

/*
 * Where a setting was made, from the most general to the most special: the
 * order of the server (postinit.c, process_settings()).  Rules will have their
 * place here.
 */
enum class Source : std::uint8_t
{
	ConfigurationFile,
	AllRoles,
	Database,
	Role,
	RoleInDatabase,
};

struct Threshold
{
	/* 0 means off. */
	Duration value;
	Source source;
};
using Thresholds = std::array<Threshold, limit_count>;

constexpr const Threshold &
threshold_of(const Thresholds &thresholds, Limit limit)
{
	return thresholds[index_of(limit)];
}

/* The stretch that a limit measures. */
struct Episode
{
	/* From when it is measured. */
	Instant start;
	/* What tells this episode from the next of its kind; for most limits a stamp of the server's.
	 */
	std::int64_t stamp;
};

/* The episode of a limit that the session is in, if it is in one and its start is known. */
std::optional<Episode> episode_of(Limit limit, const Session &session,
                                  const TrackingState &tracking);

} // namespace session_guard
