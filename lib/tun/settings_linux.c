/*
 * What can be asked of, and set on, the interface of a device on Linux.
 *
 * Beware: TUNSETPERSIST, TUNSETOWNER and TUNSETGROUP take a value, the ioctls
 * for the Ethernet address a pointer.
 */
#include "config.h"

#include <sys/ioctl.h>
#include <net/if.h>
#include <net/if_arp.h>

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "evtun/tun.h"
#include "error-internal.h"
#include "tun/linux-internal.h"
#include "tun/rtnetlink-internal.h"

static const char persisting[] = "make the interface persistent";

unsigned
evtun_system_index_(struct evtun *tun)
{
	struct evtun_facts link;

	return evtun_linux_find_(tun, &link, "get the index") < 0 ? 0 :
	    link.index;
}

int
evtun_system_get_mtu_(struct evtun *tun)
{
	struct evtun_facts link;

	return evtun_linux_find_(tun, &link, "get the MTU") < 0 ? -1 :
	    link.mtu;
}

int
evtun_system_set_mtu_(struct evtun *tun, int mtu)
{
	static const char step[] = "set the MTU";
	struct evtun_facts link;

	if (evtun_check_mtu_(mtu) < 0 ||
	    evtun_linux_find_(tun, &link, step) < 0)
		return -1;
	return link.mtu == mtu ? 0 :
	    evtun_system_link_set_mtu_(tun->netns, &link, mtu);
}

int
evtun_system_get_up_(struct evtun *tun)
{
	static const char step[] = "tell whether the interface is up";
	struct evtun_facts link;

	if (evtun_linux_find_(tun, &link, step) < 0)
		return -1;
	return (link.flags & IFF_UP) != 0;
}

int
evtun_system_set_up_(struct evtun *tun, int up)
{
	const char *step = up ? "bring the interface up" :
	    "bring the interface down";
	struct evtun_facts link;

	if (evtun_linux_find_(tun, &link, step) < 0)
		return -1;
	return ((link.flags & IFF_UP) != 0) == up ? 0 :
	    evtun_system_link_set_flags_(tun->netns, &link, step,
	    up ? EVTUN_LINK_UP : 0, EVTUN_LINK_UP);
}

/* On the descriptor itself, this needs no privilege. */
static int
get_hwaddr(struct evtun *tun, struct ifreq *ifr, const char *step)
{
	struct evtun_facts link;

	if (evtun_linux_find_(tun, &link, step) < 0)
		return -1;
	memset(ifr, 0, sizeof(*ifr));
	if (ioctl(tun->fd, SIOCGIFHWADDR, ifr) < 0)
		return evtun_explain_ioctl_(errno, step);
	/* evtun_linux_set_type() */
	if (ifr->ifr_hwaddr.sa_family != ARPHRD_ETHER)
		return evtun_fail_(ENOTSUP, step,
		    "the interface was given another type of hardware");
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
		return evtun_explain_ioctl_(errno, step);
	return 0;
}

int
evtun_system_add_address_(struct evtun *tun, const struct evtun_address *addr)
{
	static const char step[] = "add the address";
	struct evtun_facts link;

	if (evtun_linux_find_(tun, &link, step) < 0)
		return -1;
	if (evtun_link_add_address_(tun->netns, link.index, addr) == 0)
		return 0;
	return evtun_explain_address_(errno, addr, link.mtu, step);
}

int
evtun_system_del_address_(struct evtun *tun, const struct evtun_address *addr)
{
	static const char step[] = "remove the address";
	struct evtun_facts link;

	if (evtun_linux_find_(tun, &link, step) < 0)
		return -1;
	if (evtun_link_del_address_(tun->netns, link.index, link.promote,
	    addr) == 0)
		return 0;
	return evtun_explain_link_(errno, step);
}

int
evtun_linux_need_details_(const struct evtun_facts *link, const char *step)
{
	return link->has_details ? 0 : evtun_fail_(ENOTSUP, step,
	    "it takes Linux 4.20 to tell who else may use an interface");
}

static int
set_id(struct evtun *tun, unsigned long request, long id, ev_int64_t now)
{
	static const char step[] = "set the owner";

	if (id == -1 || id == now ||
	    ioctl(tun->fd, request, (unsigned long)id) == 0)
		return 0;
	if (errno == EINVAL)
		return evtun_fail_(EINVAL, step,
		    "this user namespace has no such user or group");
	return evtun_explain_ioctl_(errno, step);
}

int
evtun_system_set_owner_(struct evtun *tun, long uid, long gid)
{
	static const char step[] = "set the owner";
	struct evtun_facts link;

	if (evtun_check_owner_(uid, gid) < 0 ||
	    evtun_linux_find_(tun, &link, step) < 0 ||
	    set_id(tun, TUNSETOWNER, uid, link.owner) < 0)
		return -1;
	return set_id(tun, TUNSETGROUP, gid, link.group);
}

/* The owner comes first: what nobody owns anybody can open. */
int
evtun_linux_persist_(struct evtun *tun, const struct evtun_facts *link)
{
	if (evtun_linux_need_details_(link, persisting) < 0)
		return -1;
	if (link->owner < 0 && link->group < 0 &&
	    ioctl(tun->fd, TUNSETOWNER, (unsigned long)geteuid()) < 0)
		return evtun_explain_ioctl_(errno,
		    "give the interface an owner");
	if (!link->persist && ioctl(tun->fd, TUNSETPERSIST, 1UL) < 0)
		return evtun_explain_ioctl_(errno, persisting);
	tun->options |= EVTUN_OPT_PERSIST;
	return 0;
}

int
evtun_system_set_persist_(struct evtun *tun, int persist)
{
	static const char step[] = "let the interface go with its descriptor";
	struct evtun_facts link;

	if (evtun_linux_find_(tun, &link, persist ? persisting : step) < 0)
		return -1;
	if (persist)
		return evtun_linux_persist_(tun, &link);
	if (ioctl(tun->fd, TUNSETPERSIST, 0UL) < 0)
		return evtun_explain_ioctl_(errno, step);
	tun->options &= ~EVTUN_OPT_PERSIST;
	return 0;
}
