/*
 * The connection of a worker and its settings (see connection.h).
 */
#include "worker/connection.h"

#include "pg/pg.h"

#include "settings/check_hooks.h"
#include "settings/settings.h"

#include <cstring>

namespace session_guard
{

namespace
{

struct Setting
{
	const char *name;
	const char *value;
};

/* What holds for a worker whatever is set for its role, its database or all. */
constexpr Setting forced_settings[] = {
    {"role", "none"},
    {"search_path", ""},
    {"statement_timeout", "0"},
    {"idle_in_transaction_session_timeout", "0"},
    {"idle_session_timeout", "0"},
    {"transaction_timeout", "0"},
    {"lock_timeout", "0"},
    {"default_transaction_isolation", "read committed"},
    {"default_transaction_deferrable", "off"},
    {"default_transaction_read_only", "off"},
    {"exit_on_error", "off"},
    {"jit", "off"},
    {"row_security", "off"},
    {"stats_fetch_consistency", "none"},
    {"session_replication_role", "replica"},
    {"synchronous_commit", "local"},
};

emit_log_hook_type previous_emit_log_hook = nullptr;

/* Keep out of the log that a worker has refused a limit for itself: it always does. */
void
hush_refused_settings(ErrorData *edata)
{
	if (previous_emit_log_hook)
		previous_emit_log_hook(edata);
	if (edata->elevel == WARNING && is_refused_setting(edata->message))
		edata->output_to_server = false;
}

void
connect()
{
	keep_server_settings();
	previous_emit_log_hook = emit_log_hook;
	emit_log_hook = hush_refused_settings;
	/* Sessions may be left in a database that allows no connections. */
	BackgroundWorkerInitializeConnection(guard_database(), nullptr, BGWORKER_BYPASS_ALLOWCONN);
	emit_log_hook = previous_emit_log_hook;
}

/*
 * Force them before connecting: connecting itself is a transaction that a
 * timeout could end, and what is forced, the catalogs cannot change any more.
 */
void
force_settings()
{
	for (const Setting &setting : forced_settings)
	{
		/* Not every server has them all: transaction_timeout came with 17. */
		if (GetConfigOption(setting.name, true, false) != nullptr)
			SetConfigOption(setting.name, setting.value, PGC_SUSET, PGC_S_OVERRIDE);
	}
}

/* Undo what ALTER ROLE or ALTER DATABASE has done to the level of the worker's own messages. */
void
restore_log_level(const char *server_level)
{
	const char *level = GetConfigOption("log_min_messages", false, false);

	/* Only if it differs: a forced level would not follow a reload. */
	if (strcmp(level, server_level) != 0)
		SetConfigOption("log_min_messages", server_level, PGC_SUSET, PGC_S_OVERRIDE);
}

} // namespace

void
connect_worker(const char *lock_timeout)
{
	char *server_level = pstrdup(GetConfigOption("log_min_messages", false, false));

	force_settings();
	connect();
	/* No value of a setting forces this: the database or the role may have set another one. */
	SetSessionAuthorization(BOOTSTRAP_SUPERUSERID, true);
	/* Connecting may wait for a lock as long as it takes; at work a worker may not. */
	SetConfigOption("lock_timeout", lock_timeout, PGC_SUSET, PGC_S_OVERRIDE);
	restore_log_level(server_level);
	pfree(server_level);
}

} // namespace session_guard
