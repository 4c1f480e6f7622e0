/*
 * The module's entry: what happens when the server loads the library.
 */
#include "pg/compat.h"

#include "settings/settings.h"

#include "shmem/shared_memory.h"

#include "worker/registration.h"

#include "backend/hooks.h"

extern "C"
{
	SESSION_GUARD_MODULE_MAGIC("pg_session_guard", EXTENSION_VERSION);

	PGDLLEXPORT void _PG_init(void);
}

namespace
{

/*
 * Refuse to be loaded beside another file of the library: they would have settings of the same
 * names.
 *
 * Calls nothing else of the library, and asks for the version here: where symbols are global the
 * other one's functions would be called.
 */
void
refuse_second_file()
{
	constexpr char some_setting[] = "pg_session_guard.naptime";

	/* What is only in the configuration file is a placeholder. */
	if (GetConfigOption(some_setting, true, false) == nullptr ||
	    (GetConfigOptionFlags(some_setting, true) & GUC_CUSTOM_PLACEHOLDER) != 0)
		return;
	/* 0.1.0 did not tell its version. */
	const char *other = GetConfigOption("pg_session_guard.version", true, false);
	ereport(
	    ERROR,
	    (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
	     errmsg("another file of the library \"pg_session_guard\" is loaded already"),
	     errdetail("The other one is of version %s, this one of version %s.",
	               other != nullptr ? other : "0.1.0", EXTENSION_VERSION),
	     errhint("Restart the server if the library has been replaced since it was started, and "
	             "see that \"shared_preload_libraries\" and \"dynamic_library_path\" name one "
	             "file.")));
}

} // namespace

void
_PG_init(void)
{
	refuse_second_file();

	/*
	 * The server loads a library again if its load was interrupted, and a setting
	 * cannot be defined twice: the session could never call a function again.
	 */
	HOLD_INTERRUPTS();
	session_guard::define_settings();
	RESUME_INTERRUPTS();

	/* Shared memory and the worker exist only if the postmaster itself loads the library. */
	if (!process_shared_preload_libraries_in_progress)
		return;
	session_guard::request_shared_memory();

	/* pg_upgrade refuses to work beside a process that is connected. */
	if (IsBinaryUpgrade)
		return;
	session_guard::install_hooks();
	session_guard::register_workers();
}
