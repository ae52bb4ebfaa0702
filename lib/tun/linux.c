/*
 * TUN and TAP devices on Linux: Documentation/networking/tuntap.rst, and
 * drivers/net/tun.c for what that leaves out.
 *
 * Beware: of the ioctls, TUNSETPERSIST, TUNSETOWNER, TUNSETGROUP and
 * TUNSETOFFLOAD take a value, the others here take a pointer.
 */
#include "config.h"

#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <net/if.h>

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include <event2/buffer.h>

#include <linux/virtio_net.h>

#include "evtun/tun.h"
#include "error-internal.h"
#include "tun/linux-internal.h"
#include "tun/tun-internal.h"

/* A rename between two looks at a name is bad luck; twice, it is absurd. */
#define NAME_TRIES 4

/* struct virtio_net_hdr; what TUNSETVNETHDRSZ is at first. */
#define VNET_HDR_SIZE 10
#define VNET_HDR_MAX 24

/* The most pieces to write at once, a header of ours among them; the kernel
 * takes 1,024. */
#define MAX_PIECES 1000

/* Flags of an interface that the kernel takes from the first to attach. */
#define KEPT_FLAGS (IFF_TUN | IFF_TAP | IFF_MULTI_QUEUE | IFF_VNET_HDR)

static const char gone[] = "the interface is gone";
static const char persisting[] = "make the interface persistent";

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
		return evtun_fail_(ENXIO, step, gone);
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

static int
find_own(struct evtun *tun, struct evtun_link *link, const char *step)
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
		return evtun_fail_(errno == EBADFD ? ENXIO : errno, step,
		    NULL);
	differ = (ifr.ifr_flags ^ flags_of(tun->options)) & KEPT_FLAGS;
	if (differ & IFF_VNET_HDR)
		return evtun_fail_(EINVAL, step, "others have the interface "
		    "open, with another header for offload");
	if (differ || !is_asked(asked, ifr.ifr_name))
		return evtun_fail_(EINVAL, step,
		    "the kernel opened something else than was asked for");
	memcpy(tun->name, ifr.ifr_name, sizeof(tun->name));
	tun->options &= ~EVTUN_OPT_PERSIST;
	if (ifr.ifr_flags & IFF_PERSIST)
		tun->options |= EVTUN_OPT_PERSIST;
	return 0;
}

/* Kernels without a setting have none that could be wrong. */
static int
is_reset(int result)
{
	return result == 0 || errno == EINVAL || errno == ENOTTY;
}

/* A persistent interface has what its last user left: offload without a
 * header for it means packets with wrong checksums. */
static int
reset_stale(int fd)
{
	int size = VNET_HDR_SIZE, zero = 0;

	if (is_reset(ioctl(fd, TUNSETOFFLOAD, 0UL)) &&
	    is_reset(ioctl(fd, TUNSETVNETHDRSZ, &size)) &&
	    is_reset(ioctl(fd, TUNSETVNETLE, &zero)) &&
	    is_reset(ioctl(fd, TUNSETVNETBE, &zero)))
		return 0;
	return evtun_fail_(errno, "reset what the last user of the interface "
	    "has set", NULL);
}

static int
need_details(const struct evtun_link *link, const char *step)
{
	return link->has_details ? 0 : evtun_fail_(ENOTSUP, step,
	    "it takes Linux 4.20 to tell who else may use an interface");
}

static int
settle(struct evtun *tun, const struct evtun_link *link)
{
	static const char step[] = "share the interface";

	if (!(tun->options & EVTUN_OPT_MULTIQUEUE))
		return reset_stale(tun->fd);
	if (need_details(link, step) < 0)
		return -1;
	if (link->queues <= 1)
		return reset_stale(tun->fd);
	if (link->packet_info != !!(tun->options & EVTUN_OPT_PACKET_INFO))
		return evtun_fail_(EINVAL, step, "others have it open, and "
		    "not with the same EVTUN_OPT_PACKET_INFO");
	return 0;
}

