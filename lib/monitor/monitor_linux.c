/*
 * Changes and lists on Linux, through rtnetlink: rtnetlink(7), netlink(7).
 *
 * The socket keeps its network namespace alive, so that no namespace ends
 * while it is watched.
 */
#include "config.h"

#include <sys/socket.h>

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include <linux/if.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/if_tun.h>
#include <linux/rtnetlink.h>

#include "error-internal.h"
#include "monitor/monitor-internal.h"
#include "tun/link-internal.h"
#include "tun/linux-internal.h"
#include "tun/netlink-internal.h"

/* Lists come in parts of up to 32 KiB; a single message may be longer. */
#define BUFFER_SIZE 32768
/* What the kernel is asked to hold for a monitor that is slow; it grants what
 * net.core.rmem_max allows. */
#define QUEUE_SIZE (1024 * 1024)

struct evtun_monitor_source {
	struct mnl_socket *nl;
	unsigned portid;
	/* The list that was asked for last, unless it was given up. */
	unsigned seq;
	int is_consistent;
	char *buf;
	size_t size;
	/* What was read and is still to be taken, if mon->has_message. */
	const struct nlmsghdr *next;
	int left;
};

static const char step[] = "watch interfaces";

/* ---- the socket ---- */

/* Lists by index are for kernels from 4.20 on; older ones list all. */
static int
subscribe(struct mnl_socket *nl)
{
	static const int groups[] = {
		RTNLGRP_LINK, RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR
	};
	int group, yes = 1, room = QUEUE_SIZE;
	size_t i;

	(void)mnl_socket_setsockopt(nl, NETLINK_GET_STRICT_CHK, &yes,
	    sizeof(yes));
	(void)setsockopt(mnl_socket_get_fd(nl), SOL_SOCKET, SO_RCVBUF, &room,
	    sizeof(room));
	for (i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
		group = groups[i];
		if (mnl_socket_setsockopt(nl, NETLINK_ADD_MEMBERSHIP, &group,
		    sizeof(group)) < 0)
			return -1;
	}
	return 0;
}

int
evtun_monitor_open_(struct evtun_monitor *mon, int netns)
{
	struct evtun_monitor_source *source = calloc(1, sizeof(*source));

	mon->source = source;
	if (source == NULL ||
	    (source->buf = calloc(1, BUFFER_SIZE)) == NULL)
		return evtun_fail_(ENOMEM, step, NULL);
	source->size = BUFFER_SIZE;
	source->nl = evtun_netlink_open_(netns);
	if (source->nl == NULL && errno == EPERM)
		return evtun_fail_(EPERM, step,
		    "another namespace needs CAP_SYS_ADMIN, there and here");
	if (source->nl == NULL && (errno == EBADF || errno == EINVAL))
		return evtun_fail_(EINVAL, step,
		    "the descriptor is for no network namespace");
	if (source->nl == NULL || subscribe(source->nl) < 0 ||
	    evutil_make_socket_nonblocking(mnl_socket_get_fd(source->nl)) < 0)
		return evtun_fail_(errno, step, NULL);
	source->portid = mnl_socket_get_portid(source->nl);
	mon->fd = mnl_socket_get_fd(source->nl);
	return 0;
}

void
evtun_monitor_close_(struct evtun_monitor *mon)
{
	struct evtun_monitor_source *source = mon->source;

	if (source == NULL)
		return;
	if (source->nl != NULL)
		mnl_socket_close(source->nl);
	free(source->buf);
	free(source);
}

void
evtun_monitor_wait_(struct evtun_monitor *mon)
{
	struct pollfd pfd = { mon->fd, POLLIN, 0 };

	if (poll(&pfd, 1, -1) < 0 && errno != EINTR)
		evtun_monitor_fail_(mon, errno, step);
}

/* ---- lists ---- */

