/*
 * A wall clock that a test can set: preloaded into the server, it adds an
 * offset to whatever the operating system says.
 *
 * The offset is the first eight bytes, microseconds as a signed integer, of the
 * file that CLOCK_SHIM_FILE names.  The file is mapped once, so a process that
 * asks for the time pays for one more read of memory.  Other clocks than the
 * wall clock stay as they are.
 */
#define _GNU_SOURCE

#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static int (*next_clock_gettime) (clockid_t, struct timespec *);
static volatile const int64_t *offset;
static const int64_t no_offset = 0;

/* Called before main() and, by whoever asks for the time even earlier, as well. */
__attribute__((constructor)) static void
prepare(void)
{
	const char *file = getenv("CLOCK_SHIM_FILE");
	void	   *mapped = MAP_FAILED;
	int			fd;

	if (next_clock_gettime != NULL)
		return;
	*(void **) &next_clock_gettime = dlsym(RTLD_NEXT, "clock_gettime");
	fd = file == NULL ? -1 : open(file, O_RDONLY | O_CLOEXEC);
	if (fd >= 0)
	{
		mapped = mmap(NULL, sizeof(*offset), PROT_READ, MAP_SHARED, fd, 0);
		close(fd);
	}
	offset = mapped == MAP_FAILED ? &no_offset : mapped;
}

/* The wall clock in microseconds. */
static int64_t
wall_clock(void)
{
	struct timespec now;

	prepare();
	next_clock_gettime(CLOCK_REALTIME, &now);
	return now.tv_sec * INT64_C(1000000) + now.tv_nsec / 1000 + *offset;
}

int
clock_gettime(clockid_t clock, struct timespec *now)
{
	int64_t		wall;

	prepare();
	if (clock != CLOCK_REALTIME)
		return next_clock_gettime(clock, now);
	wall = wall_clock();
	now->tv_sec = wall / 1000000;
	now->tv_nsec = wall % 1000000 * 1000;
	return 0;
}

int
gettimeofday(struct timeval *restrict now, void *restrict zone)
{
	int64_t		wall = wall_clock();

	(void) zone;
	now->tv_sec = wall / 1000000;
	now->tv_usec = wall % 1000000;
	return 0;
}

time_t
time(time_t *now)
{
	time_t		seconds = wall_clock() / 1000000;

	if (now != NULL)
		*now = seconds;
	return seconds;
}
