/*
 * Addresses and routes of an interface as rtnetlink tells them, to be told
 * back, as "ip address restore" and "ip route restore" do: whatever the kernel
 * knows of them, and this library does not, is kept.
 */
#include "config.h"

#include <sys/socket.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <linux/if_addr.h>
#include <linux/rtnetlink.h>

#include "evtun/link.h"
#include "error-internal.h"
#include "tun/config-internal.h"
#include "tun/link-internal.h"
#include "tun/netlink-internal.h"
#include "tun/rtnetlink-internal.h"
#include "tun/snapshot-internal.h"

void
evtun_free_messages_(struct evtun_messages *list)
{
	struct nlmsghdr **at = list->all.list;

	while (list->all.n > 0)
		free(at[--list->all.n]);
	free(at);
	list->all.list = NULL;
	list->all.room = 0;
}

/* Room for one more message of that length, all zero. */
static struct nlmsghdr *
add_message(struct evtun_messages *list, size_t len)
{
	struct nlmsghdr **place = evtun_grow_(&list->all,
	    sizeof(struct nlmsghdr *));

	if (place == NULL)
		return NULL;
	return *place = calloc(1, MNL_ALIGN(len));
}

/* ---- what the kernel tells ---- */

struct dump {
	unsigned index;
	struct evtun_messages *list;
};

static int
is_hop(const struct nlattr *attr, unsigned index)
{
	const struct rtnexthop *hop = mnl_attr_get_payload(attr);
	int left = mnl_attr_get_payload_len(attr);

	for (; RTNH_OK(hop, left); left -= RTNH_ALIGN(hop->rtnh_len),
	    hop = RTNH_NEXT(hop))
		if (hop->rtnh_ifindex == (int)index)
			return 1;
	return 0;
}

/* The kernel's own routes of the local table are made with addresses. */
static int
is_our_route(const struct nlmsghdr *nlh, unsigned index)
{
	const struct rtmsg *rtm = mnl_nlmsg_get_payload(nlh);
	struct evtun_attrs attrs;
	uint32_t table;

	if ((rtm->rtm_family != AF_INET && rtm->rtm_family != AF_INET6) ||
	    rtm->rtm_flags & RTM_F_CLONED)
		return 0;
	memset(&attrs, 0, sizeof(attrs));
	mnl_attr_parse(nlh, sizeof(*rtm), evtun_take_attr_, &attrs);
	table = evtun_get_attr_(&attrs, RTA_TABLE);
	if ((table == RT_TABLE_LOCAL || rtm->rtm_table == RT_TABLE_LOCAL) &&
	    rtm->rtm_protocol == RTPROT_KERNEL)
		return 0;
	return evtun_get_attr_(&attrs, RTA_OIF) == index ||
	    (attrs.at[RTA_MULTIPATH] != NULL &&
	    is_hop(attrs.at[RTA_MULTIPATH], index));
}

static int
is_our_address(const struct nlmsghdr *nlh, unsigned index)
{
	const struct ifaddrmsg *ifa = mnl_nlmsg_get_payload(nlh);

	return ifa->ifa_index == index && (ifa->ifa_family == AF_INET ||
	    ifa->ifa_family == AF_INET6);
}

static int
keep_address(const struct nlmsghdr *nlh, void *data)
{
	struct dump *dump = data;
	struct nlmsghdr *copy;

	if (nlh->nlmsg_type != RTM_NEWADDR ||
	    !is_our_address(nlh, dump->index))
		return MNL_CB_OK;
	if ((copy = add_message(dump->list, nlh->nlmsg_len)) == NULL)
		return MNL_CB_ERROR;
	memcpy(copy, nlh, nlh->nlmsg_len);
	return MNL_CB_OK;
}

/* Without what changes by itself, so that the same ones are the same bytes. */
static int
copy_attr(const struct nlattr *attr, void *data)
{
	if (mnl_attr_get_type(attr) != RTA_CACHEINFO)
		mnl_attr_put(data, attr->nla_type,
		    mnl_attr_get_payload_len(attr),
		    mnl_attr_get_payload(attr));
	return MNL_CB_OK;
}

static int
keep_route(const struct nlmsghdr *nlh, void *data)
{
	struct dump *dump = data;
	struct nlmsghdr *copy;
	struct rtmsg *rtm;

	if (nlh->nlmsg_type != RTM_NEWROUTE ||
	    !is_our_route(nlh, dump->index))
		return MNL_CB_OK;
	if ((copy = add_message(dump->list, nlh->nlmsg_len)) == NULL)
		return MNL_CB_ERROR;
	mnl_nlmsg_put_header(copy);
	rtm = mnl_nlmsg_put_extra_header(copy, sizeof(*rtm));
	memcpy(rtm, mnl_nlmsg_get_payload(nlh), sizeof(*rtm));
	rtm->rtm_flags &= RTNH_F_ONLINK;
	mnl_attr_parse(nlh, sizeof(*rtm), copy_attr, copy);
	return MNL_CB_OK;
}

static int
read_list(const struct evtun_link *link, uint16_t type, size_t header,
    mnl_cb_t keep, struct evtun_messages *list)
{
	struct dump dump = { link->facts.index, list };
	struct evtun_request req;
	int i;

	for (i = 0; i < EVTUN_DUMP_TRIES; i++) {
		evtun_free_messages_(list);
		evtun_request_begin_(&req, type, NLM_F_DUMP, header);
		evtun_request_narrow_(&req, link->facts.index);
		if (evtun_request_do_(&req, link->netns, keep, &dump) == 0)
			return 0;
		if (errno != EINTR)
			return -1;
	}
	errno = EAGAIN;
	return -1;
}

int
evtun_read_address_messages_(const struct evtun_link *link,
    struct evtun_messages *list)
{
	return read_list(link, RTM_GETADDR, sizeof(struct ifaddrmsg),
	    keep_address, list);
}

int
evtun_read_route_messages_(const struct evtun_link *link,
    struct evtun_messages *list)
{
	return read_list(link, RTM_GETROUTE, sizeof(struct rtmsg), keep_route,
	    list);
}

struct evtun_snapshot *
evtun_snapshot_take_(const struct evtun_link *link)
{
	static const char step[] = "remember addresses and routes";
	struct evtun_snapshot *snapshot = calloc(1, sizeof(*snapshot));

	if (snapshot == NULL) {
		evtun_fail_(ENOMEM, step, NULL);
		return NULL;
	}
	if (evtun_read_address_messages_(link, &snapshot->addresses) == 0 &&
	    evtun_read_route_messages_(link, &snapshot->routes) == 0)
		return snapshot;
	evtun_fail_(errno, step, NULL);
	evtun_snapshot_free_(snapshot);
	return NULL;
}

void
evtun_snapshot_free_(struct evtun_snapshot *snapshot)
{
	int err = errno;

	if (snapshot == NULL)
		return;
	evtun_free_messages_(&snapshot->addresses);
	evtun_free_messages_(&snapshot->routes);
	free(snapshot);
	errno = err;
}
