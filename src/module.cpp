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

void
_PG_init(void)
{
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
