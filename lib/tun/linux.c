/*
 * TUN and TAP devices on Linux: Documentation/networking/tuntap.rst, and
 * drivers/net/tun.c for what that leaves out.
 */
#include "config.h"

#include <sys/ioctl.h>
#include <sys/socket.h>
#include <net/if.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "evtun/tun.h"
#include "error-internal.h"
#include "tun/config-internal.h"
#include "tun/linux-internal.h"

/* A rename between two looks at a name is bad luck; twice, it is absurd. */
#define NAME_TRIES 4

int
evtun_linux_get_iff_(int fd, struct ifreq *ifr)
{
	memset(ifr, 0, sizeof(*ifr));
	if (ioctl(fd, TUNGETIFF, ifr) < 0)
		return -1;
	ifr->ifr_name[IFNAMSIZ - 1] = '\0';
	return 0;
}

unsigned
evtun_linux_flags_(int options)
{
	unsigned flags = options & EVTUN_OPT_TAP ? IFF_TAP : IFF_TUN;

	if (!(options & EVTUN_OPT_PACKET_INFO))
		flags |= IFF_NO_PI;
	if (options & EVTUN_OPT_MULTIQUEUE)
		flags |= IFF_MULTI_QUEUE;
	if (options & EVTUN_OPT_OFFLOAD)
		flags |= IFF_VNET_HDR;
	return flags;
}

/* ---- which interface ---- */

static int
get_namespace(int fd, ev_uint64_t home[2])
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -1;
	home[0] = st.st_dev;
	home[1] = st.st_ino;
	return 0;
}

/* The second way needs CAP_NET_ADMIN, but no /proc. */
int
evtun_own_namespace_(ev_uint64_t home[2])
{
	struct stat st;
	int sock, fd, r;

	if (stat("/proc/thread-self/ns/net", &st) == 0) {
		home[0] = st.st_dev;
		home[1] = st.st_ino;
		return 0;
	}
	sock = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (sock < 0)
		return -1;
	fd = ioctl(sock, SIOCGSKNS);
	close(sock);
	if (fd < 0)
		return -1;
	r = get_namespace(fd, home);
	close(fd);
	return r;
}

/* Where calls for the device act. */
int
evtun_linux_home_(const struct evtun *tun, ev_uint64_t home[2])
{
	return tun->netns >= 0 ? get_namespace(tun->netns, home) :
	    evtun_own_namespace_(home);
}

void
evtun_linux_drop_netns_(struct evtun *tun)
{
	if (tun->netns >= 0)
		close(tun->netns);
	tun->netns = -1;
}

void
evtun_system_moved_(struct evtun *tun, int netns, unsigned index)
{
	evtun_linux_drop_netns_(tun);
	tun->netns = netns;
	tun->index = 0;
	if (evtun_linux_home_(tun, tun->home) == 0)
		tun->index = index;
}

static int
get_name(struct evtun *tun, const char *step)
{
	struct ifreq ifr;

	if (evtun_linux_get_iff_(tun->fd, &ifr) == 0) {
		memcpy(tun->name, ifr.ifr_name, sizeof(tun->name));
		return 0;
	}
	if (errno == EBADFD)
		return evtun_fail_(ENXIO, step, EVTUN_GONE_);
	return evtun_fail_(ENODEV, step,
	    "the system does not tell which interface it is");
}

int
evtun_linux_find_namesake_(struct evtun *tun, struct evtun_facts *link,
    const char *step)
{
	char name[EVTUN_NAME_SIZE];
	int i;

	for (i = 0; i < NAME_TRIES; i++) {
		if (get_name(tun, step) < 0)
			return -1;
		memcpy(name, tun->name, sizeof(name));
		if (evtun_link_find_(tun->netns, name, link) < 0 &&
		    errno != ENODEV)
			return evtun_fail_(errno, step, NULL);
		if (get_name(tun, step) < 0)
			return -1;
		if (strcmp(name, tun->name) == 0)
			return 0;
	}
	return evtun_fail_(ENODEV, step, "its name changes all the time");
}

/* Tell whether the interface of that name is the device's own. */
static int
check_link(struct evtun *tun, const struct evtun_facts *link, const char *step)
{
	ev_uint64_t here[2], there[2];
	int fd, same;

	if (evtun_linux_home_(tun, here) < 0)
		return evtun_fail_(ENODEV, step, "it takes /proc to tell "
		    "whether the interface is in this network namespace");
	fd = ioctl(tun->fd, TUNGETDEVNETNS);
	if (fd >= 0) {
		same = get_namespace(fd, there) == 0 &&
		    memcmp(here, there, sizeof(here)) == 0;
		close(fd);
	} else if (tun->index == 0) {
		return evtun_fail_(ENODEV, step, "it takes CAP_NET_ADMIN to "
		    "tell whether the interface of that name is the one of "
		    "this descriptor");
	} else {
		same = memcmp(here, tun->home, sizeof(here)) == 0 &&
		    link->index == tun->index;
	}
	if (!same || link->index == 0)
		return evtun_fail_(ENODEV, step,
		    "the interface is in another network namespace");
	return 0;
}

