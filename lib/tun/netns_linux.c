/*
 * Other network namespaces: network_namespaces(7).
 *
 * A socket, and a descriptor of /dev/net/tun, belong for good to the namespace
 * of the thread that opened them.  A thread of our own does that and ends, so
 * that the caller's never leaves home, not even when the way back fails.
 */
#include "config.h"

#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <linux/nsfs.h>

#include "evtun/link.h"
#include "error-internal.h"
#include "tun/linux-internal.h"
#include "tun/netlink-internal.h"

/* Where ip-netns(8) keeps names. */
#define NAMES "/run/netns/"

struct visit {
	int netns;
	int (*fn)(void *);
	void *arg;
	int result;
	int err;
};

static void *
visit(void *arg)
{
	struct visit *v = arg;

	v->result = setns(v->netns, CLONE_NEWNET) < 0 ? -1 : v->fn(v->arg);
	v->err = errno;
	return NULL;
}

/* Signals are for the caller's own threads. */
static int
run_thread(struct visit *v)
{
	sigset_t all, before;
	pthread_t thread;
	int err;

	sigfillset(&all);
	if ((err = pthread_sigmask(SIG_SETMASK, &all, &before)) != 0)
		return err;
	err = pthread_create(&thread, NULL, visit, v);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	return err != 0 ? err : pthread_join(thread, NULL);
}

static int
is_here(int netns)
{
	struct stat here, there;

	return stat("/proc/thread-self/ns/net", &here) == 0 &&
	    fstat(netns, &there) == 0 && here.st_dev == there.st_dev &&
	    here.st_ino == there.st_ino;
}

/* To stay takes no privilege. */
int
evtun_netns_call_(int netns, int (*fn)(void *), void *arg)
{
	struct visit v = { netns, fn, arg, -1, 0 };

	if (netns < 0 || is_here(netns))
		return fn(arg);
	if ((errno = run_thread(&v)) != 0)
		return -1;
	errno = v.err;
	return v.result;
}

struct file {
	const char *path;
	int flags;
};

static int
open_file(void *arg)
{
	struct file *file = arg;

	return open(file->path, file->flags);
}

int
evtun_netns_open_file_(int netns, const char *path, int flags)
{
	struct file file = { path, flags };

	return evtun_netns_call_(netns, open_file, &file);
}

struct endpoint {
	int domain, type, protocol;
};

static int
open_socket(void *arg)
{
	struct endpoint *e = arg;

	return socket(e->domain, e->type, e->protocol);
}

int
evtun_netns_open_socket_(int netns, int domain, int type, int protocol)
{
	struct endpoint e = { domain, type, protocol };

	return evtun_netns_call_(netns, open_socket, &e);
}

/* ---- descriptors for namespaces ---- */

static const char opening[] = "open the namespace";

/* Take a descriptor that was opened, or was not, for what may be none. */
static int
accept_netns(int fd, const char *step)
{
	if (fd >= 0 && ioctl(fd, NS_GET_NSTYPE) == CLONE_NEWNET)
		return fd;
	if (fd >= 0) {
		close(fd);
		return evtun_fail_(EINVAL, step, "it is no network namespace");
	}
	switch (errno) {
	case ENOENT:
	case ENOTDIR:
		return evtun_fail_(ENOENT, step, "there is none");
	case EACCES:
	case EPERM:
		return evtun_fail_(errno, step, "that of another user's "
		    "process takes CAP_SYS_PTRACE");
	case EBADF:
		return evtun_fail_(EINVAL, step, "it is not open");
	default:
		return evtun_fail_(errno, step, NULL);
	}
}

/* What is no namespace must not make this wait. */
static int
open_path(const char *path)
{
	return accept_netns(open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK),
	    opening);
}

/* The second way needs CAP_NET_ADMIN, but no /proc. */
static int
open_own(void)
{
	int sock, fd = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);

	if (fd >= 0)
		return accept_netns(fd, opening);
	sock = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (sock < 0)
		return evtun_fail_(errno, opening, NULL);
	fd = ioctl(sock, SIOCGSKNS);
	close(sock);
	return fd >= 0 ? fd : evtun_fail_(ENOENT, opening,
	    "it takes /proc, or CAP_NET_ADMIN");
}

int
evtun_system_netns_open_(const char *name)
{
	char path[sizeof(NAMES) + NAME_MAX];

	if (name == NULL)
		return open_own();
	if (strchr(name, '/') != NULL)
		return open_path(name);
	if (strlen(name) > NAME_MAX)
		return evtun_fail_(EINVAL, opening, "its name is too long");
	snprintf(path, sizeof(path), "%s%s", NAMES, name);
	return open_path(path);
}

int
evtun_system_netns_open_pid_(long pid)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%ld/ns/net", pid);
	return open_path(path);
}

int
evtun_system_netns_copy_(int netns)
{
	if (netns < 0)
		return open_own();
	return accept_netns(fcntl(netns, F_DUPFD_CLOEXEC, 0),
	    "use the namespace");
}
