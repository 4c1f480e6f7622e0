/*
 * Work that is broken off (see cleanup.h).
 */
#include "pg/cleanup.h"

namespace session_guard
{

namespace
{

/* The cleanup of the innermost work that is going on; nullptr if there is none. */
const Cleanup *latest = nullptr;

void
run_at_exit(int, Datum)
{
	while (const Cleanup *cleanup = latest)
	{
		latest = cleanup->outer;
		cleanup->run(cleanup->arg);
	}
}

} // namespace

void
begin_cleanup(Cleanup &cleanup)
{
	static bool is_registered = false;

	if (!is_registered)
		before_shmem_exit(run_at_exit, Datum{0});
	is_registered = true;
	cleanup.outer = latest;
	latest = &cleanup;
}

void
end_cleanup(const Cleanup &cleanup)
{
	latest = cleanup.outer;
}

} // namespace session_guard
