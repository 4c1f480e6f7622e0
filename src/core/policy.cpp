/*
 * How stored settings change a policy, and what a new policy brings into force
 * (see policy.h).
 */
#include "core/policy.h"

namespace session_guard
{

namespace
{

/* May a session be spared from this limit because it waits for a lock? */
bool
spares_lock_waiters(Limit limit)
{
	return excludes_waits(limit) || limit == Limit::IdleInTransactionSession ||
	       limit == Limit::HorizonAge;
}

/* Does a session lose by the new policy what has spared it from this limit? */
bool
ends_sparing(const Policy &now, const Policy &before, Limit limit)
{
	return (before.exempt_superusers && !now.exempt_superusers) ||
	       (before.exempt.value && !now.exempt.value) ||
	       (spares_lock_waiters(limit) && before.spare_lock_waiters && !now.spare_lock_waiters) ||
	       ((limit == Limit::IdleSession || limit == Limit::Headroom) && before.spare_listeners &&
	        !now.spare_listeners) ||
	       (limit == Limit::Headroom && now.headroom_min_idle < before.headroom_min_idle) ||
	       ((limit == Limit::Statement || limit == Limit::Transaction || limit == Limit::Blocker ||
	         limit == Limit::HorizonAge || limit == Limit::DeadClient) &&
	        before.spare_maintenance && !now.spare_maintenance) ||
	       (measures_blocking(limit) && !before.count_advisory_locks && now.count_advisory_locks) ||
	       (binds_workers(limit) && now.background_workers != 0 &&
	        now.background_workers != before.background_workers);
}

} // namespace

void
apply(const RoleDatabaseSettings &stored, Source source, Policy &policy)
{
	if (stored.exempt)
		policy.exempt = {.value = *stored.exempt, .source = source};
	policy.cancel_grace = stored.cancel_grace.value_or(policy.cancel_grace);
	for (Limit limit : all_limits)
		if (std::optional<Duration> value = stored.limits[index_of(limit)])
			policy.limits[index_of(limit)] = {.value = *value, .source = source};
}

void
tighten(const RoleDatabaseSettings &stored, Source source, Policy &policy)
{
	if (stored.cancel_grace && is_shorter_grace(*stored.cancel_grace, policy.cancel_grace))
		policy.cancel_grace = *stored.cancel_grace;
	for (Limit limit : all_limits)
	{
		std::int64_t value = stored.limits[index_of(limit)].value_or(0);

		if (is_stricter(limit, value, threshold_of(policy.limits, limit).value))
			policy.limits[index_of(limit)] = {.value = value, .source = source};
	}
}

bool
comes_into_force(const Policy &now, const Policy &before, Limit limit, bool is_stored)
{
	Duration value = threshold_of(now.limits, limit).value;
	Duration old_value = threshold_of(before.limits, limit).value;

	if (now.mode == Mode::Off || (value == 0 && !is_stored))
		return false;
	/* This concerns roles and databases with limits of their own, too. */
	if (before.mode != now.mode || ends_sparing(now, before, limit))
		return true;
	/* maintenance_timeout bounds what is excluded from a transaction. */
	if (limit == Limit::Transaction && comes_into_force(now, before, Limit::Maintenance))
		return true;
	/* Less jitter ends those sooner that have much of it. */
	if (limit == Limit::Session && is_stored &&
	    now.session_timeout_jitter < before.session_timeout_jitter)
		return true;
	return is_stricter(limit, value, old_value) ||
	       is_stricter(limit, value + longest_jitter(now, limit),
	                   old_value + longest_jitter(before, limit));
}

bool
comes_into_force(const RoleDatabaseSettings &now, const RoleDatabaseSettings &before, Limit limit)
{
	std::optional<Duration> value = now.limits[index_of(limit)];
	std::optional<Duration> old_value = before.limits[index_of(limit)];

	if (before.exempt.value_or(false) && !now.exempt.value_or(false))
		return true;
	if (now.exempt.has_value() && !*now.exempt && !before.exempt.has_value())
		return true;
	if (limit == Limit::Transaction && comes_into_force(now, before, Limit::Maintenance))
		return true;
	if (!value)
		return old_value.has_value();
	return is_stricter(limit, *value, old_value.value_or(0));
}

} // namespace session_guard
