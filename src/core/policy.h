/*
 * What binds a session: the settings of the server, what is stored for its role and its
 * database, and what rules make of that (core/rule.h).
 */
#pragma once

#include "core/limits.h"

#include <array>
#include <optional>
#include <type_traits>

namespace session_guard
{

enum class Mode : std::uint8_t
{
	Off,
	Log,
	Enforce,
};

/* Is a session spared from everything, and where was that set? */
struct Exemption
{
	bool value;
	Source source;
	/* As of a threshold. */
	std::int32_t rule = no_rule;

	friend bool operator==(const Exemption &, const Exemption &) = default;
};

struct Policy
{
	Mode mode;
	bool exempt_superusers;
	bool spare_lock_waiters;
	bool spare_listeners;
	bool spare_maintenance;
	/* Does it count as blocking to hold an advisory lock that others wait for? */
	bool count_advisory_locks;
	Exemption exempt;
	/* How long a canceled statement may go on; 0 means that it is never terminated. */
	Duration cancel_grace;
	/* The largest share of session_timeout by which a session may outlive it (core/jitter.h). */
	std::int32_t session_timeout_jitter;
	/* Tells one list of guarded background workers from another; 0 if none are guarded. */
	std::uint32_t background_workers;
	/* How long a session must have been idle before it makes room for new connections. */
	Duration headroom_min_idle;
	Thresholds limits;
	/* What rules that only log would put in the place of limits; 0: nothing. */
	Thresholds trials;
	/* Does it hold such a one, to be logged only? */
	bool is_trial;
};
static_assert(std::is_trivially_copyable_v<Policy>);
static_assert(std::is_trivially_destructible_v<Policy>);

/* Is this limit in force? */
constexpr bool
is_set(const Policy &policy, Limit limit)
{
	return policy.mode != Mode::Off && threshold_of(policy.limits, limit).value != 0;
}

/* The policy by which what would be done for a trial of a limit is logged. */
constexpr Policy
trial_of(const Policy &policy, Limit limit)
{
	Policy trial = policy;

	if (trial.mode != Mode::Off)
		trial.mode = Mode::Log;
	trial.is_trial = true;
	trial.limits[index_of(limit)] = threshold_of(policy.trials, limit);
	return trial;
}

/* The policy by which sessions are sampled: the stricter of each limit and its trial. */
constexpr Policy
with_trials(Policy policy)
{
	for (Limit limit : all_limits)
		if (is_stricter(limit, threshold_of(policy.trials, limit).value,
		                threshold_of(policy.limits, limit).value))
			policy.limits[index_of(limit)] = threshold_of(policy.trials, limit);
	return policy;
}

/* The longest that any session may outlive its limit; how long one may is in core/jitter.h. */
constexpr Duration
longest_jitter(const Policy &policy, Limit limit)
{
	return limit == Limit::Session
	           ? threshold_of(policy.limits, limit).value * policy.session_timeout_jitter / 100
	           : 0;
}

/* What ALTER ROLE or ALTER DATABASE SET stores for a role, a database or both; none: not set. */
struct RoleDatabaseSettings
{
	std::optional<bool> exempt;
	std::optional<Duration> cancel_grace;
	std::array<std::optional<Duration>, limit_count> limits;

	friend bool operator==(const RoleDatabaseSettings &, const RoleDatabaseSettings &) = default;
};
static_assert(std::is_trivially_destructible_v<RoleDatabaseSettings>);

/* Let what is stored at a source replace what more general sources say. */
void apply(const RoleDatabaseSettings &stored, Source source, Policy &policy);

/*
 * Let what is stored for a role that a session has taken on bind it, too.  That only adds: nobody
 * gets away from a limit by SET ROLE, and an exemption stays as it is.
 */
void tighten(const RoleDatabaseSettings &stored, Source source, Policy &policy);

/*
 * Does a limit come into force with a new policy: does it bind sessions that it
 * did not bind before, or does another mode treat them differently?  A limit that
 * is off for the server may still be stored for roles and databases.
 */
bool comes_into_force(const Policy &now, const Policy &before, Limit limit, bool is_stored = false);

/*
 * The same for stored settings.  A setting that is no longer stored is replaced
 * by a more general one, which may be stricter.
 */
bool comes_into_force(const RoleDatabaseSettings &now, const RoleDatabaseSettings &before,
                      Limit limit);

/* Does a canceled statement end sooner by this grace?  0 means that it is never terminated. */
constexpr bool
is_shorter_grace(Duration now, Duration before)
{
	return now != 0 && (before == 0 || now < before);
}

} // namespace session_guard
