/*
 * Routes on Linux, through rtnetlink: rtnetlink(7), ip-route(8).
 */
#include "config.h"

#include <sys/socket.h>
#include <net/if.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <linux/rtnetlink.h>

#include "error-internal.h"
#include "tun/linux-internal.h"
#include "tun/rtnetlink-internal.h"

/* Linux's own, for an IPv6 route that is given none: linux/ipv6_route.h. */
#define METRIC6 1024

/* ---- what the kernel has ---- */

struct reading {
	unsigned index;
	struct evtun_grown out;
};

/* A router may be of the other family: RFC 5549. */
void
evtun_parse_router_(const struct evtun_attrs *attrs, struct evtun_route *out)
{
	const struct nlattr *attr = attrs->at[RTA_VIA];
	const struct rtvia *via;
	size_t size;

	if (evtun_copy_attr_(attrs, RTA_GATEWAY, out->via,
	    evtun_address_size_(out->family))) {
		out->via_family = out->family;
		return;
	}
	if (attr == NULL || mnl_attr_get_payload_len(attr) < sizeof(*via))
		return;
	via = mnl_attr_get_payload(attr);
	size = evtun_address_size_(via->rtvia_family);
	if (mnl_attr_get_payload_len(attr) != sizeof(*via) + size)
		return;
	out->via_family = via->rtvia_family;
	memcpy(out->via, via->rtvia_addr, size);
}

void
evtun_parse_route_message_(const struct rtmsg *rtm,
    const struct evtun_attrs *attrs, struct evtun_route *out)
{
	size_t size = evtun_address_size_(rtm->rtm_family);
	struct evtun_attrs metrics = { { NULL } };

	memset(out, 0, sizeof(*out));
	out->family = rtm->rtm_family;
	out->prefix_len = rtm->rtm_dst_len;
	evtun_copy_attr_(attrs, RTA_DST, out->to, size);
	out->has_source = evtun_copy_attr_(attrs, RTA_PREFSRC, out->source,
	    size);
	out->metric = evtun_get_attr_(attrs, RTA_PRIORITY);
	out->table = attrs->at[RTA_TABLE] == NULL ? rtm->rtm_table :
	    evtun_get_attr_(attrs, RTA_TABLE);
	if (attrs->at[RTA_METRICS] != NULL)
		mnl_attr_parse_nested(attrs->at[RTA_METRICS],
		    evtun_take_attr_, &metrics);
	out->mtu = evtun_get_attr_(&metrics, RTAX_MTU);
	out->scope = rtm->rtm_scope;
	out->protocol = rtm->rtm_protocol;
	out->tos = rtm->rtm_tos;
	out->hop_object = evtun_get_attr_(attrs, RTA_NH_ID);
	out->n_hops = 1;
}

static int
add_hop(struct reading *reading, const struct evtun_route *common,
    const struct evtun_attrs *attrs, unsigned flags)
{
	struct evtun_route *out = evtun_grow_(&reading->out, sizeof(*out));

	if (out == NULL)
		return MNL_CB_ERROR;
	*out = *common;
	evtun_parse_router_(attrs, out);
	out->is_onlink = (flags & RTNH_F_ONLINK) != 0;
	return MNL_CB_OK;
}

struct evtun_hops
evtun_get_hops_(const struct nlattr *attr)
{
	struct evtun_hops hops = { mnl_attr_get_payload(attr),
	    mnl_attr_get_payload_len(attr) };

	return hops;
}

const struct rtnexthop *
evtun_next_hop_(struct evtun_hops *hops)
{
	const struct rtnexthop *hop = (const struct rtnexthop *)hops->at;
	size_t len;

	if (hops->left < sizeof(*hop) || hop->rtnh_len < sizeof(*hop) ||
	    hop->rtnh_len > hops->left)
		return NULL;
	len = RTNH_ALIGN((size_t)hop->rtnh_len);
	hops->at += len;
	hops->left -= len < hops->left ? len : hops->left;
	return hop;
}

