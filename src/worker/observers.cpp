/*
 * Other extensions that take part in statements (see observers.h).
 */
#include "worker/observers.h"

#include "pg/pg.h"

namespace session_guard
{

namespace
{

struct ListSetting
{
	const char *name;
	const char *value;
};

constexpr ListSetting settings_of_lists[] = {
    {"auto_explain.log_min_duration", "-1"}, {"pg_stat_kcache.track", "none"},
    {"pg_stat_monitor.pgsm_track", "none"},  {"pg_stat_statements.track", "none"},
    {"pg_store_plans.track", "none"},
};

} // namespace

void
drop_statement_hooks()
{
	post_parse_analyze_hook = nullptr;
	planner_hook = nullptr;
	ExecutorStart_hook = nullptr;
	ExecutorRun_hook = nullptr;
	ExecutorFinish_hook = nullptr;
	ExecutorEnd_hook = nullptr;
	ExecutorCheckPerms_hook = nullptr;
}

void
turn_off_lists_of_statements()
{
	for (const ListSetting &setting : settings_of_lists)
		/* A version of the extension that refuses the value must not keep the worker from its work.
		 */
		if (GetConfigOption(setting.name, true, false) != nullptr)
			(void)set_config_option(setting.name, setting.value, PGC_SUSET, PGC_S_OVERRIDE,
			                        GUC_ACTION_SET, true, DEBUG1, false);
}

} // namespace session_guard
