/*
 * Opening a TUN or TAP device on Linux: drivers/net/tun.c, tun_set_iff().
 */
#include "config.h"

#include <sys/ioctl.h>
#include <net/if.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "evtun/tun.h"
#include "error-internal.h"
#include "tun/config-internal.h"
#include "tun/filter-internal.h"
#include "tun/linux-internal.h"
#include "tun/netlink-internal.h"

/* For headers older than the kernel. */
#ifndef IFF_NO_CARRIER
#define IFF_NO_CARRIER 0x0040
#endif

/* Flags of an interface that the kernel takes from the first to attach, and
 * that must be those that were asked for. */
#define KEPT_FLAGS (IFF_TUN | IFF_TAP | IFF_MULTI_QUEUE)

/* How often an interface that comes and goes is tried. */
#define ATTACH_TRIES 4

static const char opening[] = "open a device";

static int
open_node(int netns, int options)
{
	int fd = evtun_netns_open_file_(netns, "/dev/net/tun",
	    O_RDWR | O_NONBLOCK |
	    (options & EVTUN_OPT_INHERIT ? 0 : O_CLOEXEC));

	if (fd >= 0)
		return fd;
	if (netns >= 0 && errno == EPERM)
		return evtun_fail_(EPERM, "open /dev/net/tun there", "to act "
		    "in another namespace takes CAP_SYS_ADMIN there and here");
	if (netns >= 0 && errno == EINVAL)
		return evtun_fail_(EINVAL, "open /dev/net/tun there",
		    "the descriptor is no network namespace");
	return evtun_explain_open_(errno);
}

static unsigned
napi_flags(enum evtun_napi napi)
{
	switch (napi) {
	case EVTUN_NAPI_ON:
		return IFF_NAPI;
	case EVTUN_NAPI_FRAGS:
		return IFF_NAPI | IFF_NAPI_FRAGS;
	default:
		return 0;
	}
}

/* The flags to ask for; 0 after evtun_fail_(). */
static unsigned
get_flags(int fd, int options, const struct evtun_opening *how)
{
	unsigned features = 0;
	unsigned flags = evtun_linux_flags_(options) | napi_flags(how->napi);

	if (ioctl(fd, TUNGETFEATURES, &features) < 0) {
		evtun_fail_(errno, "ask what the system can do", NULL);
		return 0;
	}
	if (how->header_size == 0 && how->order == EVTUN_ORDER_NATIVE)
		flags &= features | ~(unsigned)IFF_VNET_HDR;
	if (how->no_carrier)
		flags |= IFF_NO_CARRIER;
	/* What it cannot do it would ignore. */
	if (flags & ~features) {
		evtun_fail_(ENOTSUP, opening,
		    "this kernel lacks an option that was asked for");
		return 0;
	}
	return flags;
}

/* With that index, unless it is 0; a failure forgets it. */
static int
attach_once(int fd, const char *name, unsigned flags, unsigned index)
{
	int chosen = (int)index;
	struct ifreq ifr;

	if (index != 0 && ioctl(fd, TUNSETIFINDEX, &chosen) < 0) {
		errno = ENOTSUP;
		return -1;
	}
	memset(&ifr, 0, sizeof(ifr));
	memcpy(ifr.ifr_name, name, strlen(name));
	ifr.ifr_flags = (short)flags;
	return ioctl(fd, TUNSETIFF, &ifr);
}

/* What the interface has now, and the first to attach may change; or -1. */
static int
get_flags_before(int netns, const char *name)
{
	struct evtun_facts link;
	int flags;

	if (evtun_link_find_(netns, name, &link) < 0 || !link.has_details)
		return -1;
	flags = link.type;
	if (!link.packet_info)
		flags |= IFF_NO_PI;
	if (link.multi_queue)
		flags |= IFF_MULTI_QUEUE;
	if (link.vnet_hdr)
		flags |= IFF_VNET_HDR;
	return flags;
}

/* As a new one or, if that was not asked for, one that exists. */
static int
attach_either(struct evtun *tun, const char *name, unsigned flags,
    struct evtun_opening *how)
{
	int i;

