/*
 * A kernel that says of memory what a test wants: preloaded into the server, it
 * lets some files of /proc be others.
 *
 * They are in the folder that MEMORY_SHIM_FOLDER names.  Where "meminfo", "cgroup" or
 * "mountinfo" is there, it is opened in place of /proc/meminfo, /proc/self/cgroup or
 * /proc/self/mountinfo.  Where "host" is there, it says how many bytes a host has for the
 * server and has left without it: /proc/meminfo then says what the private memory of the
 * server's processes leaves of that.  While "hidden" is there, nobody can open statm of another
 * process, as where /proc is hidden.  Each may come and go at any time.
 */
#define _GNU_SOURCE
/* Its open() is a macro, or inline. */
#undef _FORTIFY_SOURCE

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

/* The private memory of a process whose parent is the own one's, in bytes; 0 of any other. */
static long long
private_memory_of_sibling(int pid)
{
	char		path[64];
	int			parent = 0;
	long long	resident = 0;
	long long	shared = 0;
	FILE	   *file;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	if ((file = fopen(path, "r")) == NULL)
		return 0;
	if (fscanf(file, "%*d (%*[^)]) %*c %d", &parent) != 1)
		parent = 0;
	fclose(file);
	snprintf(path, sizeof(path), "/proc/%d/statm", pid);
	if (parent != getppid() || (file = fopen(path, "r")) == NULL)
		return 0;
	if (fscanf(file, "%*d %lld %lld", &resident, &shared) != 2)
		resident = shared = 0;
	fclose(file);
	return (resident - shared) * sysconf(_SC_PAGESIZE);
}

/* Write what the server leaves of a host, for this process. */
static void
write_meminfo(const char *host, const char *meminfo)
{
	long long	left = 0;
	FILE	   *file = fopen(host, "r");
	DIR		   *processes = opendir("/proc");
	struct dirent *entry;

	if (file != NULL && fscanf(file, "%lld", &left) != 1)
		left = 0;
	if (file != NULL)
		fclose(file);
	while (processes != NULL && (entry = readdir(processes)) != NULL)
		if (atoi(entry->d_name) > 0)
			left -= private_memory_of_sibling(atoi(entry->d_name));
	if (processes != NULL)
		closedir(processes);
	if ((file = fopen(meminfo, "w")) == NULL)
		return;
	fprintf(file, "MemAvailable: %lld kB\n", left > 0 ? left / 1024 : 0);
	fclose(file);
}

/* All ways to open a file come here: on a system with 64 bits they are one. */
static int
open_shimmed(int folder, const char *path, int flags, mode_t mode)
{
	static const char *const shimmed[][2] = {
		{"/proc/meminfo", "meminfo"},
		{"/proc/self/cgroup", "cgroup"},
		{"/proc/self/mountinfo", "mountinfo"},
	};
	static int	(*next_openat) (int, const char *, int, ...);
	const char *files = getenv("MEMORY_SHIM_FOLDER");
	char		other[PATH_MAX];
	int			pid;
	int			length = 0;

	if (next_openat == NULL)
		*(void **) &next_openat = dlsym(RTLD_NEXT, "openat");
	if (files == NULL || strncmp(path, "/proc/", 6) != 0)
		return next_openat(folder, path, flags, mode);
	snprintf(other, sizeof(other), "%s/host", files);
	if (strcmp(path, "/proc/meminfo") == 0 && access(other, R_OK) == 0)
	{
		char		meminfo[PATH_MAX];

		snprintf(meminfo, sizeof(meminfo), "%s/meminfo.%d", files, (int) getpid());
		write_meminfo(other, meminfo);
		return next_openat(folder, meminfo, flags, mode);
	}
	for (size_t i = 0; i < sizeof(shimmed) / sizeof(shimmed[0]); i++)
	{
		snprintf(other, sizeof(other), "%s/%s", files, shimmed[i][1]);
		if (strcmp(path, shimmed[i][0]) == 0 && access(other, R_OK) == 0)
			return next_openat(folder, other, flags, mode);
	}
	snprintf(other, sizeof(other), "%s/hidden", files);
	if (sscanf(path, "/proc/%d/statm%n", &pid, &length) == 1 && length > 0 &&
		path[length] == '\0' && pid != getpid() && access(other, F_OK) == 0)
	{
		errno = EACCES;
		return -1;
	}
	return next_openat(folder, path, flags, mode);
}

/* The mode is given only where a file may be made. */
#define OPEN_SHIMMED(folder) \
	mode_t		mode = 0; \
	if ((flags & O_CREAT) != 0 || (flags & O_TMPFILE) == O_TMPFILE) \
	{ \
		va_list		rest; \
		va_start(rest, flags); \
		mode = va_arg(rest, mode_t); \
		va_end(rest); \
	} \
	return open_shimmed(folder, path, flags, mode)

int
open(const char *path, int flags,...)
{
	OPEN_SHIMMED(AT_FDCWD);
}

int
open64(const char *path, int flags,...)
{
	OPEN_SHIMMED(AT_FDCWD);
}

int
openat(int folder, const char *path, int flags,...)
{
	OPEN_SHIMMED(folder);
}

int
openat64(int folder, const char *path, int flags,...)
{
	OPEN_SHIMMED(folder);
}

/* What is compiled with _FORTIFY_SOURCE may come here. */
int			__open_2(const char *path, int flags);
int			__open64_2(const char *path, int flags);

int
__open_2(const char *path, int flags)
{
	return open_shimmed(AT_FDCWD, path, flags, 0);
}

int
__open64_2(const char *path, int flags)
{
	return open_shimmed(AT_FDCWD, path, flags, 0);
}
