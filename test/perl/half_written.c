/*
 * A function that leaves the caller's backend-status entry as a process does that
 * was put to sleep in the middle of writing it, until a file appears.  It tells
 * that it has begun by a file of its own.
 */
#include "postgres.h"

#include <fcntl.h>
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

/* half_written(path): until a file of this name is there; path.begun is there from the start on. */
PGDLLEXPORT Datum
half_written(PG_FUNCTION_ARGS)
{
	const char *path = TextDatumGetCString(PG_GETARG_DATUM(0));
	int			begun;

	count_write();
	begun = open(psprintf("%s.begun", path), O_CREAT | O_WRONLY, 0600);
	if (begun >= 0)
		close(begun);
	while (access(path, F_OK) != 0)
		pg_usleep(1000L);
	count_write();
	PG_RETURN_VOID();
}