static int
take_hops(struct reading *reading, struct evtun_route *common,
    const struct nlattr *attr)
{
	struct evtun_hops hops = evtun_get_hops_(attr);
	const struct rtnexthop *hop;
	struct evtun_attrs attrs;

	common->n_hops = 0;
	while (evtun_next_hop_(&hops) != NULL)
		common->n_hops++;
	hops = evtun_get_hops_(attr);
	while ((hop = evtun_next_hop_(&hops)) != NULL) {
		if ((unsigned)hop->rtnh_ifindex != reading->index)
			continue;
		memset(&attrs, 0, sizeof(attrs));
		mnl_attr_parse_payload(hop + 1,
		    hop->rtnh_len - sizeof(*hop), evtun_take_attr_, &attrs);
		if (add_hop(reading, common, &attrs, hop->rtnh_flags) < 0)
			return MNL_CB_ERROR;
	}
	return MNL_CB_OK;
}

/* IPv6 may tell of routes that it has learned for one host: RTM_F_CLONED.
 * Those for some sources only are nothing that we have words for. */
static int
take_route(const struct nlmsghdr *nlh, void *data)
{
	struct reading *reading = data;
	const struct rtmsg *rtm = mnl_nlmsg_get_payload(nlh);
	struct evtun_attrs attrs = { { NULL } };
	struct evtun_route common;

	if (nlh->nlmsg_type != RTM_NEWROUTE ||
	    rtm->rtm_type != RTN_UNICAST || (rtm->rtm_flags & RTM_F_CLONED) ||
	    rtm->rtm_src_len != 0 ||
	    (rtm->rtm_family != AF_INET && rtm->rtm_family != AF_INET6))
		return MNL_CB_OK;
	mnl_attr_parse(nlh, sizeof(*rtm), evtun_take_attr_, &attrs);
	if (attrs.at[RTA_MULTIPATH] == NULL &&
	    evtun_get_attr_(&attrs, RTA_OIF) != reading->index)
		return MNL_CB_OK;
	evtun_parse_route_message_(rtm, &attrs, &common);
	if (common.table == RT_TABLE_LOCAL)
		return MNL_CB_OK;
	if (attrs.at[RTA_MULTIPATH] != NULL)
		return take_hops(reading, &common, attrs.at[RTA_MULTIPATH]);
	return add_hop(reading, &common, &attrs, rtm->rtm_flags);
}

static int
read_routes(const struct evtun_link *link, struct evtun_grown *out)
{
	struct reading reading = { link->facts.index, { NULL, 0, 0 } };
	int r = evtun_dump_(link->netns, RTM_GETROUTE, link->facts.index,
	    take_route, &reading, &reading.out);

	*out = reading.out;
	return r;
}

int
evtun_system_get_routes_(struct evtun_link *link, struct evtun_route **list)
{
	struct evtun_grown all;

	if (read_routes(link, &all) < 0)
		return evtun_explain_dump_(errno, "get the routes");
	*list = all.list;
	return (int)all.n;
}

/* ---- which is which ---- */

/* What 0 stands for; but any protocol is as good as another. */
static struct evtun_route
complete(const struct evtun_route *route)
{
	struct evtun_route full = *route;

	if (full.table == 0)
		full.table = RT_TABLE_MAIN;
	if (full.metric == 0 && full.family == AF_INET6)
		full.metric = METRIC6;
	if (full.scope == 0 && full.family == AF_INET && full.via_family == 0)
		full.scope = RT_SCOPE_LINK;
	return full;
}

int
evtun_same_key_(const struct evtun_route *have, const struct evtun_route *want)
{
	return have->family == want->family &&
	    have->prefix_len == want->prefix_len &&
	    memcmp(have->to, want->to, sizeof(have->to)) == 0 &&
	    have->table == want->table && have->metric == want->metric;
}

static int
has_router(const struct evtun_route *have, const struct evtun_route *want)
{
	return have->via_family == want->via_family &&
	    memcmp(have->via, want->via, sizeof(have->via)) == 0;
}

