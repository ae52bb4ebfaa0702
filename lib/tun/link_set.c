/*
 * Settings of interfaces: evtun/link.h.  Arguments are checked, what is so
 * already is left alone, and the rest is the system's.
 */
#include "config.h"

#include <errno.h>
#include <string.h>

#include "evtun/link.h"
#include "error-internal.h"
#include "tun/link-internal.h"

#define FLAGS_THAT_CAN_BE_SET \
	(EVTUN_LINK_NO_ARP | EVTUN_LINK_MULTICAST | EVTUN_LINK_PROMISCUOUS)

/* The get functions are to tell what is so now.  Should that not work, the
 * setting holds all the same. */
static int
look_again(struct evtun_link *link, int result)
{
	int err = errno;

	if (result == 0)
		(void)evtun_system_link_read_(link, NULL, link->facts.index);
	errno = err;
	return result;
}

int
evtun_link_set_name(struct evtun_link *link, const char *name)
{
	if (evtun_check_name_(name, 0) < 0 ||
	    evtun_link_refresh_(link, "rename the interface") < 0)
		return -1;
	if (strcmp(link->facts.name, name) == 0)
		return 0;
	return look_again(link, evtun_system_link_set_name_(link->netns,
	    &link->facts, name));
}

int
evtun_link_set_alias(struct evtun_link *link, const char *alias)
{
	if (alias == NULL)
		alias = "";
	if (evtun_check_alias_(alias) < 0 ||
	    evtun_link_refresh_(link, "describe the interface") < 0)
		return -1;
	if (strcmp(link->facts.alias, alias) == 0)
		return 0;
	return look_again(link, evtun_system_link_set_alias_(link->netns,
	    &link->facts, alias));
}

static int
has_altname(const struct evtun_link *link, const char *name)
{
	size_t i;

	for (i = 0; i < link->n_altnames; i++)
		if (strcmp(link->altnames[i], name) == 0)
			return 1;
	return 0;
}

int
evtun_link_add_altname(struct evtun_link *link, const char *name)
{
	if (evtun_check_altname_(name) < 0 ||
	    evtun_link_refresh_(link, "add an alternative name") < 0)
		return -1;
	if (has_altname(link, name))
		return 0;
	return look_again(link, evtun_system_link_set_altname_(link->netns,
	    &link->facts, name, 1));
}

/* One that another program gave may have any bytes. */
int
evtun_link_del_altname(struct evtun_link *link, const char *name)
{
	if (evtun_check_any_name_(name) < 0 ||
	    evtun_link_refresh_(link, "remove an alternative name") < 0)
		return -1;
	if (!has_altname(link, name))
		return 0;
	return look_again(link, evtun_system_link_set_altname_(link->netns,
	    &link->facts, name, 0));
}

int
evtun_link_set_mtu(struct evtun_link *link, int mtu)
{
	if (evtun_check_mtu_(mtu) < 0 ||
	    evtun_link_refresh_(link, "set the MTU") < 0)
		return -1;
	if (link->facts.mtu == mtu)
		return 0;
	return look_again(link, evtun_system_link_set_mtu_(link->netns,
	    &link->facts, mtu));
}

static int
has_flags(const struct evtun_link *link, int flags, int mask)
{
	return ((evtun_system_link_flags_(&link->facts) ^ flags) & mask) == 0;
}

static int
change_flags(struct evtun_link *link, const char *step, int flags, int mask)
{
	if (evtun_link_refresh_(link, step) < 0)
		return -1;
	if (has_flags(link, flags, mask))
		return 0;
	return look_again(link, evtun_system_link_set_flags_(link->netns,
	    &link->facts, step, flags, mask));
}

int
evtun_link_set_up(struct evtun_link *link, int up)
{
	return change_flags(link, up ? "bring the interface up" :
	    "bring the interface down", up ? EVTUN_LINK_UP : 0,
	    EVTUN_LINK_UP);
}

int
evtun_link_set_flags(struct evtun_link *link, int flags, int mask)
{
	static const char step[] = "set flags of the interface";

	if (mask & ~FLAGS_THAT_CAN_BE_SET)
		return evtun_fail_(EINVAL, step, "only EVTUN_LINK_NO_ARP, "
		    "EVTUN_LINK_MULTICAST and EVTUN_LINK_PROMISCUOUS can be");
	return change_flags(link, step, flags, mask);
}

int
evtun_link_set_hwaddr(struct evtun_link *link, const ev_uint8_t addr[6])
{
	static const char step[] = "set the Ethernet address";

	if (evtun_check_hwaddr_(addr) < 0 ||
	    evtun_link_refresh_(link, step) < 0)
		return -1;
	if (!evtun_system_link_is_ethernet_(&link->facts))
		return evtun_fail_(ENOTSUP, step,
		    "only a TAP device, or another for Ethernet, has one");
	if (memcmp(link->facts.hwaddr, addr, 6) == 0)
		return 0;
	return look_again(link, evtun_system_link_set_hwaddr_(link->netns,
	    &link->facts, addr));
}

int
evtun_link_set_txqueuelen(struct evtun_link *link, long packets)
{
	if (evtun_check_txqueuelen_(packets) < 0 ||
	    evtun_link_refresh_(link, "set the length of the queue") < 0)
		return -1;
	if (link->facts.txqueuelen == (ev_uint32_t)packets)
		return 0;
	return look_again(link, evtun_system_link_set_txqueuelen_(link->netns,
	    &link->facts, packets));
}

int
evtun_link_set_group(struct evtun_link *link, long group)
{
	if (evtun_check_group_(group) < 0 ||
	    evtun_link_refresh_(link, "set the group of interfaces") < 0)
		return -1;
	if (link->facts.link_group == (ev_uint32_t)group)
		return 0;
	return look_again(link, evtun_system_link_set_group_(link->netns,
	    &link->facts, group));
}

int
evtun_link_set_carrier(struct evtun_link *link, int on)
{
	if (evtun_link_refresh_(link, "set the carrier") < 0)
		return -1;
	if (link->facts.carrier == (on != 0))
		return 0;
	return look_again(link, evtun_system_link_set_carrier_(link->netns,
	    &link->facts, on != 0));
}

int
evtun_link_set_addrgen(struct evtun_link *link, enum evtun_addrgen mode)
{
	if (evtun_check_addrgen_((int)mode) < 0 ||
	    evtun_link_refresh_(link, "set how IPv6 addresses are made") < 0)
		return -1;
	if (link->facts.addrgen == (int)mode)
		return 0;
	return look_again(link, evtun_system_link_set_addrgen_(link->netns,
	    &link->facts, (int)mode));
}

int
evtun_link_move(struct evtun_link *link, int netns, const char *name)
{
	static const char moving[] = "move the interface";

	if (evtun_check_netns_(netns) < 0 ||
	    (name != NULL && evtun_check_name_(name, 0) < 0) ||
	    evtun_link_refresh_(link, moving) < 0)
		return -1;
	/* The kernel finds out when it has moved. */
	if (name != NULL && has_altname(link, name))
		return evtun_fail_(EEXIST, moving,
		    "it has that name as an alternative name");
	return look_again(link, evtun_system_link_move_(link, netns,
	    name != NULL ? name : link->facts.name));
}

int
evtun_link_delete(struct evtun_link *link)
{
	if (evtun_link_refresh_(link, "remove the interface") < 0)
		return -1;
	return evtun_system_link_delete_(link->netns, &link->facts);
}
