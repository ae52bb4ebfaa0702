/*
 * What the kernel says of a descriptor that has changed hands, through ioctl()
 * alone: the receiver may have no other way to ask, and no privilege.
 */
#include "config.h"

#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <net/if.h>

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "evtun/tun.h"
#include "error-internal.h"
#include "tun/linux-internal.h"
#include "tun/pass-internal.h"

#define SENT_OPTIONS \
	(EVTUN_OPT_TAP | EVTUN_OPT_PERSIST | EVTUN_OPT_MULTIQUEUE | \
	EVTUN_OPT_PACKET_INFO | EVTUN_OPT_OFFLOAD)

static const char receiving[] = "receive a device";

static int
get_flags(int fd, int *flags)
{
	struct ifreq ifr;

	memset(&ifr, 0, sizeof(ifr));
	if (ioctl(fd, TUNGETIFF, &ifr) < 0)
		return -1;
	*flags = ifr.ifr_flags;
	return 0;
}

/* A sender that cannot reach the interface may have been told. */
int
evtun_system_describe_(struct evtun *tun, struct evtun_sent *sent)
{
	struct evtun_facts facts;

	memset(sent, 0, sizeof(*sent));
	sent->mtu = tun->sent_mtu;
	sent->index = tun->sent_index;
	if (evtun_linux_find_(tun, &facts, "send a device") == 0) {
		sent->mtu = facts.mtu;
		sent->index = facts.index;
	} else if (errno == ENXIO) {
		return -1;
	}
	sent->options = evtun_system_options_(tun) & SENT_OPTIONS;
	sent->header = (int)tun->prefix;
	sent->is_swapped = tun->is_swapped;
	sent->udp_segments = tun->udp_segments;
	sent->resets_offload = tun->offload_pid == getpid();
	memcpy(sent->name, tun->name, sizeof(sent->name));
	return 0;
}

/* What it is to do with offload at its end is for the others now, who may
 * still need it then. */
void
evtun_system_handed_over_(struct evtun *tun)
{
	tun->offload_pid = 0;
}

static int
is_refusal(int err)
{
	return err == EPERM || err == EACCES || err == ENOSYS;
}

/* /dev/net/tun, wherever it is: TUN_MINOR of linux/miscdevice.h. */
static int
is_tun_node(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISCHR(st.st_mode) &&
	    st.st_rdev == makedev(10, 200);
}

/* A filter, or a security module, stands before it.  Other files may answer
 * the same by themselves. */
static int
must_not_ask(int fd, int err)
{
	return is_refusal(err) && is_tun_node(fd);
}

static int
contradict(const char *what)
{
	return evtun_fail_(EBADMSG, receiving, what);
}

static int
check_header(int fd, const struct evtun_sent *sent)
{
	struct evtun look;

	memset(&look, 0, sizeof(look));
	look.fd = fd;
	look.options = EVTUN_OPT_OFFLOAD;
	if (evtun_offload_take_(&look) < 0)
		return errno == EINVAL ?
		    contradict("its header has no size that is known here") :
		    -1;
	if ((int)look.prefix != sent->header)
		return contradict("its header has another size than was said");
	if (look.is_swapped != sent->is_swapped)
		return contradict("the numbers in its header are in the other "
		    "byte order");
	return 0;
}

/* Whether a bit of flags says what an option does. */
static int
agree(int flags, int bit, int options, int option)
{
	return !(flags & bit) == !(options & option);
}

static int
check_flags(int flags, int options)
{
	if (!agree(flags, IFF_TAP, options, EVTUN_OPT_TAP) ||
	    agree(flags, IFF_TUN, options, EVTUN_OPT_TAP))
		return contradict("it is of the other kind, TUN or TAP");
	/* That there is none is said also where there is no filter. */
	if (!(flags & IFF_NO_PI) && !(options & EVTUN_OPT_PACKET_INFO))
		return contradict("it has packet information");
	if (!agree(flags, IFF_MULTI_QUEUE, options, EVTUN_OPT_MULTIQUEUE))
		return contradict("EVTUN_OPT_MULTIQUEUE differs");
	if (!agree(flags, IFF_VNET_HDR, options, EVTUN_OPT_OFFLOAD))
		return contradict("EVTUN_OPT_OFFLOAD differs");
	return 0;
}

int
evtun_system_check_sent_(evutil_socket_t fd, const struct evtun_sent *sent)
{
	int err, flags;

	if (get_flags(fd, &flags) < 0) {
		err = errno;
		if (must_not_ask(fd, err))
			return 0;
		if (err == EBADFD)
			return evtun_fail_(ENXIO, receiving, EVTUN_GONE_);
		return contradict("the descriptor is no TUN or TAP device");
	}
	if (check_flags(flags, sent->options) < 0)
		return -1;
	return sent->options & EVTUN_OPT_OFFLOAD ? check_header(fd, sent) : 0;
}

/* As it would be if the kernel had said it. */
static int
believe_header(struct evtun *tun, const struct evtun_sent *sent)
{
	if (evtun_frames_allocate_(tun) < 0)
		return evtun_fail_(ENOMEM, receiving, NULL);
	tun->options |= EVTUN_OPT_OFFLOAD;
	tun->prefix = (size_t)sent->header;
	tun->is_swapped = sent->is_swapped;
	return 0;
}

int
evtun_system_take_sent_(struct evtun *tun, const struct evtun_sent *sent)
{
	if (tun->prefix == 0 && sent->header > 0 &&
	    believe_header(tun, sent) < 0)
		return -1;
	if (tun->name[0] == '\0')
		memcpy(tun->name, sent->name, sizeof(tun->name));
	tun->udp_segments = sent->udp_segments;
	if (tun->frames != NULL)
		evtun_frames_begin_(tun);
	tun->offload_pid = sent->resets_offload ? getpid() : 0;
	tun->sent_mtu = sent->mtu;
	tun->sent_index = sent->index;
	return 0;
}

int
evtun_system_is_device_(evutil_socket_t fd, int options)
{
	int flags;

	return get_flags(fd, &flags) == 0 &&
	    agree(flags, IFF_TAP, options, EVTUN_OPT_TAP) &&
	    !agree(flags, IFF_TUN, options, EVTUN_OPT_TAP);
}
