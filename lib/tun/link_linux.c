/*
 * Interface settings on Linux, through rtnetlink: rtnetlink(7).
 */
#include "config.h"

#include <sys/socket.h>
#include <net/if.h>

#include <errno.h>
#include <string.h>

#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/ip.h>
#include <linux/rtnetlink.h>

#include <libmnl/libmnl.h>

#include "tun/linux-internal.h"

/* Requests are an address or two; the kernel fills replies of up to 32 KiB. */
#define REQUEST_SIZE 512
#define REPLY_SIZE 32768

/* A socket carries one request, so that any number will do. */
#define SEQUENCE 1

/* How often a dump that changes came between is begun again. */
#define DUMP_TRIES 16

/* More addresses than that differ in their peer alone only if somebody adds
 * them as fast as they are removed. */
#define DELETE_TRIES 1000

struct request {
	struct nlmsghdr *nlh;
	_Alignas(struct nlmsghdr) char buf[REQUEST_SIZE];
};

static void *
begin(struct request *req, uint16_t type, uint16_t flags, size_t header)
{
	/* libmnl leaves the padding of attributes as it finds it. */
	memset(req->buf, 0, sizeof(req->buf));
	req->nlh = mnl_nlmsg_put_header(req->buf);
	req->nlh->nlmsg_type = type;
	req->nlh->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
	req->nlh->nlmsg_seq = SEQUENCE;
	return mnl_nlmsg_put_extra_header(req->nlh, header);
}

static int
receive(struct mnl_socket *nl, mnl_cb_t cb, void *data)
{
	_Alignas(struct nlmsghdr) char buf[REPLY_SIZE];
	ssize_t n;
	int r;

	do {
		do
			n = mnl_socket_recvfrom(nl, buf, sizeof(buf));
		while (n < 0 && errno == EINTR);
		if (n < 0)
			return -1;
		r = mnl_cb_run(buf, (size_t)n, SEQUENCE,
		    mnl_socket_get_portid(nl), cb, data);
	} while (r > MNL_CB_STOP);
	return r;
}

/* Send a request and wait for its end: the kernel's answer. */
static int
transact(struct request *req, mnl_cb_t cb, void *data)
{
	struct mnl_socket *nl;
	int err, r = -1;

	nl = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	if (nl == NULL)
		return -1;
	if (mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID) == 0 &&
	    mnl_socket_sendto(nl, req->nlh, req->nlh->nlmsg_len) >= 0)
		r = receive(nl, cb, data);
	err = errno;
	mnl_socket_close(nl);
	errno = err;
	return r;
}

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
	struct evtun_link *link = data;
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
	case IFLA_TUN_NUM_QUEUES:
	case IFLA_TUN_NUM_DISABLED_QUEUES:
		link->queues += value;
		break;
	}
	return MNL_CB_OK;
}

