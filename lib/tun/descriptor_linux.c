/*
 * What whoever has the descriptor may set without privilege.
 *
 * Beware: TUNSETLINK takes a value, the other ioctls here a pointer.
 */
#include "config.h"

#include <sys/ioctl.h>
#include <net/if.h>

#include <errno.h>
#include <limits.h>
#include <string.h>

#include "evtun/linux.h"
#include "evtun/tun.h"
#include "error-internal.h"
#include "tun/linux-internal.h"
#include "tun/ring-internal.h"

/* SOCK_MIN_SNDBUF of include/net/sock.h.  With 1, for one, writing succeeds,
 * and the kernel never says that it is possible. */
#define SNDBUF_MIN 4608

/* An interface without a queue that is in use cannot have it. */
static int
explain_carrier(const struct evtun *tun, int err, const char *step)
{
	if (err == EPERM && tun->options & EVTUN_OPT_MULTIQUEUE)
		return evtun_fail_(EBUSY, step, "all queues are out of use: "
		    "evtun_linux_set_attached()");
	if (err == EINVAL)
		return evtun_fail_(ENOTSUP, step, "it takes Linux 5.0");
	return evtun_explain_ioctl_(err, step);
}

int
evtun_linux_set_carrier(struct evtun *tun, int on)
{
	const char *step = on ? "switch the carrier on" :
	    "switch the carrier off";

	on = on != 0;
	return ioctl(tun->fd, TUNSETCARRIER, &on) == 0 ? 0 :
	    explain_carrier(tun, errno, step);
}

int
evtun_linux_set_type(struct evtun *tun, int type)
{
	static const char step[] = "set the type of hardware";
	struct ifreq ifr;

	if (type < 0 || type > USHRT_MAX)
		return evtun_fail_(EINVAL, step, "it can be 0 to 65535");
	memset(&ifr, 0, sizeof(ifr));
	if (ioctl(tun->fd, SIOCGIFHWADDR, &ifr) < 0)
		return evtun_explain_ioctl_(errno, step);
	if (ifr.ifr_hwaddr.sa_family == type ||
	    ioctl(tun->fd, TUNSETLINK, (unsigned long)type) == 0)
		return 0;
	if (errno == EBUSY)
		return evtun_fail_(EBUSY, step, "the interface has to be "
		    "down: evtun_set_up(tun, 0)");
	return evtun_explain_ioctl_(errno, step);
}

int
evtun_linux_set_sndbuf(struct evtun *tun, int bytes)
{
	static const char step[] = "set the send buffer";

	if (bytes < SNDBUF_MIN)
		return evtun_fail_(EINVAL, step,
		    "it takes 4608 bytes or more");
	if (ioctl(tun->fd, TUNSETSNDBUF, &bytes) < 0)
		return evtun_explain_ioctl_(errno, step);
	/* A new one looks whether it may be. */
	evtun_ring_free_(tun->ring_out);
	tun->ring_out = NULL;
	return 0;
}

int
evtun_linux_get_sndbuf(struct evtun *tun)
{
	int bytes;

	return ioctl(tun->fd, TUNGETSNDBUF, &bytes) == 0 ? bytes :
	    evtun_explain_ioctl_(errno, "get the send buffer");
}