int
evtun_linux_find_(struct evtun *tun, struct evtun_facts *link,
    const char *step)
{
	if (evtun_linux_find_namesake_(tun, link, step) < 0)
		return -1;
	return check_link(tun, link, step);
}

/* ---- adopt, release ---- */

/* What a descriptor is, as far as the kernel tells. */
static int
inspect(struct evtun *tun, int fd, const char *step)
{
	struct ifreq ifr;

	if (evtun_linux_get_iff_(fd, &ifr) < 0) {
		if (errno == EPERM || errno == EACCES || errno == ENOSYS) {
			/* The wish does not come true. */
			tun->options &= ~EVTUN_OPT_OFFLOAD;
			return 0;
		}
		return evtun_fail_(EINVAL, step,
		    "it is no TUN or TAP device, or not attached to one");
	}
	if (((unsigned)ifr.ifr_flags ^ evtun_linux_flags_(tun->options)) &
	    (IFF_TUN | IFF_TAP))
		return evtun_fail_(EINVAL, step, ifr.ifr_flags & IFF_TAP ?
		    "it is a TAP device: EVTUN_OPT_TAP is missing" :
		    "it is a TUN device, not a TAP device");
	memcpy(tun->name, ifr.ifr_name, sizeof(tun->name));
	tun->options &= ~(EVTUN_OPT_MULTIQUEUE | EVTUN_OPT_PERSIST |
	    EVTUN_OPT_OFFLOAD);
	if (ifr.ifr_flags & IFF_MULTI_QUEUE)
		tun->options |= EVTUN_OPT_MULTIQUEUE;
	if (ifr.ifr_flags & IFF_PERSIST)
		tun->options |= EVTUN_OPT_PERSIST;
	if (ifr.ifr_flags & IFF_VNET_HDR)
		tun->options |= EVTUN_OPT_OFFLOAD;
	if (ifr.ifr_flags & IFF_NAPI)
		tun->napi = ifr.ifr_flags & IFF_NAPI_FRAGS ?
		    EVTUN_NAPI_FRAGS : EVTUN_NAPI_ON;
	return evtun_offload_take_(tun);
}

int
evtun_system_adopt_(struct evtun *tun, evutil_socket_t fd, int options)
{
	static const char step[] = "adopt a descriptor";
	int fd_flags = fcntl(fd, F_GETFD);
	int flags = fcntl(fd, F_GETFL);
	int wanted, err;

	if (fd_flags < 0 || flags < 0)
		return evtun_fail_(errno == EBADF ? EINVAL : errno, step,
		    "it is not open");
	tun->fd = fd;
	tun->options = options;
	if (inspect(tun, fd, step) < 0)
		return -1;
	wanted = options & EVTUN_OPT_INHERIT ? fd_flags & ~FD_CLOEXEC :
	    fd_flags | FD_CLOEXEC;
	if (wanted != fd_flags && fcntl(fd, F_SETFD, wanted) < 0)
		return evtun_fail_(errno, step, NULL);
	if (!(flags & O_NONBLOCK) &&
	    fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0) {
		err = errno;
		(void)fcntl(fd, F_SETFD, fd_flags);
		return evtun_fail_(err, step, NULL);
	}
	return 0;
}

void
evtun_system_close_(struct evtun *tun)
{
	evtun_offload_reset_(tun);
	close(tun->fd);
	evtun_rings_free_(tun);
	evtun_linux_drop_netns_(tun);
}

evutil_socket_t
evtun_system_release_(struct evtun *tun)
{
	evtun_rings_free_(tun);
	evtun_linux_drop_netns_(tun);
	return tun->fd;
}

void
evtun_system_name_(struct evtun *tun)
{
	struct ifreq ifr;

	if (evtun_linux_get_iff_(tun->fd, &ifr) == 0)
		memcpy(tun->name, ifr.ifr_name, sizeof(tun->name));
}

/* Another queue, or another process, may have changed it. */
int
evtun_system_options_(const struct evtun *tun)
{
	struct ifreq ifr;

	if (evtun_linux_get_iff_(tun->fd, &ifr) < 0)
		return tun->options;
	return ifr.ifr_flags & IFF_PERSIST ?
	    tun->options | EVTUN_OPT_PERSIST :
	    tun->options & ~EVTUN_OPT_PERSIST;
}