/* The owner comes first: what nobody owns anybody can open. */
static int
make_persistent(struct evtun *tun, const struct evtun_link *link)
{
	if (need_details(link, persisting) < 0)
		return -1;
	if (link->owner < 0 && link->group < 0 &&
	    ioctl(tun->fd, TUNSETOWNER, (unsigned long)geteuid()) < 0)
		return evtun_fail_(errno, "give the interface an owner", NULL);
	if (!link->persist && ioctl(tun->fd, TUNSETPERSIST, 1UL) < 0)
		return evtun_fail_(errno, persisting, NULL);
	tun->options |= EVTUN_OPT_PERSIST;
	return 0;
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

	tun->options = options & ~EVTUN_OPT_OFFLOAD;
	if ((tun->fd = open_node(options)) < 0)
		return -1;
	if (attach(tun->fd, name, tun->options) < 0 ||
	    confirm(tun, name) < 0 ||
	    look(tun, &link, options) < 0 ||
	    settle(tun, &link) < 0)
		goto fail;
	if ((options & EVTUN_OPT_PERSIST) && make_persistent(tun, &link) < 0)
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

	if (find_own(from, &before, step) < 0)
		return -1;
	tun->options = from->options & ~EVTUN_OPT_EXCLUSIVE;
	tun->prefix = from->prefix;
	if ((tun->fd = open_node(tun->options)) < 0)
		return -1;
	if (attach(tun->fd, from->name, tun->options) < 0 ||
	    confirm(tun, from->name) < 0 ||
	    find_own(from, &after, step) < 0)
		goto fail;
	/* Meanwhile it may have got another name, or gone, and then this has
	 * made an interface of the old name. */
	if (before.index != after.index || strcmp(tun->name, from->name) != 0) {
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
	int size;

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
	if (!(ifr.ifr_flags & IFF_VNET_HDR))
		return 0;
	/* struct virtio_net_hdr and its longer versions. */
	if (ioctl(fd, TUNGETVNETHDRSZ, &size) < 0 ||
	    (size != VNET_HDR_SIZE && size != 12 && size != 20 && size != 24))
		return evtun_fail_(EINVAL, step,
		    "its header for offload has no size known here");
	tun->options |= EVTUN_OPT_OFFLOAD;
	tun->prefix = (size_t)size;
	return 0;
}

int
evtun_system_adopt_(struct evtun *tun, evutil_socket_t fd, int options)
{
	static const char step[] = "adopt a descriptor";
	int fd_flags = fcntl(fd, F_GETFD), wanted;
	int flags = fcntl(fd, F_GETFL);

	if (fd_flags < 0 || flags < 0)
		return evtun_fail_(errno == EBADF ? EINVAL : errno, step,
		    NULL);
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
		evtun_fail_(errno, step, NULL);
		(void)fcntl(fd, F_SETFD, fd_flags);
		return -1;
	}
	/* The kernel is to undo what it joined, and to finish checksums.  If
	 * it will not, evtun_recv_() refuses such packets. */
	if (tun->prefix > 0)
		(void)ioctl(fd, TUNSETOFFLOAD, 0UL);
	return 0;
}

void
evtun_system_close_(struct evtun *tun)
{
	close(tun->fd);
}

