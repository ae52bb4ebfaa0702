/*
 * Interfaces on Linux, through rtnetlink: rtnetlink(7).
 */
#include "config.h"

#include <sys/socket.h>
#include <net/if.h>

#include <errno.h>
#include <string.h>

#include <linux/if_link.h>
#include <linux/ip.h>
#include <linux/rtnetlink.h>

#include "tun/linux-internal.h"
#include "tun/netlink-internal.h"

/* What is no number of 8 or 32 bits is 0. */
static uint32_t
get_number(const struct nlattr *attr)
{
	if (mnl_attr_validate(attr, MNL_TYPE_U32) == 0)
		return mnl_attr_get_u32(attr);
	return mnl_attr_validate(attr, MNL_TYPE_U8) == 0 ?
	    mnl_attr_get_u8(attr) : 0;
}

static int
parse_detail(const struct nlattr *attr, void *data)
{
	struct evtun_facts *link = data;
	uint32_t value = get_number(attr);

	switch (mnl_attr_get_type(attr)) {
	case IFLA_TUN_OWNER:
		link->owner = value;
		break;
	case IFLA_TUN_GROUP:
		link->group = value;
		break;
	case IFLA_TUN_TYPE:
		link->type = (int)value;
		link->has_details = 1;
		break;
	case IFLA_TUN_PI:
		link->packet_info = value != 0;
		break;
	case IFLA_TUN_PERSIST:
		link->persist = value != 0;
		break;
	case IFLA_TUN_MULTI_QUEUE:
		link->multi_queue = value != 0;
		break;
	case IFLA_TUN_VNET_HDR:
		link->vnet_hdr = value != 0;
		break;
	case IFLA_TUN_NUM_DISABLED_QUEUES:
		link->detached = value;
		link->queues += value;
		break;
	case IFLA_TUN_NUM_QUEUES:
		link->queues += value;
		break;
	}
	return MNL_CB_OK;
}

struct info {
	struct evtun_facts *link;
	const struct nlattr *details;
};

static int
parse_info(const struct nlattr *attr, void *data)
{
	struct info *info = data;

	if (mnl_attr_get_type(attr) == IFLA_INFO_DATA)
		info->details = attr;
	else if (mnl_attr_get_type(attr) == IFLA_INFO_KIND)
		info->link->is_tun =
		    mnl_attr_validate(attr, MNL_TYPE_NUL_STRING) == 0 &&
		    strcmp(mnl_attr_get_str(attr), "tun") == 0;
	return MNL_CB_OK;
}

/* IPv4's settings are an array without its element 0. */
static int
parse_inet(const struct nlattr *attr, void *data)
{
	struct evtun_facts *link = data;
	const size_t at =
	    (IPV4_DEVCONF_PROMOTE_SECONDARIES - 1) * sizeof(uint32_t);
	uint32_t value;

	if (mnl_attr_get_type(attr) != IFLA_INET_CONF ||
	    mnl_attr_get_payload_len(attr) < at + sizeof(value))
		return MNL_CB_OK;
	memcpy(&value, (const char *)mnl_attr_get_payload(attr) + at,
	    sizeof(value));
	link->promote = value != 0;
	return MNL_CB_OK;
}

static int
parse_inet6(const struct nlattr *attr, void *data)
{
	struct evtun_facts *link = data;

	if (mnl_attr_get_type(attr) == IFLA_INET6_ADDR_GEN_MODE)
		link->addrgen = (int)get_number(attr);
	return MNL_CB_OK;
}

static int
parse_family(const struct nlattr *attr, void *data)
{
	if (mnl_attr_get_type(attr) == AF_INET)
		return mnl_attr_parse_nested(attr, parse_inet, data);
	if (mnl_attr_get_type(attr) == AF_INET6)
		return mnl_attr_parse_nested(attr, parse_inet6, data);
	return MNL_CB_OK;
}

/* Cut, if need be, and ended. */
static void
copy_string(char *out, size_t size, const struct nlattr *attr)
{
	size_t n = strnlen(mnl_attr_get_payload(attr),
	    mnl_attr_get_payload_len(attr));

	if (n > size - 1)
		n = size - 1;
	memcpy(out, mnl_attr_get_payload(attr), n);
	out[n] = '\0';
}

static void
copy_hwaddr(struct evtun_facts *link, const struct nlattr *attr)
{
	size_t n = mnl_attr_get_payload_len(attr);

	link->hwaddr_len = n < sizeof(link->hwaddr) ? n :
	    sizeof(link->hwaddr);
	memcpy(link->hwaddr, mnl_attr_get_payload(attr), link->hwaddr_len);
}

