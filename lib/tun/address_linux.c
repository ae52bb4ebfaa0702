/*
 * Addresses of interfaces on Linux, through rtnetlink: rtnetlink(7).
 */
#include "config.h"

#include <sys/socket.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <linux/if_addr.h>
#include <linux/rtnetlink.h>

#include "error-internal.h"
#include "tun/linux-internal.h"
#include "tun/rtnetlink-internal.h"

/* The kernel's flags that can be set. */
#define SETTABLE (IFA_F_NODAD | IFA_F_OPTIMISTIC | IFA_F_HOMEADDRESS | \
	IFA_F_MANAGETEMPADDR | IFA_F_NOPREFIXROUTE | IFA_F_MCAUTOJOIN)

static const struct {
	uint32_t theirs;
	int ours;
} flag_map[] = {
	{ IFA_F_NODAD, EVTUN_ADDRESS_NO_DAD },
	{ IFA_F_NOPREFIXROUTE, EVTUN_ADDRESS_NO_PREFIX_ROUTE },
	{ IFA_F_HOMEADDRESS, EVTUN_ADDRESS_HOME },
	{ IFA_F_SECONDARY, EVTUN_ADDRESS_SECONDARY },
	{ IFA_F_TENTATIVE, EVTUN_ADDRESS_TENTATIVE },
	{ IFA_F_DADFAILED, EVTUN_ADDRESS_DUPLICATE },
	{ IFA_F_DEPRECATED, EVTUN_ADDRESS_DEPRECATED },
	{ IFA_F_PERMANENT, EVTUN_ADDRESS_PERMANENT }
};
#define N_FLAGS (sizeof(flag_map) / sizeof(flag_map[0]))

/* ---- dumps ---- */

int
evtun_dump_(int netns, uint16_t type, unsigned index, mnl_cb_t cb,
    void *data, struct evtun_grown *grown)
{
	struct evtun_request req;
	int i, err;

	for (i = 0; i < EVTUN_DUMP_TRIES; i++) {
		grown->n = 0;
		evtun_request_begin_(&req, type, NLM_F_DUMP,
		    type == RTM_GETROUTE ? sizeof(struct rtmsg) :
		    sizeof(struct ifaddrmsg));
		evtun_request_narrow_(&req, index);
		if (evtun_request_do_(&req, netns, cb, data) == 0)
			return 0;
		/* libmnl's word for a dump that is not consistent. */
		if (errno != EINTR)
			break;
	}
	err = errno == EINTR ? EAGAIN : errno;
	free(grown->list);
	memset(grown, 0, sizeof(*grown));
	errno = err;
	return -1;
}

int
evtun_explain_dump_(int err, const char *step)
{
	if (err == EAGAIN)
		return evtun_fail_(err, step, "there were changes all the "
		    "time that it took: try again");
	return evtun_explain_link_(err, step);
}

/* ---- what the kernel has ---- */

/* IFA_ADDRESS is the peer, or the address itself if there is none; then IPv6
 * leaves IFA_LOCAL out. */
static int
parse_ends(const struct evtun_attrs *attrs, struct evtun_address *out)
{
	size_t size = evtun_address_size_(out->family);

	if (!evtun_copy_attr_(attrs, IFA_ADDRESS, out->peer, size))
		return -1;
	if (!evtun_copy_attr_(attrs, IFA_LOCAL, out->addr, size))
		memcpy(out->addr, out->peer, size);
	out->has_peer = memcmp(out->addr, out->peer, size) != 0;
	return 0;
}