evutil_socket_t
evtun_system_release_(struct evtun *tun)
{
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

/* ---- settings ---- */

unsigned
evtun_system_index_(struct evtun *tun)
{
	struct evtun_link link;

	return find_own(tun, &link, "get the index") < 0 ? 0 : link.index;
}

int
evtun_system_get_mtu_(struct evtun *tun)
{
	struct evtun_link link;

	return find_own(tun, &link, "get the MTU") < 0 ? -1 : link.mtu;
}

int
evtun_system_set_mtu_(struct evtun *tun, int mtu)
{
	static const char step[] = "set the MTU";
	struct evtun_link link;

	if (find_own(tun, &link, step) < 0)
		return -1;
	if (link.mtu == mtu || evtun_link_set_mtu_(link.index, mtu) == 0)
		return 0;
	if (errno == EINVAL)
		return evtun_fail_(EINVAL, step, "it can be 68 to 65535, "
		    "on a TAP device 68 to 65521");
	return evtun_explain_link_(errno, step);
}

int
evtun_system_get_up_(struct evtun *tun)
{
	struct evtun_link link;

	if (find_own(tun, &link, "tell whether the interface is up") < 0)
		return -1;
	return (link.flags & IFF_UP) != 0;
}

int
evtun_system_set_up_(struct evtun *tun, int up)
{
	const char *step = up ? "bring the interface up" :
	    "bring the interface down";
	struct evtun_link link;

	if (find_own(tun, &link, step) < 0)
		return -1;
	if (((link.flags & IFF_UP) != 0) == up ||
	    evtun_link_set_up_(link.index, up) == 0)
		return 0;
	return evtun_explain_link_(errno, step);
}

/* On the descriptor itself, this needs no privilege. */
static int
get_hwaddr(struct evtun *tun, struct ifreq *ifr, const char *step)
{
	struct evtun_link link;

	if (find_own(tun, &link, step) < 0)
		return -1;
	memset(ifr, 0, sizeof(*ifr));
	if (ioctl(tun->fd, SIOCGIFHWADDR, ifr) < 0)
		return evtun_fail_(errno == EBADFD ? ENXIO : errno, step,
		    NULL);
	return 0;
}

int
evtun_system_get_hwaddr_(struct evtun *tun, ev_uint8_t addr[6])
{
	struct ifreq ifr;

	if (get_hwaddr(tun, &ifr, "get the Ethernet address") < 0)
		return -1;
	memcpy(addr, ifr.ifr_hwaddr.sa_data, 6);
	return 0;
}

int
evtun_system_set_hwaddr_(struct evtun *tun, const ev_uint8_t addr[6])
{
	static const char step[] = "set the Ethernet address";
	struct ifreq ifr;

	if (get_hwaddr(tun, &ifr, step) < 0)
		return -1;
	if (memcmp(ifr.ifr_hwaddr.sa_data, addr, 6) == 0)
		return 0;
	memcpy(ifr.ifr_hwaddr.sa_data, addr, 6);
	if (ioctl(tun->fd, SIOCSIFHWADDR, &ifr) < 0)
		return evtun_fail_(errno == EBADFD ? ENXIO : errno, step,
		    NULL);
	return 0;
}

int
evtun_system_add_address_(struct evtun *tun, const struct evtun_address *addr)
{
	static const char step[] = "add the address";
	struct evtun_link link;

	if (find_own(tun, &link, step) < 0)
		return -1;
	if (evtun_link_add_address_(link.index, addr) == 0)
		return 0;
	if (errno == EEXIST)
		return evtun_fail_(EEXIST, step, "the interface has it with "
		    "another prefix length or peer: remove that first");
	if (errno == EACCES && addr->family == AF_INET6)
		return evtun_fail_(EACCES, step, "IPv6 is disabled on the "
		    "interface: sysctl net.ipv6.conf.NAME.disable_ipv6=0");
	return evtun_explain_link_(errno, step);
}

int
evtun_system_del_address_(struct evtun *tun, const struct evtun_address *addr)
{
	static const char step[] = "remove the address";
	struct evtun_link link;

	if (find_own(tun, &link, step) < 0)
		return -1;
	if (evtun_link_del_address_(link.index, link.promote, addr) == 0)
		return 0;
	return evtun_explain_link_(errno, step);
}

static int
set_id(struct evtun *tun, unsigned long request, long id, long now)
{
	static const char step[] = "set the owner";

	if (id == -1 || id == now ||
	    ioctl(tun->fd, request, (unsigned long)id) == 0)
		return 0;
	if (errno == EBADFD)
		return evtun_fail_(ENXIO, step, gone);
	return evtun_fail_(errno, step, errno == EINVAL ?
	    "no such user or group in this user namespace" : NULL);
}

int
evtun_system_set_owner_(struct evtun *tun, long uid, long gid)
{
	struct evtun_link link;

	if (find_own(tun, &link, "set the owner") < 0 ||
	    set_id(tun, TUNSETOWNER, uid, link.owner) < 0)
		return -1;
	return set_id(tun, TUNSETGROUP, gid, link.group);
}

int
evtun_system_set_persist_(struct evtun *tun, int persist)
{
	static const char step[] = "let the interface go with its descriptor";
	struct evtun_link link;

	if (find_own(tun, &link, persist ? persisting : step) < 0)
		return -1;
	if (persist)
		return make_persistent(tun, &link);
	if (ioctl(tun->fd, TUNSETPERSIST, 0UL) < 0)
		return evtun_fail_(errno == EBADFD ? ENXIO : errno, step,
		    NULL);
	tun->options &= ~EVTUN_OPT_PERSIST;
	return 0;
}

/* ---- packets ---- */

/* Before a packet stand its packet information, if any, and then the header
 * for offload, if any: tun_put_user() in drivers/net/tun.c.  The first is
 * part of the packet to our callers, the second is not. */
static size_t
info_size(const struct evtun *tun)
{
	return tun->options & EVTUN_OPT_PACKET_INFO ? EVTUN_INFO_SIZE : 0;
}

static int
read_error(int err)
{
	switch (err) {
	case EAGAIN:
		return 0;
	case EBADFD:
	case ENODEV:
	case EFAULT:	/* a descriptor made blocking again, and deleted */
		err = ENXIO;
		break;
	case EINVAL:	/* shorter than its header, and lost */
		err = EBADMSG;
		break;
	}
	errno = err;
	return -1;
}

/* Return the length of the packet of which n bytes were read, the header at
 * vnet among them.  What is still to be split or summed is of no use here. */
static ev_ssize_t
strip(const struct evtun *tun, const unsigned char *vnet, size_t n)
{
	if (tun->prefix == 0)
		return (ev_ssize_t)n;
	if (n <= info_size(tun) + tun->prefix ||
	    (vnet[offsetof(struct virtio_net_hdr, flags)] &
	    VIRTIO_NET_HDR_F_NEEDS_CSUM) ||
	    vnet[offsetof(struct virtio_net_hdr, gso_type)] !=
	    VIRTIO_NET_HDR_GSO_NONE) {
		errno = EBADMSG;
		return -1;
	}
	return (ev_ssize_t)(n - tun->prefix);
}

ev_ssize_t
evtun_recv_(struct evtun *tun, void *packet, size_t space)
{
	unsigned char *start = (unsigned char *)packet - tun->prefix;
	size_t info;
	ssize_t n;

	do
		n = read(tun->fd, start, tun->prefix + space);
	while (n < 0 && errno == EINTR);
	if (n <= 0)
		return n < 0 ? read_error(errno) : 0;
	if ((size_t)n >= tun->prefix + space) {
		errno = EMSGSIZE;
		return -1;
	}
	if (tun->prefix == 0)
		return n;
	info = info_size(tun);
	n = strip(tun, start + info, (size_t)n);
	memmove(packet, start, info);
	return n;
}

/* With a few bytes more than asked for: what lands there did not fit. */
static ev_ssize_t
read_some(struct evtun *tun, void *data, size_t len)
{
	unsigned char head[EVTUN_INFO_SIZE + VNET_HDR_MAX], spare[4];
	size_t info = tun->prefix > 0 ? info_size(tun) : 0;
	size_t kept = info < len ? info : len;
	struct iovec vec[3] = {
		{ head, info + tun->prefix },
		{ (unsigned char *)data + kept, len - kept },
		{ spare, sizeof(spare) }
	};
	ssize_t n;

	do
		n = readv(tun->fd, vec, 3);
	while (n < 0 && errno == EINTR);
	if (n <= 0)
		return n < 0 ? read_error(errno) : 0;
	n = strip(tun, head + info, (size_t)n);
	if (n >= 0 && (size_t)n > len) {
		errno = EMSGSIZE;
		return -1;
	}
	if (n > 0)
		memcpy(data, head, kept);
	return n;
}

ev_ssize_t
evtun_system_read_(struct evtun *tun, void *data, size_t len)
{
	ev_ssize_t n;

	/* Where there is no header, it is the kernel that refuses. */
	do
		n = read_some(tun, data, len);
	while (n < 0 && errno == EBADMSG && tun->prefix > 0);
	return n;
}

static int
write_error(int err)
{
	switch (err) {
	case EBADFD:
	case ENODEV:
		return ENXIO;
	case EIO:
		return ENETDOWN;
	case EFAULT:
		return EINVAL;
	default:
		return err;
	}
}

/* Put the header before the packet: all zero, there is nothing to do.
 * Return the number of pieces. */
static int
put_header(const struct evtun *tun, unsigned char *head, struct iovec *out,
    const struct iovec *vec, int n_vec)
{
	size_t info = info_size(tun), got = 0, take;
	int i, n = 1;

	memset(head, 0, info + tun->prefix);
	for (i = 0; i < n_vec; i++) {
		take = info - got < vec[i].iov_len ? info - got :
		    vec[i].iov_len;
		memcpy(head + got, vec[i].iov_base, take);
		got += take;
		out[n].iov_base = (unsigned char *)vec[i].iov_base + take;
		out[n++].iov_len = vec[i].iov_len - take;
	}
	out[0].iov_base = head;
	out[0].iov_len = info + tun->prefix;
	return n;
}

static int
send_pieces(struct evtun *tun, const struct iovec *vec, int n_vec)
{
	ssize_t n;

	do
		n = n_vec == 1 ? write(tun->fd, vec->iov_base, vec->iov_len) :
		    writev(tun->fd, vec, n_vec);
	while (n < 0 && errno == EINTR);
	return n < 0 ? write_error(errno) : 0;
}

static int
send_with_header(struct evtun *tun, const struct iovec *vec, int n_vec)
{
	unsigned char head[EVTUN_INFO_SIZE + VNET_HDR_MAX];
	struct iovec all[MAX_PIECES];

	return send_pieces(tun, all, put_header(tun, head, all, vec, n_vec));
}

/* libevent's own struct has the same layout, where it is not the same. */
_Static_assert(sizeof(struct evbuffer_iovec) == sizeof(struct iovec) &&
    offsetof(struct evbuffer_iovec, iov_base) ==
    offsetof(struct iovec, iov_base) &&
    offsetof(struct evbuffer_iovec, iov_len) ==
    offsetof(struct iovec, iov_len), "struct evbuffer_iovec is an iovec");

int
evtun_send_(struct evtun *tun, const struct evbuffer_iovec *vec, int n_vec)
{
	const struct iovec *pieces = (const struct iovec *)vec;

	if (n_vec >= MAX_PIECES)
		return EINVAL;
	return tun->prefix == 0 ? send_pieces(tun, pieces, n_vec) :
	    send_with_header(tun, pieces, n_vec);
}

/* A read of nothing takes no packet. */
int
evtun_probe_(struct evtun *tun)
{
	char none;
	ssize_t n;

	do
		n = read(tun->fd, &none, 0);
	while (n < 0 && errno == EINTR);
	return n < 0 && read_error(errno) < 0 && errno == ENXIO ? ENXIO : 0;
}
