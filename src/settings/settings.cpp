/*
 * The settings pg_session_guard.* (see settings.h).
 */
#include "settings/settings.h"

#include "core/budget.h"

#include "pg/pg.h"

#include <algorithm>
#include <climits>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <string_view>

namespace session_guard
{

namespace
{

int mode = static_cast<int>(Mode::Enforce);
char *database = nullptr;
int naptime_ms = 10 * 1000;
bool exempt_superusers = true;
bool spare_lock_waiters = true;
bool spare_listeners = true;
bool spare_maintenance = true;
bool exempt = false;
double actions_per_minute = 0;
double cancel_grace_ms = 10 * 1000;
int catch_up_per_second = 10;
double history_retention_minutes = 30 * 24 * 60;
int history_buffer_events = 1024;
std::array<double, limit_count> limit_values{};

bool keeps_server_settings = false;

constexpr char refused_message[] = "the session guard does not take this setting for itself";

const config_enum_entry mode_options[] = {
    {"enforce", static_cast<int>(Mode::Enforce), false},
    {"log", static_cast<int>(Mode::Log), false},
    {"off", static_cast<int>(Mode::Off), false},
    {nullptr, 0, false},
};

/* How a limit is set: its own words and unit beside what core/limits.h knows. */
struct LimitSetting
{
	const char *name;
	const char *description;
	const char *long_description;
	int flags;
	Duration unit;
};

constexpr std::array<LimitSetting, limit_count> limit_settings{{
    {"pg_session_guard.idle_session_timeout",
     "Sets the maximum time a session may stay idle outside a transaction.",
     "0 disables the limit. A session over it is terminated.", GUC_UNIT_MS, millisecond},
    {"pg_session_guard.idle_in_transaction_session_timeout",
     "Sets the maximum time a session may stay idle in a transaction.",
     "0 disables the limit. A session over it is terminated.", GUC_UNIT_MS, millisecond},
    {"pg_session_guard.statement_timeout", "Sets the maximum time a statement may run.",
     "0 disables the limit. Waiting for a lock does not count. A statement over it is canceled, "
     "and its session terminated if it still runs after pg_session_guard.cancel_grace.",
     GUC_UNIT_MS, millisecond},
    {"pg_session_guard.transaction_timeout", "Sets the maximum time a transaction may last.",
     "0 disables the limit. Waiting for a lock does not count. A session over it is terminated.",
     GUC_UNIT_MS, millisecond},
    {"pg_session_guard.maintenance_timeout",
     "Sets the maximum time a statement may spend on maintenance commands.",
     "0 disables the limit. It bounds what is spared from the statement and transaction limits as "
     "maintenance. Waiting for a lock does not count. A statement over it is canceled, and its "
     "session terminated if it still runs after pg_session_guard.cancel_grace.",
     GUC_UNIT_MS, millisecond},
    {"pg_session_guard.session_timeout", "Sets the maximum time a session may last.",
     "0 disables the limit. A session over it is terminated as soon as it is found outside a "
     "transaction.",
     GUC_UNIT_S, second},
}};

/*
 * May a limit be set from there?
 *
 * The guarded must not lift their limit, so nothing that a session can say
 * counts: SET, set_config, PGOPTIONS, a function's SET clause.
 */
bool
check_source(GucSource source)
{
	if (keeps_server_settings && source >= PGC_S_GLOBAL && source <= PGC_S_DATABASE_USER)
	{
		GUC_check_errmsg("%s", refused_message);
		return false;
	}
	if (source < PGC_S_CLIENT || source == PGC_S_TEST)
		return true;
	GUC_check_errcode(ERRCODE_CANT_CHANGE_RUNTIME_PARAM);
	GUC_check_errmsg("limits of the session guard cannot be changed within a session");
	GUC_check_errhint("Set it in the configuration file, or with ALTER SYSTEM, ALTER ROLE or ALTER "
	                  "DATABASE.");
	return false;
}

/* The smallest number of units, beside 0, of a time that can be kept. */
constexpr int
smallest_in(Duration unit)
{
	return static_cast<int>(std::max<Duration>(1, smallest_threshold / unit));
}

/*
 * The whole units of a number, or nothing if it lies between 0 and the smallest
 * number that can be kept.
 *
 * 0 means "off" or "for ever", so what was meant to be short must not be rounded
 * to it.  The server rounds an integer before its check hook sees it; so these
 * settings are real numbers to the server, and rounded here, as it would.
 */
std::optional<int>
whole_units(double number, int smallest)
{
	if (number != 0 && !(number >= smallest && number <= INT_MAX))
		return std::nullopt;
	return static_cast<int>(std::rint(number));
}

/* Refuse a number that is neither 0 nor large enough, and round the others. */
bool
check_number(double &value, int smallest, const char *unit)
{
	std::optional<int> units = whole_units(value, smallest);

	if (!units)
	{
		GUC_check_errdetail("The value must be 0 or at least %d%s.", smallest, unit);
		return false;
	}
	value = *units;
	return true;
}

bool
check_milliseconds(double *value, void **, GucSource source)
{
	return check_number(*value, smallest_in(millisecond), " ms") && check_source(source);
}

bool
check_seconds(double *value, void **, GucSource source)
{
	return check_number(*value, smallest_in(second), " s") && check_source(source);
}

bool
check_retention(double *value, void **, GucSource)
{
	return check_number(*value, smallest_in(minute), " min");
}

bool
check_actions(double *value, void **, GucSource)
{
	return check_number(*value, 1, "");
}

bool
check_exempt(bool *, void **, GucSource source)
{
	return check_source(source);
}

/* Refuse the databases that everybody copies: nobody can while the worker is in there. */
bool
check_database(char **value, void **, GucSource)
{
	if (*value == nullptr || **value == '\0')
	{
		GUC_check_errdetail("The name of a database is needed.");
		return false;
	}
	if (strcmp(*value, "template0") == 0 || strcmp(*value, "template1") == 0)
	{
		GUC_check_errdetail("A connection to database \"%s\" would keep others from copying it.",
		                    *value);
		return false;
	}
	return true;
}

/* The duration of a number that is whole, as the check hooks leave it. */
Duration
duration_of(double units, Duration unit)
{
	return static_cast<Duration>(units) * unit;
}

/*
 * The duration that was written, or nothing if it cannot be valid.
 *
 * The server rounds a fraction to the next smaller unit first, so that it reads
 * "0.02d" as 0 h.
 */
std::optional<Duration>
parse_duration(const char *text, int flags, Duration unit)
{
	double number;

	if (!parse_real(text, &number, flags, nullptr) ||
	    (number == 0 && std::strtod(text, nullptr) != 0))
		return std::nullopt;
	std::optional<int> units = whole_units(number, smallest_in(unit));
	return units ? std::optional(*units * unit) : std::nullopt;
}

void
define_limits()
{
	for (std::size_t i = 0; i < limit_count; i++)
	{
		const LimitSetting &setting = limit_settings[i];

		DefineCustomRealVariable(setting.name, setting.description, setting.long_description,
		                         &limit_values[i], 0, 0, INT_MAX, PGC_SUSET, setting.flags,
		                         setting.unit == millisecond ? check_milliseconds : check_seconds,
		                         nullptr, nullptr);
	}
	DefineCustomRealVariable(
	    "pg_session_guard.cancel_grace",
	    "Sets how long a canceled statement may go on before its session is terminated.",
	    "0 means that the session is never terminated for it.", &cancel_grace_ms, cancel_grace_ms,
	    0, INT_MAX, PGC_SUSET, GUC_UNIT_MS, check_milliseconds, nullptr, nullptr);
	DefineCustomBoolVariable("pg_session_guard.exempt",
	                         "Spares the sessions of a role or database from all limits.", nullptr,
	                         &exempt, exempt, PGC_SUSET, 0, check_exempt, nullptr, nullptr);
}

/* Define who is spared by default. */
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
	     "Spares sessions that wait for a lock from the statement, transaction and "
	     "maintenance limits.",
	     &spare_lock_waiters},
	    {"pg_session_guard.spare_listeners",
	     "Spares sessions that listen on a channel from the idle limit.", &spare_listeners},
	    {"pg_session_guard.spare_maintenance",
	     "Spares maintenance commands from the statement and transaction limits.",
	     &spare_maintenance},
	};

	for (const Switch &one : switches)
		DefineCustomBoolVariable(one.name, one.description, nullptr, one.value, *one.value,
		                         PGC_SIGHUP, 0, nullptr, nullptr, nullptr);
}

