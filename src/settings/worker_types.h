/*
 * The value of background_workers: types of background workers, as pg_stat_activity
 * calls them, in a list like that of shared_preload_libraries.
 */
#pragma once

#include "pg/pg.h"

namespace session_guard
{

/* Check hook: refuses what is no list, and the server's own processes and the guard's workers. */
bool check_worker_types(char **value, void **extra, GucSource source);

/* Is a type in a list that the check hook has let pass? */
bool has_type(const char *list, const char *type);

} // namespace session_guard
