/*
 * The sockets at the ends, and those of a tunnel between them.
 */
#include "config.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include "bench.h"

void
enlarge_buffers(int fd)
{
	int size = 8 << 20;

	/* In a user namespace what is allowed must do. */
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size,
	    sizeof(size)) < 0)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size,
	    sizeof(size)) < 0)
		setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
}

int
bound_socket(int family, int type, const char *text,
    struct sockaddr_storage *where)
{
	struct sockaddr_in *sin = (struct sockaddr_in *)where;
	struct sockaddr_in6 *sin6 = (struct sockaddr_in6 *)where;
	struct sockaddr *addr = (struct sockaddr *)where;
	int fd = socket(family, type|SOCK_CLOEXEC, 0), ok;
	socklen_t len = sizeof(*where);

	if (fd < 0)
		die("socket");
	if (where == NULL)
		return fd;
	memset(where, 0, sizeof(*where));
	where->ss_family = (sa_family_t)family;
	if (family == AF_INET)
		ok = inet_pton(AF_INET, text, &sin->sin_addr);
	else
		ok = inet_pton(AF_INET6, text, &sin6->sin6_addr);
	if (ok != 1 || bind(fd, addr, sizeof(*where)) < 0 ||
	    getsockname(fd, addr, &len) < 0)
		die("bind");
	return fd;
}

void
connect_socket(int fd, const struct sockaddr_storage *to)
{
	socklen_t len = to->ss_family == AF_INET ? sizeof(struct sockaddr_in) :
	    sizeof(struct sockaddr_in6);

	if (connect(fd, (const struct sockaddr *)to, len) < 0)
		die("connect");
}

void
tunnel_make(struct world *w)
{
	struct sockaddr_storage where[2];
	int i;

	for (i = 0; i < 2; i++) {
		w->end[2 + i].fd = bound_socket(AF_INET,
		    SOCK_DGRAM|SOCK_NONBLOCK, "127.0.0.1", &where[i]);
		enlarge_buffers(w->end[2 + i].fd);
		w->end[2 + i].to = i;
		w->end[i].to = 2 + i;
	}
	for (i = 0; i < 2; i++)
		connect_socket(w->end[2 + i].fd, &where[!i]);
	w->n_ends = 4;
}