	for (i = 0; i < ATTACH_TRIES; i++) {
		if (attach_once(tun->fd, name, flags | IFF_TUN_EXCL,
		    how->index) == 0) {
			how->is_new = 1;
			return 0;
		}
		if (errno != EBUSY || (tun->options & EVTUN_OPT_EXCLUSIVE) ||
		    strchr(name, '%') != NULL || name[0] == '\0')
			return -1;
		how->flags_before = get_flags_before(tun->netns, name);
		/* Whether it has carrier is for new ones. */
		if (how->flags_before < 0)
			continue;
		return attach_once(tun->fd, name,
		    flags & ~(unsigned)IFF_NO_CARRIER, how->index);
	}
	errno = EBUSY;
	return -1;
}

/* With IFF_TUN_EXCL the kernel says of that, too, that it is busy. */
static int
is_no_tun(int netns, const char *name)
{
	struct evtun_facts facts;

	return name[0] != '\0' &&
	    evtun_link_find_(netns, name, &facts) == 0 && !facts.is_tun;
}

static int
explain(struct evtun *tun, const char *name, const struct evtun_opening *how)
{
	int err = errno;

	if (err == ENOTSUP)
		return evtun_fail_(err, opening,
		    "this kernel lacks the choice of an index");
	if (err == EBUSY && how->flags_before < 0) {
		if (!(tun->options & EVTUN_OPT_EXCLUSIVE) &&
		    is_no_tun(tun->netns, name))
			err = EINVAL;
		else if (how->index != 0)
			return evtun_failf_(err, "another interface has it",
			    "give the interface the index %u", how->index);
	}
	if (err == EPERM && how->napi == EVTUN_NAPI_FRAGS)
		return evtun_fail_(err, opening, "EVTUN_NAPI_FRAGS takes "
		    "CAP_NET_ADMIN, and not just in a user namespace");
	return evtun_explain_attach_(tun->netns, err, name, tun->options);
}

