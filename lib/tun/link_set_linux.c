/*
 * Settings of interfaces on Linux, through rtnetlink: rtnetlink(7).
 */
#include "config.h"

#include <sys/socket.h>
#include <net/if.h>
#include <net/if_arp.h>

#include <errno.h>
#include <string.h>

#include <linux/if_link.h>
#include <linux/ip.h>
#include <linux/rtnetlink.h>

#include "evtun/link.h"
#include "error-internal.h"
#include "tun/linux-internal.h"
#include "tun/netlink-internal.h"

static struct ifinfomsg *
begin_change(struct evtun_request *req, unsigned index)
{
	struct ifinfomsg *ifi = evtun_request_begin_(req, RTM_NEWLINK,
	    NLM_F_ACK, sizeof(*ifi));

	ifi->ifi_index = (int)index;
	return ifi;
}

/* Send it; unsupported is what ENOTSUP means here. */
static int
change(struct evtun_request *req, int netns, const char *step,
    const char *unsupported)
{
	if (evtun_request_do_(req, netns, NULL, NULL) == 0)
		return 0;
	if (errno == EOPNOTSUPP || errno == EAFNOSUPPORT)
		return evtun_fail_(ENOTSUP, step, unsupported);
	return evtun_explain_link_(errno, step);
}

static int
change_number(int netns, const struct evtun_facts *facts, uint16_t type,
    uint32_t value, const char *step, const char *unsupported)
{
	struct evtun_request req;

	begin_change(&req, facts->index);
	mnl_attr_put_u32(req.nlh, type, value);
	return change(&req, netns, step, unsupported);
}

static const char unsettable[] = "interfaces of this kind have it fixed";

int
evtun_system_link_set_mtu_(int netns, const struct evtun_facts *facts,
    int mtu)
{
	static const char step[] = "set the MTU";

	if (change_number(netns, facts, IFLA_MTU, (uint32_t)mtu, step,
	    unsettable) == 0)
		return 0;
	if (errno == EINVAL || errno == ERANGE)
		return evtun_fail_(EINVAL, step, "it can be 68 to 65535, "
		    "on a TAP device 68 to 65521");
	return -1;
}

/* A device that has no room for so many says EPERM (seen on Linux 6.18).  One
 * who lacks the privilege may not even set what is set. */
int
evtun_system_link_set_txqueuelen_(int netns, const struct evtun_facts *facts,
    long packets)
{
	static const char step[] = "set the length of the queue";

	if (change_number(netns, facts, IFLA_TXQLEN, (uint32_t)packets, step,
	    unsettable) == 0)
		return 0;
	if (errno == ENOMEM || (errno == EPERM && change_number(netns, facts,
	    IFLA_TXQLEN, facts->txqueuelen, step, unsettable) == 0))
		return evtun_fail_(ENOMEM, step,
		    "the kernel has no room for so many");
	return -1;
}

int
evtun_system_link_set_group_(int netns, const struct evtun_facts *facts,
    long group)
{
	return change_number(netns, facts, IFLA_GROUP, (uint32_t)group,
	    "set the group of interfaces", unsettable);
}

static int
change_carrier(int netns, const struct evtun_facts *facts, int on)
{
	struct evtun_request req;

	begin_change(&req, facts->index);
	mnl_attr_put_u8(req.nlh, IFLA_CARRIER, (uint8_t)on);
	return change(&req, netns, "set the carrier",
	    "the carrier of interfaces of this kind cannot be set");
}

/* A device without a queue in use says EPERM (seen on Linux 6.18); who lacks
 * the privilege may not even set what is set. */
int
evtun_system_link_set_carrier_(int netns, const struct evtun_facts *facts,
    int on)
{
	if (change_carrier(netns, facts, on) == 0)
		return 0;
	if (errno == EPERM && change_carrier(netns, facts, !on) == 0)
		return evtun_fail_(EBUSY, "set the carrier",
		    "nobody has the device open, or all its queues are "
		    "detached");
	return -1;
}

int
evtun_system_link_set_addrgen_(int netns, const struct evtun_facts *facts,
    int mode)
{
	static const char step[] = "set how IPv6 addresses are made";
	struct evtun_request req;
	struct nlattr *spec, *inet6;

	begin_change(&req, facts->index);
	spec = mnl_attr_nest_start(req.nlh, IFLA_AF_SPEC);
	inet6 = mnl_attr_nest_start(req.nlh, AF_INET6);
	mnl_attr_put_u8(req.nlh, IFLA_INET6_ADDR_GEN_MODE, (uint8_t)mode);
	mnl_attr_nest_end(req.nlh, inet6);
	mnl_attr_nest_end(req.nlh, spec);
	if (change(&req, netns, step, "the interface has no IPv6: not in this "
	    "kernel, or not with an MTU below 1280") == 0)
		return 0;
	if (errno == EINVAL && mode == EVTUN_ADDRGEN_STABLE)
		return evtun_fail_(EINVAL, step, "it takes a secret first: "
		    "sysctl net.ipv6.conf.NAME.stable_secret");
	return -1;
}

