/*
 * A kernel that does not tell of sockets: preloaded into the server, it lets questions by netlink
 * fail as they do elsewhere.
 *
 * While "forbidden" is in the folder that SOCKET_SHIM_FOLDER names, there are no netlink sockets,
 * as where a service is confined to other address families.  While "lacking" is there, the kernel
 * says that it finds none, as it does where it has no module for that.  Each may come and go at
 * any time.
 */
#define _GNU_SOURCE

#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <unistd.h>

/* A family of which no kernel tells. */
#define FAMILY_WITHOUT_MODULE 9
/* Where the family is in such a question: behind the header. */
#define OFFSET_OF_FAMILY 16

static int
is_there(const char *name)
{
	const char *folder = getenv("SOCKET_SHIM_FOLDER");
	char		path[1024];

	if (folder == NULL)
		return 0;
	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return access(path, F_OK) == 0;
}

int
socket(int domain, int type, int protocol)
{
	int			(*real) (int, int, int) = (int (*) (int, int, int)) dlsym(RTLD_NEXT, "socket");

	if (domain == AF_NETLINK && is_there("forbidden"))
	{
		errno = EAFNOSUPPORT;
		return -1;
	}
	return real(domain, type, protocol);
}

static int
is_netlink(int file)
{
	int			domain = AF_UNSPEC;
	socklen_t	length = sizeof(domain);

	return getsockopt(file, SOL_SOCKET, SO_DOMAIN, &domain, &length) == 0 && domain == AF_NETLINK;
}

ssize_t
send(int file, const void *data, size_t length, int flags)
{
	ssize_t		(*real) (int, const void *, size_t, int) =
		(ssize_t (*) (int, const void *, size_t, int)) dlsym(RTLD_NEXT, "send");
	char		question[256];

	if (length > OFFSET_OF_FAMILY && length <= sizeof(question) && is_there("lacking") && is_netlink(file))
	{
		memcpy(question, data, length);
		question[OFFSET_OF_FAMILY] = FAMILY_WITHOUT_MODULE;
		data = question;
	}
	return real(file, data, length, flags);
}