/* An older kernel tells less of them. */
static void
copy_counts(struct evtun_facts *link, const struct nlattr *attr)
{
	struct rtnl_link_stats64 stats;
	size_t n = mnl_attr_get_payload_len(attr);

	memset(&stats, 0, sizeof(stats));
	memcpy(&stats, mnl_attr_get_payload(attr),
	    n < sizeof(stats) ? n : sizeof(stats));
	link->counts[EVTUN_LINK_IN_PACKETS] = stats.rx_packets;
	link->counts[EVTUN_LINK_IN_BYTES] = stats.rx_bytes;
	link->counts[EVTUN_LINK_IN_ERRORS] = stats.rx_errors;
	link->counts[EVTUN_LINK_IN_DROPPED] = stats.rx_dropped;
	link->counts[EVTUN_LINK_OUT_PACKETS] = stats.tx_packets;
	link->counts[EVTUN_LINK_OUT_BYTES] = stats.tx_bytes;
	link->counts[EVTUN_LINK_OUT_ERRORS] = stats.tx_errors;
	link->counts[EVTUN_LINK_OUT_DROPPED] = stats.tx_dropped;
}

static void
parse_nested(const struct nlattr *attr, struct evtun_facts *link)
{
	struct info info = { link, NULL };

	if (mnl_attr_get_type(attr) == IFLA_AF_SPEC) {
		mnl_attr_parse_nested(attr, parse_family, link);
		return;
	}
	mnl_attr_parse_nested(attr, parse_info, &info);
	if (link->is_tun && info.details != NULL)
		mnl_attr_parse_nested(info.details, parse_detail, link);
}

static int
parse_link_attr(const struct nlattr *attr, void *data)
{
	struct evtun_facts *link = data;

	switch (mnl_attr_get_type(attr)) {
	case IFLA_IFNAME:
		copy_string(link->name, sizeof(link->name), attr);
		break;
	case IFLA_IFALIAS:
		copy_string(link->alias, sizeof(link->alias), attr);
		break;
	case IFLA_ADDRESS:
		copy_hwaddr(link, attr);
		break;
	case IFLA_MTU:
		link->mtu = (int)get_number(attr);
		break;
	case IFLA_TXQLEN:
		link->txqueuelen = get_number(attr);
		break;
	case IFLA_GROUP:
		link->link_group = get_number(attr);
		break;
	case IFLA_CARRIER:
		link->carrier = get_number(attr) != 0;
		break;
	case IFLA_STATS64:
		copy_counts(link, attr);
		break;
	case IFLA_LINKINFO:
	case IFLA_AF_SPEC:
		parse_nested(attr, link);
		break;
	}
	return MNL_CB_OK;
}

void
evtun_link_parse_(const struct nlmsghdr *nlh, struct evtun_facts *link)
{
	const struct ifinfomsg *ifi = mnl_nlmsg_get_payload(nlh);

	memset(link, 0, sizeof(*link));
	link->owner = link->group = link->promote = link->addrgen = -1;
	link->index = (unsigned)ifi->ifi_index;
	link->flags = ifi->ifi_flags;
	link->hw_type = ifi->ifi_type;
	mnl_attr_parse(nlh, sizeof(*ifi), parse_link_attr, link);
}

static int
parse_answer(const struct nlmsghdr *nlh, void *data)
{
	if (nlh->nlmsg_type == RTM_NEWLINK)
		evtun_link_parse_(nlh, data);
	return MNL_CB_OK;
}

/* A name that is too long for one is an alternative name. */
void
evtun_link_ask_(struct evtun_request *req, const char *name, unsigned index)
{
	struct ifinfomsg *ifi = evtun_request_begin_(req, RTM_GETLINK,
	    NLM_F_ACK, sizeof(*ifi));

	ifi->ifi_index = (int)index;
	if (name != NULL)
		mnl_attr_put_strz(req->nlh, strlen(name) < EVTUN_NAME_SIZE ?
		    IFLA_IFNAME : IFLA_ALT_IFNAME, name);
}

int
evtun_link_find_(int netns, const char *name, struct evtun_facts *link)
{
	struct evtun_request req;

	memset(link, 0, sizeof(*link));
	evtun_link_ask_(&req, name, 0);
	if (evtun_request_do_(&req, netns, parse_answer, link) < 0)
		return -1;
	if (link->index == 0) {
		errno = ENODEV;
		return -1;
	}
	return 0;
}