int
evtun_system_link_set_flags_(int netns, const struct evtun_facts *facts,
    const char *step, int flags, int mask)
{
	static const struct {
		int ours;
		unsigned theirs;
	} map[] = {
		{ EVTUN_LINK_UP, IFF_UP },
		{ EVTUN_LINK_NO_ARP, IFF_NOARP },
		{ EVTUN_LINK_MULTICAST, IFF_MULTICAST },
		{ EVTUN_LINK_PROMISCUOUS, IFF_PROMISC }
	};
	struct evtun_request req;
	struct ifinfomsg *ifi = begin_change(&req, facts->index);
	size_t i;

	for (i = 0; i < sizeof(map) / sizeof(map[0]); i++) {
		if (mask & map[i].ours)
			ifi->ifi_change |= map[i].theirs;
		if (mask & flags & map[i].ours)
			ifi->ifi_flags |= map[i].theirs;
	}
	return change(&req, netns, step, unsettable);
}

int
evtun_system_link_is_ethernet_(const struct evtun_facts *facts)
{
	return facts->hw_type == ARPHRD_ETHER && facts->hwaddr_len == 6;
}

int
evtun_system_link_set_hwaddr_(int netns, const struct evtun_facts *facts,
    const unsigned char addr[6])
{
	static const char step[] = "set the Ethernet address";
	struct evtun_request req;

	begin_change(&req, facts->index);
	mnl_attr_put(req.nlh, IFLA_ADDRESS, 6, addr);
	if (change(&req, netns, step, unsettable) == 0)
		return 0;
	if (errno == EBUSY)
		return evtun_fail_(EBUSY, step, "interfaces of this kind take "
		    "one only while they are down");
	return -1;
}

/* ---- names ---- */

int
evtun_system_link_set_name_(int netns, const struct evtun_facts *facts,
    const char *name)
{
	static const char step[] = "rename the interface";
	struct evtun_request req;

	begin_change(&req, facts->index);
	mnl_attr_put_strz(req.nlh, IFLA_IFNAME, name);
	if (change(&req, netns, step, NULL) == 0)
		return 0;
	if (errno == EEXIST)
		return evtun_fail_(EEXIST, step,
		    "another interface has that name, or this one has it as "
		    "an alternative name");
	if (errno == EBUSY)
		return evtun_fail_(EBUSY, step, "before Linux 6.2 it takes an "
		    "interface that is down");
	return -1;
}

/* No byte of it, not even a NUL, is no description. */
int
evtun_system_link_set_alias_(int netns, const struct evtun_facts *facts,
    const char *alias)
{
	struct evtun_request req;

	begin_change(&req, facts->index);
	mnl_attr_put_str(req.nlh, IFLA_IFALIAS, alias);
	return change(&req, netns, "describe the interface", NULL);
}

static int
explain_altname(int err, const char *step)
{
	if (err == EEXIST)
		return evtun_fail_(EEXIST, step,
		    "another interface has it, or this one is called so");
	if (err == ENOTSUP)
		return evtun_fail_(ENOTSUP, step, "it takes Linux 5.5");
	return -1;
}

/* Somebody else may have been faster to remove it. */
int
evtun_system_link_set_altname_(int netns, const struct evtun_facts *facts,
    const char *name, int has)
{
	const char *step = has ? "add an alternative name" :
	    "remove an alternative name";
	struct evtun_request req;
	struct ifinfomsg *ifi = evtun_request_begin_(&req, has ?
	    RTM_NEWLINKPROP : RTM_DELLINKPROP,
	    has ? NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL | NLM_F_APPEND :
	    NLM_F_ACK, sizeof(*ifi));
	struct nlattr *list;

	ifi->ifi_index = (int)facts->index;
	list = mnl_attr_nest_start(req.nlh, IFLA_PROP_LIST | NLA_F_NESTED);
	mnl_attr_put_strz(req.nlh, IFLA_ALT_IFNAME, name);
	mnl_attr_nest_end(req.nlh, list);
	if (change(&req, netns, step, NULL) == 0 || (!has && errno == ENOENT))
		return 0;
	return explain_altname(errno, step);
}

/* ---- the whole interface ---- */

int
evtun_system_link_delete_(int netns, const struct evtun_facts *facts)
{
	struct evtun_request req;
	struct ifinfomsg *ifi = evtun_request_begin_(&req, RTM_DELLINK,
	    NLM_F_ACK, sizeof(*ifi));

	ifi->ifi_index = (int)facts->index;
	return change(&req, netns, "remove the interface",
	    "interfaces of this kind stay");
}

/* This one is not an interface's but IPv4's, on it; no text. */
int
evtun_link_set_promote_(int netns, unsigned index, int promote)
{
	struct evtun_request req;
	struct nlattr *spec, *inet, *conf;

	begin_change(&req, index);
	spec = mnl_attr_nest_start(req.nlh, IFLA_AF_SPEC);
	inet = mnl_attr_nest_start(req.nlh, AF_INET);
	conf = mnl_attr_nest_start(req.nlh, IFLA_INET_CONF);
	mnl_attr_put_u32(req.nlh, IPV4_DEVCONF_PROMOTE_SECONDARIES,
	    (uint32_t)promote);
	mnl_attr_nest_end(req.nlh, conf);
	mnl_attr_nest_end(req.nlh, inet);
	mnl_attr_nest_end(req.nlh, spec);
	return evtun_request_do_(&req, netns, NULL, NULL);
}
