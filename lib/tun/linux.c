/*
 * TUN and TAP devices on Linux: Documentation/networking/tuntap.rst, and
 * drivers/net/tun.c for what that leaves out.
 *
 * Beware: TUNSETOFFLOAD takes a value, the other ioctls here a pointer.
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
#include "tun/linux-internal.h"

/* A rename between two looks at a name is bad luck; twice, it is absurd. */
#define NAME_TRIES 4

/* Flags of an interface that the kernel takes from the first to attach, and
 * that must be those that were asked for. */
#define KEPT_FLAGS (IFF_TUN | IFF_TAP | IFF_MULTI_QUEUE)

static void
close_keeping_errno(int fd)
{
	int err = errno;

	close(fd);
	errno = err;
}

static int
get_iff(int fd, struct ifreq *ifr)
{
	memset(ifr, 0, sizeof(*ifr));
	if (ioctl(fd, TUNGETIFF, ifr) < 0)
		return -1;
	ifr->ifr_name[IFNAMSIZ - 1] = '\0';
	return 0;
}

static int
flags_of(int options)
{
	int flags = options & EVTUN_OPT_TAP ? IFF_TAP : IFF_TUN;

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

static int
get_name(struct evtun *tun, const char *step)
{
	struct ifreq ifr;

	if (get_iff(tun->fd, &ifr) == 0) {
		memcpy(tun->name, ifr.ifr_name, sizeof(tun->name));
		return 0;
	}
	if (errno == EBADFD)
		return evtun_fail_(ENXIO, step, EVTUN_GONE_);
	return evtun_fail_(ENODEV, step,
	    "the system does not tell which interface it is");
}

/* Find the interface that has the device's name here and now, be it the
 * device's own or not; link->index is 0 if there is none. */
static int
find_namesake(struct evtun *tun, struct evtun_link *link, const char *step)
{
	char name[EVTUN_NAME_SIZE];
	int i;

	for (i = 0; i < NAME_TRIES; i++) {
		if (get_name(tun, step) < 0)
			return -1;
		memcpy(name, tun->name, sizeof(name));
		if (evtun_link_find_(name, link) < 0 && errno != ENODEV)
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
check_link(struct evtun *tun, const struct evtun_link *link, const char *step)
{
	ev_uint64_t here[2], there[2];
	int fd, same;

	if (evtun_own_namespace_(here) < 0)
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
evtun_linux_find_(struct evtun *tun, struct evtun_link *link,
    const char *step)
{
	if (find_namesake(tun, link, step) < 0)
		return -1;
	return check_link(tun, link, step);
}

/* ---- open, adopt, release ---- */

static int
open_node(int options)
{
	int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK |
	    (options & EVTUN_OPT_INHERIT ? 0 : O_CLOEXEC));

	return fd < 0 ? evtun_explain_open_(errno) : fd;
}

static int
attach(int fd, const char *name, int options)
{
	unsigned features = 0;
	unsigned flags = (unsigned)flags_of(options);
	struct ifreq ifr;

	if (ioctl(fd, TUNGETFEATURES, &features) < 0)
		return evtun_fail_(errno, "ask what the system can do", NULL);
	flags &= features | ~(unsigned)IFF_VNET_HDR;
	/* What it cannot do it would ignore. */
	if (flags & ~features)
		return evtun_fail_(ENOTSUP, "open a device",
		    "this kernel lacks an option that was asked for");
	if (options & EVTUN_OPT_EXCLUSIVE)
		flags |= IFF_TUN_EXCL;
	memset(&ifr, 0, sizeof(ifr));
	memcpy(ifr.ifr_name, name, strlen(name));
	ifr.ifr_flags = (short)flags;
	if (ioctl(fd, TUNSETIFF, &ifr) < 0)
		return evtun_explain_attach_(errno, name, options);
	return 0;
}

/* The name that was asked for, or the pattern with a number in it. */
static int
is_asked(const char *asked, const char *name)
{
	size_t n = strcspn(asked, "%");

	if (asked[0] == '\0')
		return 1;
	if (asked[n] == '\0')
		return strcmp(asked, name) == 0;
	return strncmp(asked, name, n) == 0 && name[n] != '\0' &&
	    strspn(name + n, "0123456789") == strlen(name + n);
}

/* Flags that it does not know or like the kernel drops without a word, and an
 * interface that others have open keeps its own. */
static int
confirm(struct evtun *tun, const char *asked)
{
	static const char step[] = "check what was opened";
	struct ifreq ifr;
	int differ;

	if (get_iff(tun->fd, &ifr) < 0)
		return evtun_explain_ioctl_(errno, step);
	differ = (ifr.ifr_flags ^ flags_of(tun->options)) & KEPT_FLAGS;
	/* With others, it is as they have it. */
	if (!(tun->options & (EVTUN_OPT_OFFLOAD | EVTUN_OPT_MULTIQUEUE)))
		differ |= ifr.ifr_flags & IFF_VNET_HDR;
	if (differ || !is_asked(asked, ifr.ifr_name))
		return evtun_fail_(EINVAL, step,
		    "the kernel opened something else than was asked for");
	memcpy(tun->name, ifr.ifr_name, sizeof(tun->name));
	tun->options &= ~(EVTUN_OPT_PERSIST | EVTUN_OPT_OFFLOAD);
	if (ifr.ifr_flags & IFF_PERSIST)
		tun->options |= EVTUN_OPT_PERSIST;
	if (ifr.ifr_flags & IFF_VNET_HDR)
		tun->options |= EVTUN_OPT_OFFLOAD;
	return 0;
}

static int
settle(struct evtun *tun, const struct evtun_link *link)
{
	static const char step[] = "share the interface";

	if (!(tun->options & EVTUN_OPT_MULTIQUEUE))
		return evtun_offload_set_(tun);
	if (evtun_linux_need_details_(link, step) < 0)
		return -1;
	/* Also when we are alone by now: those who were there when we came
	 * have decided it. */
	if (link->packet_info != !!(tun->options & EVTUN_OPT_PACKET_INFO))
		return evtun_fail_(EINVAL, step, "others have it open, and "
		    "not with the same EVTUN_OPT_PACKET_INFO");
	return link->queues > 1 ? evtun_offload_take_(tun) :
	    evtun_offload_set_(tun);
}

/* Without netlink a device is of use still, if it is to be nobody else's. */
static int
look(struct evtun *tun, struct evtun_link *link, int options)
{
	memset(link, 0, sizeof(*link));
	if (find_namesake(tun, link, "look at the interface") < 0 &&
	    (options & (EVTUN_OPT_MULTIQUEUE | EVTUN_OPT_PERSIST)))
		return -1;
	if (evtun_own_namespace_(tun->home) == 0)
		tun->index = link->index;
	return 0;
}

int
evtun_system_open_(struct evtun *tun, const char *name, int options)
{
	struct evtun_link link;

	tun->options = options;
	if ((tun->fd = open_node(options)) < 0)
		return -1;
	if (attach(tun->fd, name, tun->options) < 0 ||
	    confirm(tun, name) < 0 ||
	    look(tun, &link, options) < 0 ||
	    settle(tun, &link) < 0)
		goto fail;
	if ((options & EVTUN_OPT_PERSIST) &&
	    evtun_linux_persist_(tun, &link) < 0)
		goto fail;
	return 0;
fail:
	close_keeping_errno(tun->fd);
	return -1;
}

int
evtun_system_queue_(struct evtun *tun, struct evtun *from)
{
	static const char step[] = "open another queue";
	struct evtun_link before, after;

	if (evtun_linux_find_(from, &before, step) < 0)
		return -1;
	tun->options = from->options & ~EVTUN_OPT_EXCLUSIVE;
	tun->prefix = from->prefix;
	tun->is_swapped = from->is_swapped;
	tun->udp_segments = from->udp_segments;
	if ((tun->fd = open_node(tun->options)) < 0)
		return -1;
	if (attach(tun->fd, from->name, tun->options) < 0 ||
	    confirm(tun, from->name) < 0 ||
	    evtun_linux_find_(from, &after, step) < 0)
		goto fail;
	/* Meanwhile it may have got another name, or gone, and then this has
	 * made an interface of the old name. */
	if (before.index != after.index ||
	    strcmp(tun->name, from->name) != 0) {
		evtun_fail_(ENXIO, step, "the interface has just changed");
		goto fail;
	}
	if (evtun_own_namespace_(tun->home) == 0)
		tun->index = after.index;
	return 0;
fail:
	close_keeping_errno(tun->fd);
	return -1;
}

/* What a descriptor is, as far as the kernel tells. */
static int
inspect(struct evtun *tun, int fd, const char *step)
{
	struct ifreq ifr;

	if (get_iff(fd, &ifr) < 0) {
		if (errno == EPERM || errno == EACCES || errno == ENOSYS) {
			/* The wish does not come true. */
			tun->options &= ~EVTUN_OPT_OFFLOAD;
			return 0;
		}
		return evtun_fail_(EINVAL, step,
		    "it is no TUN or TAP device, or not attached to one");
	}
	if ((ifr.ifr_flags ^ flags_of(tun->options)) & (IFF_TUN | IFF_TAP))
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
}

evutil_socket_t
evtun_system_release_(struct evtun *tun)
{
	evtun_rings_free_(tun);
	return tun->fd;
}

void
evtun_system_name_(struct evtun *tun)
{
	struct ifreq ifr;

	if (get_iff(tun->fd, &ifr) == 0)
		memcpy(tun->name, ifr.ifr_name, sizeof(tun->name));
}

/* Another queue, or another process, may have changed it. */
int
evtun_system_options_(const struct evtun *tun)
{
	struct ifreq ifr;

	if (get_iff(tun->fd, &ifr) < 0)
		return tun->options;
	return ifr.ifr_flags & IFF_PERSIST ?
	    tun->options | EVTUN_OPT_PERSIST :
	    tun->options & ~EVTUN_OPT_PERSIST;
}
