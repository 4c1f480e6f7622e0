/*
 * What the log is told when settings change (see announcements.h).
 */
#include "guard/announcements.h"

#include "core/messages.h"

#include "pg/compat.h"

#include "settings/settings.h"

#include "policy/policy_cache.h"

#include "guard/headroom.h"
#include "guard/memory_shortage.h"

#include <array>

namespace session_guard
{

namespace
{

/* The limits that have come into force and are yet to be announced; a bit for each. */
std::uint32_t new_limits;

} // namespace

void
note_new_limits(std::uint32_t limits)
{
	new_limits |= limits;
	for (Limit limit : all_limits)
		if (!is_in_force(limit))
			new_limits &= ~bit_of(limit);
}

bool
some_limit_is_new()
{
	return new_limits != 0;
}

bool
is_new(Limit limit)
{
	return (new_limits & bit_of(limit)) != 0;
}

void
LimitCensus::add(Limit limit, const Decision &decision, const Session &session,
                 const TrackingState &tracking, const Policy &policy)
{
	if (is_new(limit))
		count_session(counts_[index_of(limit)], limit, decision, session, tracking, policy);
}

void
LimitCensus::announce() const
{
	for (Limit limit : all_limits)
	{
		std::array<char, 640> buffer;
		Text text(buffer);

		if (!is_new(limit))
			continue;
		if (limit == Limit::Headroom)
			append_headroom_in_force(text, base_policy(), present_room());
		else if (bounds_what_is_left(limit))
			append_in_force_for_server(text, limit, base_policy(), memory_left());
		else
			append_in_force(text, limit, base_policy(),
			                {.roles_or_databases = is_set_for_roles_or_databases(limit),
			                 .rules = is_enforced_by_rules(limit),
			                 .trials = is_tried_by_rules(limit)},
			                counts_[index_of(limit)], catch_up_rate());
		ereport(LOG, (errmsg_internal("%s", text.c_str())));
	}
	new_limits = 0;
}

void
report_untold_reasons()
{
	static int reported_level = 0;
	int level = client_log_level();

	/* LOG ranks between ERROR and FATAL there. */
	if (level != reported_level && (level == LOG || level > ERROR))
		ereport(LOG, (errmsg("clients whose statements are canceled will not be told why"),
		              errdetail("Errors are kept out of the log by log_min_messages, and then no "
		                        "reason can be added to them.")));
	reported_level = level;
}

void
report_limit_without_effect()
{
	static bool was_reported = false;
	Duration blocker = threshold_of(base_policy().limits, Limit::IdleBlocker).value;
	Duration idle = threshold_of(base_policy().limits, Limit::IdleInTransactionSession).value;
	/* Advisory locks can be held outside of a transaction, too. */
	bool is_without =
	    blocker != 0 && idle != 0 && blocker >= idle && !base_policy().count_advisory_locks;

	if (is_without && !was_reported)
		ereport(WARNING,
		        (errmsg("pg_session_guard.idle_blocker_timeout has no effect"),
		         errdetail("It is not below pg_session_guard.idle_in_transaction_session_timeout, "
		                   "which ends these sessions whether they block others or not.")));
	was_reported = is_without;
}

} // namespace session_guard
