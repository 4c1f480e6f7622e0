/*
 * The settings pg_session_guard.* (see settings.h).
 */
#include "settings/settings.h"

#include "core/budget.h"

#include "pg/versions.h"

#include "settings/check_hooks.h"
#include "settings/limit_settings.h"
#include "settings/number_value.h"
#include "settings/worker_types.h"

#include <climits>
#include <cstring>

namespace session_guard
{

namespace
{

int mode = static_cast<int>(Mode::Enforce);
char *database = nullptr;
char *worker_types = nullptr;
char *version = nullptr;
int naptime_ms = 10 * 1000;
bool exempt_superusers = true;
bool spare_lock_waiters = true;
bool spare_listeners = true;
bool spare_maintenance = true;
bool count_advisory_locks = false;
bool exempt = false;
bool accept_connections = true;
Source accept_connections_source = Source::ConfigurationFile;
char *bypass_role = nullptr;
int session_timeout_jitter = 10;
double actions_per_minute = 0;
double cancel_grace_ms = 10 * 1000;
int catch_up_per_second = 10;
int headroom_min_idle_ms = 30 * 1000;
double max_prepared_age_seconds = 0;
double keepalive_idle_seconds = 0;
double history_retention_minutes = 30 * 24 * 60;
int history_buffer_events = 1024;
bool notify_events = false;
/* Read by SQL only. */
char *node = nullptr;
std::array<double, limit_count> limit_values{};

/* What YAML makes of a bare "off" is taken as well: it is meant for emergencies. */
const config_enum_entry mode_options[] = {
    {"enforce", static_cast<int>(Mode::Enforce), false},
    {"log", static_cast<int>(Mode::Log), false},
    {"off", static_cast<int>(Mode::Off), false},
    {"false", static_cast<int>(Mode::Off), true},
    {nullptr, 0, false},
};

/* What tells one list of types from another; 0 if there is none. */
std::uint32_t
hash_of_worker_types()
{
	auto length = static_cast<int>(strlen(worker_types));

	return length == 0
	           ? 0
	           : hash_bytes(reinterpret_cast<const unsigned char *>(worker_types), length) | 1;
}

/* Define what the workers do, how often and how fast. */
void
define_workers()
{
	DefineCustomEnumVariable(
	    "pg_session_guard.mode", "Sets what the session guard does with sessions over a limit.",
	    "\"enforce\" ends them, \"log\" only writes a line about each, \"off\" ignores them.",
	    &mode, mode, mode_options, PGC_SIGHUP, 0, nullptr, nullptr, nullptr);
	DefineCustomIntVariable("pg_session_guard.naptime",
	                        "Sets the longest pause between two scans of all sessions.", nullptr,
	                        &naptime_ms, naptime_ms, 100, 60 * 60 * 1000, PGC_SIGHUP, GUC_UNIT_MS,
	                        nullptr, nullptr, nullptr);
	DefineCustomRealVariable(
	    "pg_session_guard.max_actions_per_minute",
	    "Sets how many sessions at most are canceled or terminated in any minute.",
	    "0 disables the cap. What is over it waits its turn, oldest first.", &actions_per_minute,
	    actions_per_minute, 0, largest_budget, PGC_SIGHUP, 0, check_actions, nullptr, nullptr);
	DefineCustomIntVariable(
	    "pg_session_guard.catch_up_rate",
	    "Sets how many sessions per second are ended for a limit that they had broken already "
	    "when it came into force.",
	    nullptr, &catch_up_per_second, catch_up_per_second, 1, 10000, PGC_SIGHUP, 0, nullptr,
	    nullptr, nullptr);
	DefineCustomIntVariable(
	    "pg_session_guard.headroom_min_idle",
	    "Sets how long a session must have been idle before it is ended to make room for new "
	    "connections.",
	    nullptr, &headroom_min_idle_ms, headroom_min_idle_ms, smallest_in(millisecond), INT_MAX,
	    PGC_SIGHUP, GUC_UNIT_MS, nullptr, nullptr, nullptr);
	DefineCustomRealVariable(
	    "pg_session_guard.max_prepared_age",
	    "Sets the age from which on prepared transactions are named in the log.",
	    "0 disables the limit. No prepared transaction is ever finished for it.",
	    &max_prepared_age_seconds, max_prepared_age_seconds, 0, INT_MAX, PGC_SIGHUP, GUC_UNIT_S,
	    check_whole_seconds, nullptr, nullptr);
	DefineCustomStringVariable(
	    "pg_session_guard.background_workers",
	    "Sets the types of background workers that are guarded like the sessions of clients.",
	    "A list of types as pg_stat_activity shows them, such as \"pg_cron\".", &worker_types, "",
	    PGC_SIGHUP, GUC_LIST_INPUT, check_worker_types, nullptr, nullptr);
	DefineCustomRealVariable(
	    "pg_session_guard.history_retention", "Sets how long rows of the history are kept.",
	    "0 keeps them for ever.", &history_retention_minutes, history_retention_minutes, 0, INT_MAX,
	    PGC_SIGHUP, GUC_UNIT_MIN, check_retention, nullptr, nullptr);
	DefineCustomBoolVariable(
	    "pg_session_guard.notify_events",
	    "Notifies those who listen on channel \"session_guard\" of what is in the history.",
	    "Anybody who may connect to pg_session_guard.database may listen.", &notify_events,
	    notify_events, PGC_SIGHUP, 0, nullptr, nullptr, nullptr);
	DefineCustomStringVariable("pg_session_guard.node",
	                           "Names this server among those that share a history.",
	                           "Rows of the history and session_guard.metrics have it.", &node, "",
	                           PGC_SIGHUP, 0, check_node, nullptr, nullptr);
}

void
define_limits()
{
	for (std::size_t i = 0; i < limit_count; i++)
	{
		const LimitSetting &setting = limit_settings[i];

		DefineCustomRealVariable(setting.name, setting.description, setting.long_description,
		                         &limit_values[i], 0, 0, INT_MAX,
		                         is_of_server(all_limits[i]) ? PGC_SIGHUP : PGC_SUSET,
		                         setting.flags, setting.check, nullptr, nullptr);
	}
	DefineCustomRealVariable(
	    "pg_session_guard.cancel_grace",
	    "Sets how long a canceled statement may go on before its session is terminated.",
	    "0 means that the session is never terminated for it.", &cancel_grace_ms, cancel_grace_ms,
	    0, INT_MAX, PGC_SUSET, GUC_UNIT_MS, check_milliseconds, nullptr, nullptr);
	DefineCustomIntVariable(
	    "pg_session_guard.session_timeout_jitter",
	    "Sets by how many percent of session_timeout at most a session may outlive it.",
	    "Sessions that were opened together then end one after the other.", &session_timeout_jitter,
	    session_timeout_jitter, 0, 100, PGC_SIGHUP, 0, nullptr, nullptr, nullptr);
	DefineCustomBoolVariable("pg_session_guard.exempt",
	                         "Spares the sessions of a role or database from all limits.", nullptr,
	                         &exempt, exempt, PGC_SUSET, 0, check_exempt, nullptr, nullptr);
}

/* guc.c applies a value right after its check, and only if no more special one is there. */
void
assign_accept_connections(bool, void *)
{
	accept_connections_source = last_checked_source();
}

/* Define who may connect, and what sessions set on their connections. */
void
define_connections()
{
	DefineCustomBoolVariable("pg_session_guard.accept_connections",
	                         "Accepts new connections to a database, or as a role.",
	                         "Superusers connect all the same, and members of "
	                         "pg_session_guard.closed_bypass_role.",
	                         &accept_connections, accept_connections, PGC_SUSET, 0,
	                         check_accept_connections, assign_accept_connections, nullptr);
	DefineCustomStringVariable("pg_session_guard.closed_bypass_role",
	                           "Sets the role whose members may connect to what is closed.",
	                           nullptr, &bypass_role, "", PGC_SIGHUP, 0, nullptr, nullptr, nullptr);
	DefineCustomRealVariable(
	    "pg_session_guard.keepalive_idle",
	    "Sets after how much silence of its client a session asks for a sign of life.",
	    "0 leaves that to tcp_keepalives_idle. A session whose connection is cut ends after twice "
	    "the time, whatever it has set itself.",
	    &keepalive_idle_seconds, keepalive_idle_seconds, 0, longest_keepalive, PGC_SIGHUP,
	    GUC_UNIT_S, check_whole_seconds, nullptr, nullptr);
}

/* Define who is spared, and what counts, unless configured otherwise. */
void
define_switches()
{
	struct Switch
	{
		const char *name;
		const char *description;
		bool *value;
	};
	const Switch switches[] = {
	    {"pg_session_guard.exempt_superusers", "Spares the sessions of superusers from all limits.",
	     &exempt_superusers},
	    {"pg_session_guard.spare_lock_waiters",
	     "Spares sessions that wait for a lock from the statement, transaction, maintenance "
	     "and horizon limits.",
	     &spare_lock_waiters},
	    {"pg_session_guard.spare_listeners",
	     "Spares sessions that listen on a channel from the idle limit.", &spare_listeners},
	    {"pg_session_guard.spare_maintenance",
	     "Spares maintenance commands from the statement, transaction and blocker limits.",
	     &spare_maintenance},
	    {"pg_session_guard.count_advisory_locks",
	     "Counts who holds an advisory lock that others wait for as blocking them.",
	     &count_advisory_locks},
	};

	for (const Switch &one : switches)
		DefineCustomBoolVariable(one.name, one.description, nullptr, one.value, *one.value,
		                         PGC_SIGHUP, 0, nullptr, nullptr, nullptr);
}

/*
 * Define what only the postmaster can take over.  A session that loads the library
 * later has no use for it, but must know what is in the configuration file.
 */
void
define_at_start()
{
	GucContext context = process_shared_preload_libraries_in_progress ? PGC_POSTMASTER : PGC_SIGHUP;

	DefineCustomStringVariable("pg_session_guard.database",
	                           "Sets the database that the session guard connects to.", nullptr,
	                           &database, "postgres", context, 0, check_database, nullptr, nullptr);
	DefineCustomIntVariable(
	    "pg_session_guard.history_buffer",
	    "Sets how many events are kept in memory until they are in the history.", nullptr,
	    &history_buffer_events, history_buffer_events, 16, 128 * 1024, context, 0, nullptr, nullptr,
	    nullptr);
}

/* Define what tells scripts and users which library the server has loaded. */
void
define_version()
{
	DefineCustomStringVariable("pg_session_guard.version",
	                           "Shows the version of the library that the server has loaded.",
	                           nullptr, &version, library_version(), PGC_INTERNAL,
	                           GUC_NOT_IN_SAMPLE | GUC_DISALLOW_IN_FILE, nullptr, nullptr, nullptr);
}

} // namespace

void
define_settings()
{
	define_version();
	define_workers();
	define_switches();
	define_limits();
	define_connections();
	define_at_start();
	MarkGUCPrefixReserved("pg_session_guard");
	/* What is meant for us must not be taken for a setting of somebody else's. */
	MarkGUCPrefixReserved("session_guard");
}

Policy
configured_policy()
{
	Policy policy{.mode = static_cast<Mode>(mode),
	              .exempt_superusers = exempt_superusers,
	              .spare_lock_waiters = spare_lock_waiters,
	              .spare_listeners = spare_listeners,
	              .spare_maintenance = spare_maintenance,
	              .count_advisory_locks = count_advisory_locks,
	              .exempt = {.value = exempt, .source = Source::ConfigurationFile},
	              .cancel_grace = duration_of(cancel_grace_ms, millisecond),
	              .session_timeout_jitter = session_timeout_jitter,
	              .background_workers = hash_of_worker_types(),
	              .headroom_min_idle = headroom_min_idle_ms * millisecond,
	              .limits = {},
	              .trials = {},
	              .is_trial = false};

	for (std::size_t i = 0; i < limit_count; i++)
		policy.limits[i] = {.value = duration_of(limit_values[i], limit_settings[i].unit),
		                    .source = Source::ConfigurationFile};
	return policy;
}

const char *
name_of(Mode wanted)
{
	for (const config_enum_entry *option = mode_options; option->name != nullptr; option++)
		if (option->val == static_cast<int>(wanted))
			return option->name;
	return nullptr;
}

const char *
guard_database()
{
	return database;
}

const char *
background_workers()
{
	return worker_types;
}

Duration
naptime()
{
	return naptime_ms * millisecond;
}

int
catch_up_rate()
{
	return catch_up_per_second;
}

std::size_t
max_actions_per_minute()
{
	return static_cast<std::size_t>(actions_per_minute);
}

int
connection_headroom()
{
	return static_cast<int>(limit_values[index_of(Limit::Headroom)]);
}

bool
ends_sessions()
{
	return mode == static_cast<int>(Mode::Enforce);
}

Duration
max_prepared_age()
{
	return duration_of(max_prepared_age_seconds, second);
}

bool
accepts_connections()
{
	return accept_connections;
}

Source
source_of_accept_connections()
{
	return accept_connections_source;
}

const char *
closed_bypass_role()
{
	return bypass_role;
}

Duration
dead_client_timeout()
{
	constexpr std::size_t index = index_of(Limit::DeadClient);

	return duration_of(limit_values[index], limit_settings[index].unit);
}

int
keepalive_idle()
{
	return static_cast<int>(keepalive_idle_seconds);
}

Duration
history_retention()
{
	return duration_of(history_retention_minutes, minute);
}

bool
notifies_events()
{
	return notify_events;
}

std::size_t
history_buffer()
{
	return static_cast<std::size_t>(history_buffer_events);
}

} // namespace session_guard