static int
attach(struct evtun *tun, const char *name, struct evtun_opening *how)
{
	unsigned flags = get_flags(tun->fd, tun->options, how);
	int r;

	if (flags == 0)
		return -1;
	if (how->is_asked) {
		r = attach_either(tun, name, flags, how);
	} else {
		if (tun->options & EVTUN_OPT_EXCLUSIVE)
			flags |= IFF_TUN_EXCL;
		r = attach_once(tun->fd, name, flags, 0);
	}
	return r < 0 ? explain(tun, name, how) : 0;
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
	unsigned flags = evtun_linux_flags_(tun->options);
	unsigned differ;

	if (evtun_linux_get_iff_(tun->fd, &ifr) < 0)
		return evtun_explain_ioctl_(errno, step);
	differ = ((unsigned)ifr.ifr_flags ^ flags) & KEPT_FLAGS;
	/* With others, it is as they have it. */
	if (!(tun->options & (EVTUN_OPT_OFFLOAD | EVTUN_OPT_MULTIQUEUE)))
		differ |= (unsigned)ifr.ifr_flags & IFF_VNET_HDR;
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

/* Nobody else has it: what the last one left is of no more use. */
static int
set_alone(struct evtun *tun, const struct evtun_opening *how)
{
	evtun_filter_reset_(tun);
	return evtun_offload_set_(tun, how);
}

static int
settle(struct evtun *tun, const struct evtun_facts *link,
    const struct evtun_opening *how)
{
	static const char step[] = "share the interface";

	if (how->index != 0 && link->index != how->index)
		return evtun_fail_(EINVAL, "choose the index",
		    "the interface exists, and has another one");
	if (!(tun->options & EVTUN_OPT_MULTIQUEUE))
		return set_alone(tun, how);
	if (evtun_linux_need_details_(link, step) < 0)
		return -1;
	/* Also when we are alone by now: those who were there when we came
	 * have decided it. */
	if (link->packet_info != !!(tun->options & EVTUN_OPT_PACKET_INFO))
		return evtun_fail_(EINVAL, step, "others have it open, and "
		    "not with the same EVTUN_OPT_PACKET_INFO");
	return link->queues > 1 ? evtun_offload_share_(tun, how) :
	    set_alone(tun, how);
}

/* Without netlink a device is of use still, if it is to be nobody else's. */
static int
look(struct evtun *tun, struct evtun_facts *link, int options,
    const struct evtun_opening *how)
{
	memset(link, 0, sizeof(*link));
	if (evtun_linux_find_namesake_(tun, link, "look at the interface") < 0
	    && ((options & (EVTUN_OPT_MULTIQUEUE | EVTUN_OPT_PERSIST)) ||
	    how->index != 0))
		return -1;
	if (evtun_linux_home_(tun, tun->home) == 0)
		tun->index = link->index;
	return 0;
}

/* The namespace of a descriptor, as one of our own. */
static int
take_netns(struct evtun *tun, int netns)
{
	tun->netns = -1;
	if (netns < 0)
		return 0;
	tun->netns = fcntl(netns, F_DUPFD_CLOEXEC, 0);
	return tun->netns >= 0 ? 0 :
	    evtun_fail_(errno == EBADF ? EINVAL : errno,
	    "use the namespace", NULL);
}

/* Undo what this file has done. */
static int
fail(struct evtun *tun)
{
	int err = errno;

	if (tun->fd >= 0)
		close(tun->fd);
	evtun_linux_drop_netns_(tun);
	errno = err;
	return -1;
}

/* The first to attach has changed the flags of an interface that stays. */
static void
restore_flags(int netns, const char *name, int flags)
{
	int fd;

	if (flags < 0)
		return;
	fd = evtun_netns_open_file_(netns, "/dev/net/tun",
	    O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return;
	(void)attach_once(fd, name, (unsigned)flags, 0);
	close(fd);
}

void
evtun_system_abandon_(struct evtun *tun, const struct evtun_opening *how)
{
	int err = errno;

	evtun_offload_reset_(tun);
	close(tun->fd);
	restore_flags(tun->netns, tun->name, how->flags_before);
	evtun_linux_drop_netns_(tun);
	errno = err;
}

int
evtun_system_open_(struct evtun *tun, const char *name, int options,
    struct evtun_opening *how)
{
	struct evtun_facts link;

	tun->fd = -1;
	tun->options = options;
	tun->napi = (int)how->napi;
	if (take_netns(tun, how->netns) < 0 ||
	    (tun->fd = open_node(tun->netns, options)) < 0 ||
	    attach(tun, name, how) < 0 ||
	    confirm(tun, name) < 0)
		return fail(tun);
	if (look(tun, &link, options, how) == 0 &&
	    settle(tun, &link, how) == 0 &&
	    (!(options & EVTUN_OPT_PERSIST) ||
	    evtun_linux_persist_(tun, &link) == 0))
		return 0;
	evtun_system_abandon_(tun, how);
	return -1;
}

int
evtun_system_queue_(struct evtun *tun, struct evtun *from)
{
	static const char step[] = "open another queue";
	struct evtun_opening how = EVTUN_OPENING_INIT_;
	struct evtun_facts before, after;

	if (evtun_linux_find_(from, &before, step) < 0)
		return -1;
	tun->options = from->options & ~EVTUN_OPT_EXCLUSIVE;
	tun->prefix = from->prefix;
	tun->is_swapped = from->is_swapped;
	tun->udp_segments = from->udp_segments;
	tun->napi = from->napi;
	tun->fd = -1;
	how.napi = (enum evtun_napi)from->napi;
	if (take_netns(tun, from->netns) < 0 ||
	    (tun->fd = open_node(tun->netns, tun->options)) < 0 ||
	    attach(tun, from->name, &how) < 0 ||
	    confirm(tun, from->name) < 0 ||
	    evtun_linux_find_(from, &after, step) < 0)
		return fail(tun);
	/* Meanwhile it may have got another name, or gone, and then this has
	 * made an interface of the old name. */
	if (before.index != after.index ||
	    strcmp(tun->name, from->name) != 0) {
		evtun_fail_(ENXIO, step, "the interface has just changed");
		return fail(tun);
	}
	if (evtun_linux_home_(tun, tun->home) == 0)
		tun->index = after.index;
	return 0;
}