static int
is_same(const struct evtun_route *have, const struct evtun_route *want)
{
	return evtun_same_key_(have, want) && has_router(have, want) &&
	    have->has_source == want->has_source &&
	    memcmp(have->source, want->source, sizeof(have->source)) == 0 &&
	    have->mtu == want->mtu && have->scope == want->scope &&
	    (want->protocol == 0 || have->protocol == want->protocol) &&
	    have->n_hops == want->n_hops && have->tos == want->tos;
}

/* ---- changes ---- */

static void
put_router(struct nlmsghdr *nlh, const struct evtun_route *route)
{
	size_t size = evtun_address_size_(route->via_family);
	unsigned char other[sizeof(struct rtvia) + 16];
	uint16_t family = (uint16_t)route->via_family;

	if (route->via_family == 0)
		return;
	if (route->via_family == route->family) {
		mnl_attr_put(nlh, RTA_GATEWAY, size, route->via);
		return;
	}
	memcpy(other, &family, sizeof(family));
	memcpy(other + sizeof(struct rtvia), route->via, size);
	mnl_attr_put(nlh, RTA_VIA, sizeof(struct rtvia) + size, other);
}

static void
put_route(struct nlmsghdr *nlh, unsigned index,
    const struct evtun_route *route)
{
	size_t size = evtun_address_size_(route->family);
	struct nlattr *metrics;

	if (route->prefix_len > 0)
		mnl_attr_put(nlh, RTA_DST, size, route->to);
	mnl_attr_put_u32(nlh, RTA_TABLE, route->table);
	if (route->hop_object != 0) {
		mnl_attr_put_u32(nlh, RTA_NH_ID, route->hop_object);
	} else {
		mnl_attr_put_u32(nlh, RTA_OIF, index);
		put_router(nlh, route);
	}
	if (route->has_source)
		mnl_attr_put(nlh, RTA_PREFSRC, size, route->source);
	if (route->metric != 0)
		mnl_attr_put_u32(nlh, RTA_PRIORITY, route->metric);
	if (route->mtu == 0)
		return;
	metrics = mnl_attr_nest_start(nlh, RTA_METRICS);
	mnl_attr_put_u32(nlh, RTAX_MTU, route->mtu);
	mnl_attr_nest_end(nlh, metrics);
}

int
evtun_request_route_(const struct evtun_link *link, uint16_t type,
    uint16_t flags, const struct evtun_route *route)
{
	struct evtun_request req;
	struct rtmsg *rtm = evtun_request_begin_(&req, type,
	    (uint16_t)(NLM_F_ACK | flags), sizeof(*rtm));

	rtm->rtm_family = (unsigned char)route->family;
	rtm->rtm_dst_len = (unsigned char)route->prefix_len;
	rtm->rtm_tos = (unsigned char)route->tos;
	/* To remove one, 0 is any. */
	rtm->rtm_protocol = (unsigned char)(route->protocol == 0 &&
	    type == RTM_NEWROUTE ? RTPROT_STATIC : route->protocol);
	rtm->rtm_scope = (unsigned char)route->scope;
	rtm->rtm_type = RTN_UNICAST;
	rtm->rtm_flags = route->is_onlink ? RTNH_F_ONLINK : 0;
	put_route(req.nlh, link->facts.index, route);
	return evtun_request_do_(&req, link->netns, NULL, NULL);
}

/* Whether there is the same one: 0 or 1, or -1. */
static int
find_same(const struct evtun_link *link, const struct evtun_route *want)
{
	const struct evtun_route *list;
	struct evtun_grown all;
	int found = 0;
	size_t i;

	if (read_routes(link, &all) < 0)
		return -1;
	list = all.list;
	for (i = 0; i < all.n && !found; i++)
		found = is_same(&list[i], want);
	free(all.list);
	return found;
}

static int
explain_invalid(const struct evtun_route *route, const char *step)
{
	if (route->has_source)
		return evtun_fail_(EINVAL, step, "the source has to be an "
		    "address of this host, and not a tentative one");
	if (route->via_family != 0)
		return evtun_fail_(EINVAL, step, "the router has to be "
		    "another host, which no other router leads to");
	return evtun_fail_(EINVAL, step,
	    "the system has no such scope or table for it");
}