struct info {
	struct evtun_link *link;
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
	struct evtun_link *link = data;
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
parse_family(const struct nlattr *attr, void *data)
{
	return mnl_attr_get_type(attr) != AF_INET ? MNL_CB_OK :
	    mnl_attr_parse_nested(attr, parse_inet, data);
}

static int
parse_link_attr(const struct nlattr *attr, void *data)
{
	struct info info = { data, NULL };

	switch (mnl_attr_get_type(attr)) {
	case IFLA_MTU:
		info.link->mtu = (int)get_number(attr);
		break;
	case IFLA_LINKINFO:
		mnl_attr_parse_nested(attr, parse_info, &info);
		if (info.link->is_tun && info.details != NULL)
			mnl_attr_parse_nested(info.details, parse_detail,
			    info.link);
		break;
	case IFLA_AF_SPEC:
		mnl_attr_parse_nested(attr, parse_family, info.link);
		break;
	}
	return MNL_CB_OK;
}

static int
parse_link(const struct nlmsghdr *nlh, void *data)
{
	struct evtun_link *link = data;
	const struct ifinfomsg *ifi = mnl_nlmsg_get_payload(nlh);

	if (nlh->nlmsg_type != RTM_NEWLINK)
		return MNL_CB_OK;
	link->index = (unsigned)ifi->ifi_index;
	link->flags = ifi->ifi_flags;
	return mnl_attr_parse(nlh, sizeof(*ifi), parse_link_attr, link);
}

int
evtun_link_find_(const char *name, struct evtun_link *link)
{
	struct request req;

	memset(link, 0, sizeof(*link));
	link->owner = link->group = link->promote = -1;
	begin(&req, RTM_GETLINK, NLM_F_ACK, sizeof(struct ifinfomsg));
	mnl_attr_put_strz(req.nlh, IFLA_IFNAME, name);
	if (transact(&req, parse_link, link) < 0)
		return -1;
	if (link->index == 0) {
		errno = ENODEV;
		return -1;
	}
	return 0;
}

static struct ifinfomsg *
begin_link_change(struct request *req, unsigned index)
{
	struct ifinfomsg *ifi = begin(req, RTM_NEWLINK, NLM_F_ACK,
	    sizeof(*ifi));

	ifi->ifi_index = (int)index;
	return ifi;
}

int
evtun_link_set_mtu_(unsigned index, int mtu)
{
	struct request req;

	begin_link_change(&req, index);
	mnl_attr_put_u32(req.nlh, IFLA_MTU, (uint32_t)mtu);
	return transact(&req, NULL, NULL);
}

int
evtun_link_set_up_(unsigned index, int up)
{
	struct request req;
	struct ifinfomsg *ifi = begin_link_change(&req, index);

	ifi->ifi_change = IFF_UP;
	ifi->ifi_flags = up ? IFF_UP : 0;
	return transact(&req, NULL, NULL);
}

int
evtun_link_set_promote_(unsigned index, int promote)
{
	struct request req;
	struct nlattr *spec, *inet, *conf;

	begin_link_change(&req, index);
	spec = mnl_attr_nest_start(req.nlh, IFLA_AF_SPEC);
	inet = mnl_attr_nest_start(req.nlh, AF_INET);
	conf = mnl_attr_nest_start(req.nlh, IFLA_INET_CONF);
	mnl_attr_put_u32(req.nlh, IPV4_DEVCONF_PROMOTE_SECONDARIES,
	    (uint32_t)promote);
	mnl_attr_nest_end(req.nlh, conf);
	mnl_attr_nest_end(req.nlh, inet);
	mnl_attr_nest_end(req.nlh, spec);
	return transact(&req, NULL, NULL);
}

/* What a dump of addresses is searched for. */
struct search {
	unsigned index;
	const struct evtun_address *want;
	int any_peer;
	/* The first match, and how many. */
	struct evtun_address found;
	int n_found;
	/* The interface has IPv4 addresses that depend on another one. */
	int has_secondaries;
};

static size_t
address_size(int family)
{
	return family == AF_INET ? 4 : 16;
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

/* IFA_ADDRESS is the peer, or the address itself if there is none; then IPv6
 * leaves IFA_LOCAL out. */
static int
parse_address(const struct nlmsghdr *nlh, struct evtun_address *out)
{
	const struct ifaddrmsg *ifa = mnl_nlmsg_get_payload(nlh);
	struct addresses found = { address_size(ifa->ifa_family), NULL, NULL };

	mnl_attr_parse(nlh, sizeof(*ifa), parse_address_attr, &found);
	if (found.peer == NULL)
		return -1;
	if (found.local == NULL)
		found.local = found.peer;
	memset(out, 0, sizeof(*out));
	out->family = ifa->ifa_family;
	out->prefix_len = ifa->ifa_prefixlen;
	memcpy(out->addr, found.local, found.size);
	memcpy(out->peer, found.peer, found.size);
	return 0;
}

static int
match_address(const struct nlmsghdr *nlh, void *data)
{
	struct search *search = data;
	const struct ifaddrmsg *ifa = mnl_nlmsg_get_payload(nlh);
	const struct evtun_address *want = search->want;
	struct evtun_address have;

	if (nlh->nlmsg_type != RTM_NEWADDR ||
	    ifa->ifa_index != search->index ||
	    ifa->ifa_family != want->family ||
	    parse_address(nlh, &have) < 0)
		return MNL_CB_OK;
	if (ifa->ifa_family == AF_INET && (ifa->ifa_flags & IFA_F_SECONDARY))
		search->has_secondaries = 1;
	if (have.prefix_len != want->prefix_len ||
	    memcmp(have.addr, want->addr, sizeof(have.addr)) != 0)
		return MNL_CB_OK;
	if (!search->any_peer &&
	    memcmp(have.peer, want->peer, sizeof(have.peer)) != 0)
		return MNL_CB_OK;
	if (search->n_found++ == 0)
		search->found = have;
	return MNL_CB_OK;
}

static int
search_addresses(struct search *search, unsigned index,
    const struct evtun_address *want, int any_peer)
{
	struct request req;
	struct ifaddrmsg *ifa;
	int i, r = -1;

	for (i = 0; i < DUMP_TRIES; i++) {
		memset(search, 0, sizeof(*search));
		search->index = index;
		search->want = want;
		search->any_peer = any_peer;
		ifa = begin(&req, RTM_GETADDR, NLM_F_DUMP, sizeof(*ifa));
		ifa->ifa_family = (unsigned char)want->family;
		r = transact(&req, match_address, search);
		/* libmnl's word for a dump that is not consistent. */
		if (r == 0 || errno != EINTR)
			return r;
	}
	errno = EAGAIN;
	return r;
}

static void
begin_address_change(struct request *req, uint16_t type, uint16_t flags,
    unsigned index, const struct evtun_address *addr)
{
	struct ifaddrmsg *ifa;
	size_t size = address_size(addr->family);

	ifa = begin(req, type, (uint16_t)(NLM_F_ACK | flags), sizeof(*ifa));
	ifa->ifa_family = (unsigned char)addr->family;
	ifa->ifa_prefixlen = (unsigned char)addr->prefix_len;
	ifa->ifa_scope = RT_SCOPE_UNIVERSE;
	ifa->ifa_index = index;
	mnl_attr_put(req->nlh, IFA_LOCAL, size, addr->addr);
	mnl_attr_put(req->nlh, IFA_ADDRESS, size, addr->peer);
}

/* The kernel does this for SIOCSIFADDR only.  RFC 3021: with 31 bits of
 * prefix there is none. */
static void
put_broadcast(struct request *req, const struct evtun_address *addr)
{
	unsigned char broadcast[4];
	unsigned bit;

	if (addr->family != AF_INET || addr->has_peer || addr->prefix_len > 30)
		return;
	memcpy(broadcast, addr->addr, sizeof(broadcast));
	for (bit = addr->prefix_len; bit < 32; bit++)
		broadcast[bit / 8] |= (unsigned char)(0x80 >> bit % 8);
	mnl_attr_put(req->nlh, IFA_BROADCAST, sizeof(broadcast), broadcast);
}

int
evtun_link_add_address_(unsigned index, const struct evtun_address *addr)
{
	struct request req;
	struct search search;

	if (search_addresses(&search, index, addr, 0) < 0)
		return -1;
	if (search.n_found > 0)
		return 0;
	begin_address_change(&req, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL,
	    index, addr);
	put_broadcast(&req, addr);
	if (transact(&req, NULL, NULL) == 0)
		return 0;
	/* Somebody else was faster: with the same one, or one in its way. */
	if (errno != EEXIST ||
	    search_addresses(&search, index, addr, 0) < 0)
		return -1;
	if (search.n_found > 0)
		return 0;
	errno = EEXIST;
	return -1;
}

static int
delete_one(unsigned index, const struct evtun_address *addr)
{
	struct request req;

	begin_address_change(&req, RTM_DELADDR, 0, index, addr);
	if (transact(&req, NULL, NULL) == 0 || errno == EADDRNOTAVAIL)
		return 0;
	return -1;
}

/* Remove what matches, one after the other. */
static int
delete_all(unsigned index, int *promoting, const struct evtun_address *addr)
{
	struct search search;
	int i;

	for (i = 0; i < DELETE_TRIES; i++) {
		if (search_addresses(&search, index, addr,
		    !addr->has_peer) < 0)
			return -1;
		if (search.n_found == 0)
			return 0;
		if (search.has_secondaries && !*promoting) {
			if (evtun_link_set_promote_(index, 1) < 0)
				return -1;
			*promoting = 1;
		}
		if (delete_one(index, &search.found) < 0)
			return -1;
	}
	errno = EAGAIN;
	return -1;
}

/* With a primary IPv4 address the kernel removes its secondary ones, unless
 * the interface is told to keep them: a setting that is put back. */
int
evtun_link_del_address_(unsigned index, int promote,
    const struct evtun_address *addr)
{
	int promoting = promote != 0;
	int r = delete_all(index, &promoting, addr);
	int err = errno;

	if (promote == 0 && promoting &&
	    evtun_link_set_promote_(index, 0) < 0 && r == 0)
		return -1;
	errno = err;
	return r;
}