static void
parse_details(const struct evtun_attrs *attrs, struct evtun_ifaddr *out)
{
	struct ifa_cacheinfo info;
	unsigned char proto;
	size_t i, n;

	for (i = 0; i < N_FLAGS; i++)
		if (out->system_flags & flag_map[i].theirs)
			out->flags |= flag_map[i].ours;
	/* With IPv6 the bit says that it is a temporary one. */
	if (out->at.family == AF_INET6)
		out->flags &= ~EVTUN_ADDRESS_SECONDARY;
	out->valid = out->preferred = EVTUN_FOREVER_;
	if (evtun_copy_attr_(attrs, IFA_CACHEINFO, &info, sizeof(info))) {
		out->valid = info.ifa_valid;
		out->preferred = info.ifa_prefered;
	}
	out->metric = evtun_get_attr_(attrs, IFA_RT_PRIORITY);
	out->has_broadcast = evtun_copy_attr_(attrs, IFA_BROADCAST,
	    out->broadcast, sizeof(out->broadcast));
	if (evtun_copy_attr_(attrs, IFA_PROTO, &proto, sizeof(proto)))
		out->protocol = proto;
	if (attrs->at[IFA_LABEL] == NULL)
		return;
	n = mnl_attr_get_payload_len(attrs->at[IFA_LABEL]);
	if (n < sizeof(out->label))
		memcpy(out->label, mnl_attr_get_payload(attrs->at[IFA_LABEL]),
		    n);
}

struct reading {
	unsigned index;
	struct evtun_grown *out;
};

static int
take_address(const struct nlmsghdr *nlh, void *data)
{
	struct reading *reading = data;
	const struct ifaddrmsg *ifa = mnl_nlmsg_get_payload(nlh);
	struct evtun_attrs attrs = { { NULL } };
	struct evtun_ifaddr *out;

	if (nlh->nlmsg_type != RTM_NEWADDR ||
	    ifa->ifa_index != reading->index ||
	    (ifa->ifa_family != AF_INET && ifa->ifa_family != AF_INET6))
		return MNL_CB_OK;
	if ((out = evtun_grow_(reading->out, sizeof(*out))) == NULL)
		return MNL_CB_ERROR;
	mnl_attr_parse(nlh, sizeof(*ifa), evtun_take_attr_, &attrs);
	out->at.family = ifa->ifa_family;
	out->at.prefix_len = ifa->ifa_prefixlen;
	out->scope = ifa->ifa_scope;
	out->system_flags = attrs.at[IFA_FLAGS] == NULL ? ifa->ifa_flags :
	    evtun_get_attr_(&attrs, IFA_FLAGS);
	if (parse_ends(&attrs, &out->at) < 0)
		reading->out->n--;
	else
		parse_details(&attrs, out);
	return MNL_CB_OK;
}

int
evtun_read_addresses_(int netns, unsigned index, struct evtun_grown *out)
{
	struct reading reading = { index, out };

	return evtun_dump_(netns, RTM_GETADDR, index, take_address, &reading,
	    out);
}

int
evtun_system_get_addresses_(struct evtun_link *link,
    struct evtun_ifaddr **list)
{
	struct evtun_grown all = { NULL, 0, 0 };

	if (evtun_read_addresses_(link->netns, link->facts.index, &all) < 0)
		return evtun_explain_dump_(errno, "get the addresses");
	*list = all.list;
	return (int)all.n;
}

/* ---- changes ---- */

static void
put_flags(struct nlmsghdr *nlh, struct ifaddrmsg *ifa,
    const struct evtun_ifaddr *addr)
{
	uint32_t flags = addr->system_flags;
	size_t i;

	for (i = 0; i < N_FLAGS; i++)
		if (addr->flags & flag_map[i].ours)
			flags |= flag_map[i].theirs;
	flags &= SETTABLE;
	ifa->ifa_flags = (unsigned char)flags;
	if (flags != 0)
		mnl_attr_put_u32(nlh, IFA_FLAGS, flags);
}

static void
put_details(struct nlmsghdr *nlh, struct ifaddrmsg *ifa,
    const struct evtun_ifaddr *addr)
{
	struct ifa_cacheinfo info;

	ifa->ifa_scope = (unsigned char)addr->scope;
	put_flags(nlh, ifa, addr);
	if (addr->has_broadcast)
		mnl_attr_put(nlh, IFA_BROADCAST, sizeof(addr->broadcast),
		    addr->broadcast);
	if (addr->metric != 0)
		mnl_attr_put_u32(nlh, IFA_RT_PRIORITY, addr->metric);
	if (addr->protocol != 0)
		mnl_attr_put_u8(nlh, IFA_PROTO, (uint8_t)addr->protocol);
	if (addr->label[0] != '\0')
		mnl_attr_put_strz(nlh, IFA_LABEL, addr->label);
	if (addr->valid == EVTUN_FOREVER_ && addr->preferred == EVTUN_FOREVER_)
		return;
	memset(&info, 0, sizeof(info));
	info.ifa_valid = addr->valid;
	info.ifa_prefered = addr->preferred;
	mnl_attr_put(nlh, IFA_CACHEINFO, sizeof(info), &info);
}

