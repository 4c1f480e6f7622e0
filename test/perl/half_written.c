/*
 * A function that leaves the caller's backend-status entry as a process does that
 * was put to sleep in the middle of writing it, until a file appears.
 */
#include "postgres.h"

#include <unistd.h>

#include "fmgr.h"
#include "port/atomics.h"
#include "utils/backend_status.h"
#include "utils/builtins.h"

PG_MODULE_MAGIC;
PG_FUNCTION_INFO_V1(half_written);

/* As PGSTAT_BEGIN_WRITE_ACTIVITY has it, and its end. */
static void
count_write(void)
{
	MyBEEntry->st_changecount++;
	pg_memory_barrier();
}

/* half_written(path): until a file of this name is there. */
PGDLLEXPORT Datum
half_written(PG_FUNCTION_ARGS)
{
	const char *path = TextDatumGetCString(PG_GETARG_DATUM(0));

	count_write();
	while (access(path, F_OK) != 0)
		pg_usleep(1000L);
	count_write();
	PG_RETURN_VOID();
}