static int
explain(int err, const struct evtun_route *route, const char *step)
{
	switch (err) {
	case EEXIST:
		return evtun_fail_(err, step, "there is another one to the "
		    "same prefix with the same metric: "
		    "evtun_link_replace_route()");
	case ENETDOWN:
		return evtun_fail_(err, step,
		    "the interface is down: evtun_link_set_up()");
	case ENETUNREACH:
	case EHOSTUNREACH:
		return evtun_fail_(err, step, "the router cannot be reached "
		    "through the interface: add an address of its network, "
		    "or a route to it, first");
	case EACCES:
		if (route->family == AF_INET6)
			return evtun_fail_(err, step, "IPv6 is disabled on "
			    "the interface: "
			    "sysctl net.ipv6.conf.NAME.disable_ipv6=0");
		return evtun_explain_link_(err, step);
	case EINVAL:
		return explain_invalid(route, step);
	default:
		return evtun_explain_link_(err, step);
	}
}

/* The kernel would say that there is no way to the router, or no interface. */
static int
check_interface(const struct evtun_link *link,
    const struct evtun_route *route, const char *step)
{
	if (!(link->facts.flags & IFF_UP))
		return explain(ENETDOWN, route, step);
	if (route->family == AF_INET6 && link->facts.mtu < 1280)
		return evtun_fail_(EINVAL, step, "IPv6 needs an MTU of 1280 "
		    "or more: evtun_link_set_mtu()");
	return 0;
}

static int
put(const struct evtun_link *link, uint16_t flags,
    const struct evtun_route *route, const char *step)
{
	struct evtun_route full = complete(route);
	int err, found;

	if (check_interface(link, &full, step) < 0)
		return -1;
	if (evtun_request_route_(link, RTM_NEWROUTE,
	    (uint16_t)(NLM_F_CREATE | flags), &full) == 0)
		return 0;
	/* What counts is what is: it may have been there all the time, for
	 * which no privilege is needed. */
	err = errno;
	if ((found = find_same(link, &full)) == 1)
		return 0;
	if (found < 0 && err == EEXIST)
		err = errno;
	return explain(err, &full, step);
}

int
evtun_system_add_route_(struct evtun_link *link,
    const struct evtun_route *route)
{
	return put(link, NLM_F_EXCL, route, "add the route");
}

int
evtun_system_replace_route_(struct evtun_link *link,
    const struct evtun_route *route)
{
	return put(link, NLM_F_REPLACE, route, "replace the route");
}

/* The kernel takes what is not said for anything: all of it is said, so that
 * no other route goes. */
static int
remove_one(const struct evtun_link *link, const struct evtun_route *have)
{
	static const char step[] = "remove the route";
	int err, r;

	if (have->hop_object != 0 && have->n_hops > 1)
		return evtun_fail_(ENOTSUP, step, "its next hops are those "
		    "of a next hop object: ip nexthop");
	r = have->family == AF_INET && have->n_hops > 1 ?
	    evtun_remove_hop_(link, have) :
	    evtun_request_route_(link, RTM_DELROUTE, 0, have);
	if (r == 0)
		return 0;
	err = errno;
	if (find_same(link, have) == 0)
		return 0;
	if (err == ENOTSUP)
		return evtun_fail_(err, step, "it has too many next hops");
	return explain(err, have, step);
}

int
evtun_system_del_route_(struct evtun_link *link,
    const struct evtun_route *route)
{
	struct evtun_route want = complete(route);
	const struct evtun_route *list;
	struct evtun_grown all;
	int r = 0;
	size_t i;

	if (read_routes(link, &all) < 0)
		return evtun_explain_dump_(errno, "remove the route");
	list = all.list;
	for (i = 0; i < all.n && r == 0; i++)
		if (evtun_same_key_(&list[i], &want) &&
		    (want.via_family == 0 || has_router(&list[i], &want)))
			r = remove_one(link, &list[i]);
	free(all.list);
	return r;
}
