/*
 * Routes of IPv4 on Linux with several next hops.  They go together with one
 * of them, so that to remove one is to replace the route.
 */
#include "config.h"

#include <sys/socket.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <linux/rtnetlink.h>

#include "tun/linux-internal.h"
#include "tun/rtnetlink-internal.h"

struct removal {
	unsigned index;
	const struct evtun_route *route;
	/* The request that replaces it, or removes it if no hop is left. */
	struct evtun_request req;
	struct rtmsg *rtm;
	size_t n_left;
	int is_found;
	/* It does not fit. */
	int is_impossible;
};

static int
is_ours(const struct removal *removal, const struct rtnexthop *hop)
{
	struct evtun_route route = { .family = AF_INET };
	struct evtun_attrs attrs = { { NULL } };

	if ((unsigned)hop->rtnh_ifindex != removal->index)
		return 0;
	mnl_attr_parse_payload(hop + 1, hop->rtnh_len - sizeof(*hop),
	    evtun_take_attr_, &attrs);
	evtun_parse_router_(&attrs, &route);
	return route.via_family == removal->route->via_family &&
	    memcmp(route.via, removal->route->via, sizeof(route.via)) == 0;
}

/* Of its flags, the others are what the kernel thinks of it now. */
static void
keep_hop(struct removal *removal, char *out, const struct rtnexthop *hop)
{
	struct rtnexthop *kept = (struct rtnexthop *)out;

	memcpy(out, hop, hop->rtnh_len);
	kept->rtnh_flags &= RTNH_F_ONLINK;
	removal->n_left++;
}

static void
keep_hops(struct removal *removal, const struct nlattr *attr)
{
	const struct rtnexthop *hop;
	struct evtun_hops hops = evtun_get_hops_(attr);
	struct nlattr *nest;
	size_t size = mnl_attr_get_payload_len(attr), n = 0;
	char *out;

	nest = mnl_attr_nest_start(removal->req.nlh, RTA_MULTIPATH);
	out = mnl_attr_get_payload(nest);
	while (n < size && (hop = evtun_next_hop_(&hops)) != NULL)
		if (!is_ours(removal, hop)) {
			keep_hop(removal, out + n, hop);
			n += RTNH_ALIGN((size_t)hop->rtnh_len);
		}
	removal->req.nlh->nlmsg_len += (uint32_t)n;
	mnl_attr_nest_end(removal->req.nlh, nest);
}

static int
copy_attr(const struct nlattr *attr, void *data)
{
	struct removal *removal = data;

	if (mnl_attr_get_type(attr) == RTA_MULTIPATH)
		keep_hops(removal, attr);
	else
		mnl_attr_put(removal->req.nlh, mnl_attr_get_type(attr),
		    mnl_attr_get_payload_len(attr),
		    mnl_attr_get_payload(attr));
	return MNL_CB_OK;
}

/* A message that is half as long leaves room for its copy. */
static int
compose(const struct nlmsghdr *nlh, void *data)
{
	struct removal *removal = data;
	const struct rtmsg *rtm = mnl_nlmsg_get_payload(nlh);
	struct evtun_attrs attrs = { { NULL } };
	struct evtun_route route;

	if (nlh->nlmsg_type != RTM_NEWROUTE || removal->is_found ||
	    rtm->rtm_family != AF_INET || rtm->rtm_type != RTN_UNICAST)
		return MNL_CB_OK;
	mnl_attr_parse(nlh, sizeof(*rtm), evtun_take_attr_, &attrs);
	evtun_parse_route_message_(rtm, &attrs, &route);
	if (attrs.at[RTA_MULTIPATH] == NULL ||
	    !evtun_same_key_(&route, removal->route) ||
	    route.tos != removal->route->tos)
		return MNL_CB_OK;
	removal->is_found = 1;
	removal->is_impossible =
	    nlh->nlmsg_len > sizeof(removal->req.buf) / 2;
	if (removal->is_impossible)
		return MNL_CB_OK;
	removal->rtm = evtun_request_begin_(&removal->req, RTM_NEWROUTE,
	    NLM_F_ACK | NLM_F_REPLACE, sizeof(*rtm));
	*removal->rtm = *rtm;
	removal->rtm->rtm_flags = 0;
	return mnl_attr_parse(nlh, sizeof(*rtm), copy_attr, removal);
}

int
evtun_remove_hop_(const struct evtun_link *link,
    const struct evtun_route *route)
{
	struct removal removal = { .index = link->facts.index,
	    .route = route };
	struct evtun_grown none = { NULL, 0, 0 };

	if (evtun_dump_(link->netns, RTM_GETROUTE, removal.index, compose,
	    &removal, &none) < 0)
		return -1;
	if (removal.is_impossible) {
		errno = ENOTSUP;
		return -1;
	}
	if (removal.n_left > 0)
		return evtun_request_do_(&removal.req, link->netns, NULL,
		    NULL);
	/* It is the only one by now. */
	return evtun_request_route_(link, RTM_DELROUTE, 0, route);
}