int
evtun_request_address_(int netns, unsigned index, uint16_t type,
    const struct evtun_ifaddr *addr)
{
	const struct evtun_address *at = &addr->at;
	size_t size = evtun_address_size_(at->family);
	struct evtun_request req;
	struct ifaddrmsg *ifa;
	uint16_t flags = NLM_F_ACK;

	if (type == RTM_NEWADDR)
		flags |= NLM_F_CREATE | NLM_F_EXCL;
	ifa = evtun_request_begin_(&req, type, flags, sizeof(*ifa));
	ifa->ifa_family = (unsigned char)at->family;
	ifa->ifa_prefixlen = (unsigned char)at->prefix_len;
	ifa->ifa_index = index;
	mnl_attr_put(req.nlh, IFA_LOCAL, size, at->addr);
	mnl_attr_put(req.nlh, IFA_ADDRESS, size, at->peer);
	if (type == RTM_NEWADDR)
		put_details(req.nlh, ifa, addr);
	return evtun_request_do_(&req, netns, NULL, NULL);
}

int
evtun_has_address_(int netns, unsigned index, const struct evtun_address *at)
{
	const struct evtun_ifaddr *list;
	struct evtun_grown all = { NULL, 0, 0 };
	int found = 0;
	size_t i;

	if (evtun_read_addresses_(netns, index, &all) < 0)
		return -1;
	list = all.list;
	for (i = 0; i < all.n && !found; i++)
		found = evtun_same_address_(&list[i].at, at);
	free(all.list);
	return found;
}

/* On failure, what counts is what is: somebody else was faster with the same
 * one, or it was the answer that was lost. */
int
evtun_add_ifaddr_(int netns, unsigned index, const struct evtun_ifaddr *addr)
{
	int err, found = evtun_has_address_(netns, index, &addr->at);

	if (found != 0)
		return found < 0 ? -1 : 0;
	if (evtun_request_address_(netns, index, RTM_NEWADDR, addr) == 0)
		return 0;
	err = errno;
	if (evtun_has_address_(netns, index, &addr->at) == 1)
		return 0;
	errno = err;
	return -1;
}

int
evtun_link_add_address_(int netns, unsigned index,
    const struct evtun_address *addr)
{
	struct evtun_ifaddr full;

	evtun_complete_ifaddr_(&full, addr);
	return evtun_add_ifaddr_(netns, index, &full);
}

int
evtun_explain_address_(int err, const struct evtun_address *addr, int mtu,
    const char *step)
{
	if (err == EEXIST)
		return evtun_fail_(EEXIST, step, "the interface has it with "
		    "another prefix length or peer: remove that first");
	if (err == EACCES && addr->family == AF_INET6)
		return evtun_fail_(EACCES, step, "IPv6 is disabled on the "
		    "interface: sysctl net.ipv6.conf.NAME.disable_ipv6=0");
	if (err == EINVAL && addr->family == AF_INET)
		return evtun_fail_(EINVAL, step, "the interface has one of "
		    "the same network with another scope");
	if (err == EINVAL && addr->family == AF_INET6 && mtu < 1280)
		return evtun_fail_(EINVAL, step, "IPv6 needs an MTU of 1280 "
		    "or more: evtun_set_mtu()");
	return evtun_explain_link_(err, step);
}

int
evtun_system_link_add_address_(struct evtun_link *link,
    const struct evtun_ifaddr *addr)
{
	if (evtun_add_ifaddr_(link->netns, link->facts.index, addr) == 0)
		return 0;
	return evtun_explain_address_(errno, &addr->at, link->facts.mtu,
	    "add the address");
}

int
evtun_system_link_del_address_(struct evtun_link *link,
    const struct evtun_address *addr)
{
	if (evtun_link_del_address_(link->netns, link->facts.index,
	    link->facts.promote, addr) == 0)
		return 0;
	return evtun_explain_link_(errno, "remove the address");
}
