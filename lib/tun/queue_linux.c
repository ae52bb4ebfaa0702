/*
 * Queues that are taken out of use, and back in.
 */
#include "config.h"

#include <sys/ioctl.h>
#include <net/if.h>

#include <errno.h>
#include <string.h>

#include "evtun/linux.h"
#include "evtun/tun.h"
#include "error-internal.h"
#include "tun/filter-internal.h"
#include "tun/linux-internal.h"

static int
get_attached(struct evtun *tun, const char *step)
{
	struct ifreq ifr;

	memset(&ifr, 0, sizeof(ifr));
	if (ioctl(tun->fd, TUNGETIFF, &ifr) < 0)
		return evtun_explain_ioctl_(errno, step);
	return !(ifr.ifr_flags & IFF_DETACH_QUEUE);
}

int
evtun_linux_get_attached(struct evtun *tun)
{
	return get_attached(tun, "tell whether the queue is in use");
}

static int
set_queue(struct evtun *tun, int attached)
{
	struct ifreq ifr;

	memset(&ifr, 0, sizeof(ifr));
	ifr.ifr_flags = attached ? IFF_ATTACH_QUEUE : IFF_DETACH_QUEUE;
	return ioctl(tun->fd, TUNSETQUEUE, &ifr);
}

/* With a filter that the kernel remembers, the call says nothing of what it
 * did: see evtun_filter_forget_().  If all queues are detached, it cannot be
 * made to forget. */
int
evtun_linux_set_attached(struct evtun *tun, int attached)
{
	const char *step = attached ? "take the queue into use" :
	    "take the queue out of use";
	int now, err = 0;

	if (!(tun->options & EVTUN_OPT_MULTIQUEUE))
		return evtun_fail_(EINVAL, step,
		    "the device is without EVTUN_OPT_MULTIQUEUE");
	if ((now = get_attached(tun, step)) < 0)
		return -1;
	if (now == !!attached)
		return 0;
	if (attached)
		evtun_filter_forget_(tun);
	if (set_queue(tun, attached) < 0)
		err = errno;
	if ((now = get_attached(tun, step)) < 0)
		return -1;
	return now == !!attached ? 0 :
	    evtun_explain_ioctl_(err ? err : EBUSY, step);
}