/*
 * Define what only the postmaster can take over.  In a session that loads the library
 * later on nothing depends on it, but what is in the configuration file must be known.
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

} // namespace

void
define_settings()
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
	DefineCustomRealVariable(
	    "pg_session_guard.history_retention", "Sets how long rows of the history are kept.",
	    "0 keeps them for ever.", &history_retention_minutes, history_retention_minutes, 0, INT_MAX,
	    PGC_SIGHUP, GUC_UNIT_MIN, check_retention, nullptr, nullptr);
	define_switches();
	define_limits();
	define_at_start();
	MarkGUCPrefixReserved("pg_session_guard");
}

Policy
configured_policy()
{
	Policy policy{.mode = static_cast<Mode>(mode),
	              .exempt_superusers = exempt_superusers,
	              .spare_lock_waiters = spare_lock_waiters,
	              .spare_listeners = spare_listeners,
	              .spare_maintenance = spare_maintenance,
	              .exempt = {.value = exempt, .source = Source::ConfigurationFile},
	              .cancel_grace = duration_of(cancel_grace_ms, millisecond),
	              .limits = {}};

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

Duration
history_retention()
{
	return duration_of(history_retention_minutes, minute);
}

std::size_t
history_buffer()
{
	return static_cast<std::size_t>(history_buffer_events);
}

bool
store(const char *name, const char *value, RoleDatabaseSettings &stored)
{
	if (strcmp(name, "exempt") == 0)
	{
		bool on;

		if (!parse_bool(value, &on))
			return false;
		stored.exempt = on;
		return true;
	}
	if (strcmp(name, "cancel_grace") == 0)
	{
		std::optional<Duration> grace = parse_duration(value, GUC_UNIT_MS, millisecond);

		if (!grace)
			return false;
		stored.cancel_grace = grace;
		return true;
	}
	for (Limit limit : all_limits)
	{
		const LimitSetting &setting = limit_settings[index_of(limit)];

		if (facts(limit).name != name)
			continue;
		std::optional<Duration> duration = parse_duration(value, setting.flags, setting.unit);

		if (!duration)
			return false;
		stored.limits[index_of(limit)] = duration;
		return true;
	}
	/* Not a setting for a role or database: the server has applied it to nobody, and no more do we.
	 */
	return true;
}

bool
is_our_setting(const char *name)
{
	constexpr std::string_view prefix = "pg_session_guard.";

	return pg_strncasecmp(name, prefix.data(), prefix.size()) == 0;
}

std::optional<Limit>
limit_put_in_force(const char *name, const char *value)
{
	for (Limit limit : all_limits)
	{
		const LimitSetting &setting = limit_settings[index_of(limit)];

		if (pg_strcasecmp(name, setting.name) != 0)
			continue;
		std::optional<Duration> duration = parse_duration(value, setting.flags, setting.unit);

		return duration.value_or(0) != 0 ? std::optional(limit) : std::nullopt;
	}
	return std::nullopt;
}

bool
any_storable_setting(bool (*condition)(const char *name))
{
	return condition("pg_session_guard.exempt") || condition("pg_session_guard.cancel_grace") ||
	       std::ranges::any_of(limit_settings, [&](const LimitSetting &setting)
	                           { return condition(setting.name); });
}

void
keep_server_settings()
{
	keeps_server_settings = true;
}

bool
is_refused_setting(const char *message)
{
	return message != nullptr && strcmp(message, refused_message) == 0;
}

} // namespace session_guard