static void
begin_links(struct evtun_request *req, unsigned index)
{
	struct ifinfomsg *ifi = evtun_request_begin_(req, RTM_GETLINK,
	    index != 0 ? NLM_F_ACK : NLM_F_DUMP, sizeof(*ifi));

	ifi->ifi_index = (int)index;
	mnl_attr_put_u32(req->nlh, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
}

static void
begin_addresses(struct evtun_request *req, unsigned index)
{
	struct ifaddrmsg *ifa = evtun_request_begin_(req, RTM_GETADDR,
	    NLM_F_DUMP, sizeof(*ifa));

	ifa->ifa_index = index;
}

/* Of an interface that is gone there is nothing to list.  ENOBUFS: there was
 * no room for the answer; EBUSY: the last list is still on its way. */
static void
end_list(struct evtun_monitor *mon, int err)
{
	mon->source->seq++;
	if (err == 0 || err == ENODEV)
		evtun_monitor_listed_(mon, mon->source->is_consistent);
	else if (err == ENOBUFS || err == EBUSY)
		evtun_monitor_listed_(mon, 0);
	else
		evtun_monitor_fail_(mon, err, "list what there is");
}

void
evtun_monitor_ask_(struct evtun_monitor *mon, int addresses)
{
	struct evtun_request req;

	if (addresses)
		begin_addresses(&req, mon->index);
	else
		begin_links(&req, mon->index);
	req.nlh->nlmsg_seq = ++mon->source->seq;
	mon->source->is_consistent = 1;
	if (mnl_socket_sendto(mon->source->nl, req.nlh,
	    req.nlh->nlmsg_len) < 0)
		end_list(mon, errno);
}

/* ---- messages ---- */

struct nature {
	const char *kind;	/* "bridge", and the like; "" for hardware */
	int is_wireless;
};

static int
parse_kind(const struct nlattr *attr, void *data)
{
	struct nature *nature = data;

	if (mnl_attr_get_type(attr) == IFLA_INFO_KIND &&
	    mnl_attr_validate(attr, MNL_TYPE_NUL_STRING) == 0)
		nature->kind = mnl_attr_get_str(attr);
	return MNL_CB_OK;
}

static int
parse_nature(const struct nlattr *attr, void *data)
{
	struct nature *nature = data;

	if (mnl_attr_get_type(attr) == IFLA_LINKINFO)
		mnl_attr_parse_nested(attr, parse_kind, nature);
	else if (mnl_attr_get_type(attr) == IFLA_WIRELESS)
		nature->is_wireless = 1;
	return MNL_CB_OK;
}

static int
take_link(struct evtun_monitor *mon, const struct nlmsghdr *nlh,
    int is_listed)
{
	struct evtun_facts facts;
	struct evtun_sight sight;
	struct nature nature = { "", 0 };

	evtun_link_parse_(nlh, &facts);
	mnl_attr_parse(nlh, sizeof(struct ifinfomsg), parse_nature, &nature);
	/* Wireless drivers tell of other things in such messages, and leave
	 * out the MTU. */
	if (facts.name[0] == '\0' || nature.is_wireless)
		return 1;
	sight.index = facts.index;
	sight.name = facts.name;
	/* Not the type of hardware, which TUNSETLINK changes. */
	sight.kind = facts.type == IFF_TAP ? "tap" : nature.kind;
	sight.is_tun = facts.is_tun;
	sight.is_up = (facts.flags & IFF_UP) != 0;
	/* Not facts.carrier: of that nothing is said while it is down. */
	sight.has_carrier = (facts.flags & IFF_LOWER_UP) != 0;
	sight.mtu = facts.mtu;
	return evtun_cache_link_(mon, &sight, is_listed);
}

struct move {
	int is_move;
	long index;
};

static int
parse_move(const struct nlattr *attr, void *data)
{
	struct move *move = data;

	if (mnl_attr_get_type(attr) == IFLA_NEW_NETNSID)
		move->is_move = 1;
	else if (mnl_attr_get_type(attr) == IFLA_NEW_IFINDEX &&
	    mnl_attr_validate(attr, MNL_TYPE_U32) == 0)
		move->index = (long)mnl_attr_get_u32(attr);
	return MNL_CB_OK;
}

static int
take_link_gone(struct evtun_monitor *mon, const struct nlmsghdr *nlh)
{
	const struct ifinfomsg *ifi = mnl_nlmsg_get_payload(nlh);
	struct move move = { 0, 0 };

	mnl_attr_parse(nlh, sizeof(*ifi), parse_move, &move);
	return evtun_cache_link_gone_(mon, (unsigned)ifi->ifi_index,
	    move.is_move ? EVTUN_CHANGE_MOVED : EVTUN_CHANGE_GONE, move.index);
}

/* A bridge tells in the same way of what becomes its port, and is not. */
static int
take_link_message(struct evtun_monitor *mon, const struct nlmsghdr *nlh,
    int is_listed)
{
	const struct ifinfomsg *ifi = mnl_nlmsg_get_payload(nlh);

	if (mnl_nlmsg_get_payload_len(nlh) < sizeof(*ifi) ||
	    ifi->ifi_family != AF_UNSPEC ||
	    (mon->index != 0 && mon->index != (unsigned)ifi->ifi_index))
		return 1;
	if (nlh->nlmsg_type == RTM_NEWLINK)
		return take_link(mon, nlh, is_listed);
	return take_link_gone(mon, nlh);
}

struct addresses {
	size_t size;
	const void *local;
	const void *peer;
};

static int
parse_address_attr(const struct nlattr *attr, void *data)
{
	struct addresses *found = data;

	if (mnl_attr_get_payload_len(attr) != found->size)
		return MNL_CB_OK;
	if (mnl_attr_get_type(attr) == IFA_LOCAL)
		found->local = mnl_attr_get_payload(attr);
	else if (mnl_attr_get_type(attr) == IFA_ADDRESS)
		found->peer = mnl_attr_get_payload(attr);
	return MNL_CB_OK;
}

/* Without a peer both are the address, or one of them is left out. */
static int
parse_address(const struct nlmsghdr *nlh, struct evtun_address *out)
{
	const struct ifaddrmsg *ifa = mnl_nlmsg_get_payload(nlh);
	struct addresses found = { ifa->ifa_family == AF_INET ? 4 : 16,
	    NULL, NULL };

	mnl_attr_parse(nlh, sizeof(*ifa), parse_address_attr, &found);
	if (found.local == NULL)
		found.local = found.peer;
	if (found.peer == NULL)
		found.peer = found.local;
	if (found.local == NULL)
		return -1;
	memset(out, 0, sizeof(*out));
	out->family = ifa->ifa_family;
	out->prefix_len = ifa->ifa_prefixlen;
	memcpy(out->addr, found.local, found.size);
	memcpy(out->peer, found.peer, found.size);
	out->has_peer = memcmp(out->addr, out->peer, sizeof(out->addr)) != 0;
	return 0;
}

static void
take_address_message(struct evtun_monitor *mon, const struct nlmsghdr *nlh,
    int is_listed)
{
	const struct ifaddrmsg *ifa = mnl_nlmsg_get_payload(nlh);
	struct evtun_address address;

	if (mnl_nlmsg_get_payload_len(nlh) < sizeof(*ifa) ||
	    (ifa->ifa_family != AF_INET && ifa->ifa_family != AF_INET6) ||
	    (mon->index != 0 && mon->index != ifa->ifa_index) ||
	    parse_address(nlh, &address) < 0)
		return;
	if (nlh->nlmsg_type == RTM_NEWADDR)
		evtun_cache_address_(mon, ifa->ifa_index, &address, is_listed);
	else
		evtun_cache_address_gone_(mon, ifa->ifa_index, &address);
}

/* NLMSG_DONE and NLMSG_ERROR both begin with an errno, negative, or 0. */
static int
get_error(const struct nlmsghdr *nlh)
{
	int err = 0;

	if (mnl_nlmsg_get_payload_len(nlh) >= sizeof(err))
		memcpy(&err, mnl_nlmsg_get_payload(nlh), sizeof(err));
	return -err;
}

/* Return whether all of it is done: else it comes again. */
static int
take_message(struct evtun_monitor *mon, const struct nlmsghdr *nlh)
{
	struct evtun_monitor_source *source = mon->source;
	/* A change carries the port of who has made it, or 0. */
	int is_listed = nlh->nlmsg_pid == source->portid;

	/* What is left of a list that was given up. */
	if (is_listed && nlh->nlmsg_seq != source->seq)
		return 1;
	if (is_listed && (nlh->nlmsg_flags & NLM_F_DUMP_INTR))
		source->is_consistent = 0;
	switch (nlh->nlmsg_type) {
	case NLMSG_DONE:
	case NLMSG_ERROR:
		if (is_listed)
			end_list(mon, get_error(nlh));
		break;
	case RTM_NEWLINK:
	case RTM_DELLINK:
		return take_link_message(mon, nlh, is_listed);
	case RTM_NEWADDR:
	case RTM_DELADDR:
		take_address_message(mon, nlh, is_listed);
		break;
	}
	return 1;
}

/* A list is given up: its end, or an answer that there will be none, may be
 * among what there was no room for. */
static void
overrun(struct evtun_monitor *mon)
{
	mon->source->seq++;
	evtun_monitor_overrun_(mon);
}

/* What did not fit is lost. */
static void
grow_buffer(struct evtun_monitor *mon, size_t size)
{
	char *buf = realloc(mon->source->buf, size);

	if (buf == NULL) {
		evtun_monitor_fail_(mon, ENOMEM, step);
		return;
	}
	mon->source->buf = buf;
	mon->source->size = size;
	overrun(mon);
}

static ssize_t
receive(struct evtun_monitor_source *source, struct sockaddr_nl *from)
{
	socklen_t len;
	ssize_t n;

	do {
		len = sizeof(*from);
		memset(from, 0, sizeof(*from));
		n = recvfrom(mnl_socket_get_fd(source->nl), source->buf,
		    source->size, MSG_TRUNC, (struct sockaddr *)from, &len);
	} while (n < 0 && errno == EINTR);
	return n;
}

static void
begin_messages(struct evtun_monitor *mon, int len)
{
	struct evtun_monitor_source *source = mon->source;

	source->next = (const void *)source->buf;
	source->left = len;
	mon->has_message = mnl_nlmsg_ok(source->next, source->left);
}

static void
take_next(struct evtun_monitor *mon)
{
	struct evtun_monitor_source *source = mon->source;

	if (!take_message(mon, source->next))
		return;
	source->next = mnl_nlmsg_next(source->next, &source->left);
	mon->has_message = mnl_nlmsg_ok(source->next, source->left);
}

int
evtun_monitor_read_(struct evtun_monitor *mon)
{
	struct evtun_monitor_source *source = mon->source;
	struct sockaddr_nl from;
	ssize_t n;

	if (mon->has_message) {
		take_next(mon);
		return 1;
	}
	n = receive(source, &from);
	if (n < 0 && errno == EAGAIN)
		return 0;
	if (n < 0 && errno == ENOBUFS)
		overrun(mon);
	else if (n < 0)
		evtun_monitor_fail_(mon, errno, "read what has changed");
	else if ((size_t)n > source->size)
		grow_buffer(mon, (size_t)n);
	else if (from.nl_pid == 0)	/* the kernel's */
		begin_messages(mon, (int)n);
	return 1;
}
