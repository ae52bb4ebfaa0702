/*
 * The cures that evtun_get_error() names on Linux.  All of it runs on failure
 * only, so that it may take its time.
 */
#include "config.h"

#include <net/if.h>

#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "evtun/tun.h"
#include "error-internal.h"
#include "tun/holders-internal.h"
#include "tun/linux-internal.h"

/* A machine with more open descriptors is searched in part. */
#define MAX_SEARCHED 100000

int
evtun_explain_open_(int err)
{
	const char *cure = NULL;

	if (err == ENOENT || err == ENODEV || err == ENXIO)
		cure = "this kernel has no TUN driver loaded (modprobe tun), "
		    "or this container was not given the device";
	else if (err == EACCES || err == EPERM)
		cure = "creating a device needs CAP_NET_ADMIN, and "
		    "opening one the right to read and write this file";
	return evtun_fail_(err, "open /dev/net/tun", cure);
}

int
evtun_explain_ioctl_(int err, const char *step)
{
	if (err == EBADFD || err == ENODEV)
		return evtun_fail_(ENXIO, step, EVTUN_GONE_);
	return evtun_fail_(err, step, NULL);
}

int
evtun_explain_link_(int err, const char *step)
{
	switch (err) {
	case EPERM:
	case EACCES:
		return evtun_fail_(err, step,
		    "changing an interface needs CAP_NET_ADMIN");
	case ENODEV:
		return evtun_fail_(ENXIO, step, EVTUN_GONE_);
	case EAFNOSUPPORT:
	case EOPNOTSUPP:
		return evtun_fail_(ENOTSUP, step,
		    "this kernel lacks that family of addresses");
	default:
		return evtun_fail_(err, step, NULL);
	}
}

static int
keep_holder(const struct evtun_held *held, void *arg)
{
	*(struct evtun_held *)arg = *held;
	return 1;
}

static int
find_holder(int netns, const char *name, struct evtun_held *holder)
{
	ev_uint64_t home[2];

	return evtun_get_namespace_(netns, home) == 0 &&
	    evtun_holders_search_(name, home, 0, MAX_SEARCHED, keep_holder,
		holder) == 1;
}

static int
explain_busy(int netns, const char *name, int options)
{
	struct evtun_held holder = { 0, -1, "" };
	const char *cure = options & EVTUN_OPT_EXCLUSIVE ?
	    "EVTUN_OPT_EXCLUSIVE makes new interfaces only" :
	    "for several users at once, every program has to open it with "
	    "EVTUN_OPT_MULTIQUEUE";

	if (!find_holder(netns, name, &holder))
		return evtun_failf_(EBUSY, cure, "open %s", name);
	if (holder.pid == (long)getpid())
		return evtun_failf_(EBUSY, cure,
		    "open %s, held by this process itself", name);
	return evtun_failf_(EBUSY, cure, "open %s, held by process %ld (%s)",
	    name, holder.pid, holder.command);
}

static int
explain_refused(int err, const char *name, const struct evtun_facts *link)
{
	if (link->index == 0)
		return evtun_failf_(err,
		    "creating a device needs CAP_NET_ADMIN", "open %s", name);
	if (link->owner >= 0 && link->group >= 0)
		return evtun_failf_(err, "it takes CAP_NET_ADMIN, "
		    "or that user in that group",
		    "open %s, which belongs to user %lld and group %lld", name,
		    (long long)link->owner, (long long)link->group);
	if (link->owner >= 0)
		return evtun_failf_(err, "it takes CAP_NET_ADMIN, "
		    "or to be that user",
		    "open %s, which belongs to user %lld", name,
		    (long long)link->owner);
	if (link->group >= 0)
		return evtun_failf_(err, "it takes CAP_NET_ADMIN, "
		    "or to be in that group",
		    "open %s, which belongs to group %lld", name,
		    (long long)link->group);
	return evtun_failf_(err, "it takes CAP_NET_ADMIN", "open %s", name);
}

static int
explain_invalid(const char *name, int options, const struct evtun_facts *link)
{
	const char *cure = NULL;

	if (link->index == 0)
		cure = "the kernel refuses the name";
	else if (!link->is_tun)
		cure = "it is no TUN or TAP device";
	else if (!link->has_details)
		cure = "it is of the other kind, TUN or TAP, "
		    "or EVTUN_OPT_MULTIQUEUE differs";
	else if (link->type != (options & EVTUN_OPT_TAP ? IFF_TAP : IFF_TUN))
		cure = link->type == IFF_TAP ?
		    "it is a TAP device: EVTUN_OPT_TAP is missing" :
		    "it is a TUN device, not a TAP device";
	else if (link->multi_queue != !!(options & EVTUN_OPT_MULTIQUEUE))
		cure = link->multi_queue ?
		    "it was made with EVTUN_OPT_MULTIQUEUE, which is missing" :
		    "it was made without EVTUN_OPT_MULTIQUEUE";
	return evtun_failf_(EINVAL, cure, "open %s", name);
}

/* Somebody else's interface may be called anything. */
static int
is_printable(const char *name)
{
	size_t i;

	for (i = 0; name[i] != '\0'; i++)
		if (!isalnum((unsigned char)name[i]) &&
		    strchr("._-%", name[i]) == NULL)
			return 0;
	return i > 0;
}

int
evtun_explain_attach_(int netns, int err, const char *name, int options)
{
	const char *shown = is_printable(name) ? name : "a device";
	struct evtun_facts link;

	memset(&link, 0, sizeof(link));
	if (name[0] != '\0' && strchr(name, '%') == NULL)
		(void)evtun_link_find_(netns, name, &link);
	switch (err) {
	case EPERM:
	case EACCES:
		return explain_refused(err, shown, &link);
	case EBUSY:
		return explain_busy(netns, shown, options);
	case EINVAL:
		return explain_invalid(shown, options, &link);
	case E2BIG:
		return evtun_failf_(err, "an interface has 256 queues at most",
		    "open %s", shown);
	default:
		return evtun_failf_(err, NULL, "open %s", shown);
	}
}
