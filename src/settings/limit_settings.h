/*
 * How each limit is set.
 */
#pragma once

#include "core/limits.h"

#include "pg/pg.h"

#include "settings/check_hooks.h"
#include "settings/number_value.h"

#include <array>

namespace session_guard
{

/* How a limit is set: its own words and unit beside what core/limits.h knows. */
struct LimitSetting
{
	const char *name;
	const char *description;
	const char *long_description;
	int flags;
	/* One of the units that the value is in, as the limit measures. */
	std::int64_t unit;
	/* The smallest number of units, beside 0; what is less is refused. */
	int smallest;
	GucRealCheckHook check;
};

inline constexpr std::array<LimitSetting, limit_count> limit_settings{{
    {"pg_session_guard.idle_session_timeout",
     "Sets the maximum time a session may stay idle outside a transaction.",
     "0 disables the limit. A session over it is terminated.", GUC_UNIT_MS, millisecond,
     smallest_in(millisecond), check_milliseconds},
    {"pg_session_guard.idle_in_transaction_session_timeout",
     "Sets the maximum time a session may stay idle in a transaction.",
     "0 disables the limit. A session over it is terminated.", GUC_UNIT_MS, millisecond,
     smallest_in(millisecond), check_milliseconds},
    {"pg_session_guard.statement_timeout", "Sets the maximum time a statement may run.",
     "0 disables the limit. Waiting for a lock does not count. A statement over it is canceled, "
     "and its session terminated if it still runs after pg_session_guard.cancel_grace.",
     GUC_UNIT_MS, millisecond, smallest_in(millisecond), check_milliseconds},
    {"pg_session_guard.transaction_timeout", "Sets the maximum time a transaction may last.",
     "0 disables the limit. Waiting for a lock does not count. A session over it is terminated.",
     GUC_UNIT_MS, millisecond, smallest_in(millisecond), check_milliseconds},
    {"pg_session_guard.maintenance_timeout",
     "Sets the maximum time a statement may spend on maintenance commands.",
     "0 disables the limit. It bounds what is spared from the statement and transaction limits as "
     "maintenance. Waiting for a lock does not count. A statement over it is canceled, and its "
     "session terminated if it still runs after pg_session_guard.cancel_grace.",
     GUC_UNIT_MS, millisecond, smallest_in(millisecond), check_milliseconds},
    {"pg_session_guard.session_timeout", "Sets the maximum time a session may last.",
     "0 disables the limit. A session over it is terminated as soon as it is found outside a "
     "transaction.",
     GUC_UNIT_S, second, smallest_in(second), check_seconds},
    {"pg_session_guard.idle_blocker_timeout",
     "Sets the maximum time a session may stay idle while others wait for its locks.",
     "0 disables the limit. It counts from when the session went idle, or the first of the others "
     "began to wait, whichever was later. A session over it is terminated.",
     GUC_UNIT_MS, millisecond, smallest_in(millisecond), check_milliseconds},
    {"pg_session_guard.blocker_timeout",
     "Sets the maximum time a session may keep others waiting for its locks.",
     "0 disables the limit. A statement of a session over it is canceled, and the session "
     "terminated if it is idle, or still blocks after pg_session_guard.cancel_grace.",
     GUC_UNIT_MS, millisecond, smallest_in(millisecond), check_milliseconds},
    {"pg_session_guard.max_horizon_age",
     "Sets the maximum number of transactions by which a session may hold back vacuum.",
     "0 disables the limit. A statement of a session over it is canceled, and the session "
     "terminated if it is idle, or still holds back as much after pg_session_guard.cancel_grace.",
     0, 1, smallest_transactions, check_transactions},
    {"pg_session_guard.max_memory", "Sets the maximum memory that a session may use for itself.",
     "0 disables the limit. The memory of its parallel workers counts, shared memory does not. A "
     "statement of a session over it is canceled, and the session terminated if it is idle, or "
     "still over it after pg_session_guard.cancel_grace.",
     GUC_UNIT_KB, kilobyte, smallest_kilobytes, check_kilobytes},
    {"pg_session_guard.min_available_memory",
     "Sets how much memory the server is to have left, or sessions are ended.",
     "0 disables the limit. While the host or the cgroup has less, the statement of the session "
     "that uses the most memory is canceled, and the session terminated if it is idle, or uses it "
     "still.",
     GUC_UNIT_KB, kilobyte, smallest_kilobytes, check_kilobytes},
    {"pg_session_guard.dead_client_timeout",
     "Sets the maximum time a statement may run whose client is gone.",
     "0 disables the limit. A session over it is terminated.", GUC_UNIT_MS, millisecond,
     smallest_in(millisecond), check_milliseconds},
    {"pg_session_guard.connection_headroom",
     "Sets how many connections are to be free for newcomers, or idle sessions are ended.",
     "0 disables the limit. While fewer are free, of those that are not reserved, the sessions "
     "that have been idle outside a transaction for longest are terminated, if that is for longer "
     "than pg_session_guard.headroom_min_idle.",
     0, 1, 1, check_headroom},
}};

} // namespace session_guard
