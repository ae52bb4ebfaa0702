/*
 * Telling the kernel back what addresses and routes an interface had.
 */
#include "config.h"

#include <sys/socket.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <linux/if_addr.h>
#include <linux/rtnetlink.h>

#include "evtun/link.h"
#include "tun/config-internal.h"
#include "tun/link-internal.h"
#include "tun/netlink-internal.h"
#include "tun/rtnetlink-internal.h"
#include "tun/snapshot-internal.h"

static int
tell(const struct evtun_link *link, const struct nlmsghdr *nlh, uint16_t type,
    uint16_t flags)
{
	struct nlmsghdr *copy = malloc(nlh->nlmsg_len);
	struct evtun_request req;
	int r, err;

	if (copy == NULL)
		return -1;
	memcpy(copy, nlh, nlh->nlmsg_len);
	/* For its header alone: a message may be longer than a request. */
	evtun_request_begin_(&req, type, (uint16_t)(NLM_F_ACK | flags), 0);
	copy->nlmsg_type = req.nlh->nlmsg_type;
	copy->nlmsg_flags = req.nlh->nlmsg_flags;
	copy->nlmsg_seq = req.nlh->nlmsg_seq;
	copy->nlmsg_pid = 0;
	req.nlh = copy;
	r = evtun_request_do_(&req, link->netns, NULL, NULL);
	err = errno;
	free(copy);
	errno = err;
	return r;
}

struct key {
	unsigned char family, prefix_len;
	unsigned char local[16], address[16];
};

static void
get_key(const struct nlmsghdr *nlh, struct key *key)
{
	const struct ifaddrmsg *ifa = mnl_nlmsg_get_payload(nlh);
	size_t size = evtun_address_size_(ifa->ifa_family);
	struct evtun_attrs attrs;

	memset(key, 0, sizeof(*key));
	memset(&attrs, 0, sizeof(attrs));
	key->family = ifa->ifa_family;
	key->prefix_len = ifa->ifa_prefixlen;
	mnl_attr_parse(nlh, sizeof(*ifa), evtun_take_attr_, &attrs);
	evtun_copy_attr_(&attrs, IFA_LOCAL, key->local, size);
	evtun_copy_attr_(&attrs, IFA_ADDRESS, key->address, size);
}

static int
is_same_address(const struct nlmsghdr *a, const struct nlmsghdr *b)
{
	struct key key_a, key_b;

	get_key(a, &key_a);
	get_key(b, &key_b);
	return memcmp(&key_a, &key_b, sizeof(key_a)) == 0;
}

static int
is_same_route(const struct nlmsghdr *a, const struct nlmsghdr *b)
{
	return a->nlmsg_len == b->nlmsg_len &&
	    memcmp(mnl_nlmsg_get_payload(a), mnl_nlmsg_get_payload(b),
	    mnl_nlmsg_get_payload_len(a)) == 0;
}

static int
is_in(const struct evtun_messages *list, const struct nlmsghdr *wanted,
    int (*is_same)(const struct nlmsghdr *, const struct nlmsghdr *))
{
	size_t i;

	for (i = 0; i < list->all.n; i++)
		if (is_same(evtun_get_message_(list, i), wanted))
			return 1;
	return 0;
}

static int
family_of(const struct nlmsghdr *nlh)
{
	return *(const unsigned char *)mnl_nlmsg_get_payload(nlh);
}

/* How many IPv4 addresses from the first on, which is the oldest, or of IPv6
 * from the last on, are the same and in the same place.  What comes after one
 * that has gone is put back anew: the kernel keeps them in the order in which
 * they came. */
static size_t
count_same(const struct evtun_messages *was, const struct evtun_messages *is,
    int family)
{
	size_t n = 0, i, j;

	while (n < was->all.n && n < is->all.n) {
		i = family == AF_INET ? n : was->all.n - 1 - n;
		j = family == AF_INET ? n : is->all.n - 1 - n;
		if (family_of(evtun_get_message_(was, i)) != family ||
		    !is_same_address(evtun_get_message_(was, i),
		    evtun_get_message_(is, j)))
			break;
		n++;
	}
	return n;
}

static int
remove_one(const struct nlmsghdr *nlh, const struct evtun_link *link)
{
	return tell(link, nlh, RTM_DELADDR, 0) < 0 && errno != EADDRNOTAVAIL ?
	    -1 : 0;
}

/* The last is removed first: others may depend on the first. */
static int
remove_new(const struct evtun_messages *was, const struct evtun_messages *is,
    const struct evtun_link *link)
{
	size_t i = is->all.n;
	int r = 0;

	while (i-- > 0)
		if (!is_in(was, evtun_get_message_(is, i), is_same_address) &&
		    remove_one(evtun_get_message_(is, i), link) < 0)
			r = -1;
	return r;
}

static int
remove_displaced(const struct evtun_messages *was,
    const struct evtun_messages *is, const struct evtun_link *link)
{
	size_t i = is->all.n, from = count_same(was, is, AF_INET);
	size_t to = is->all.n - count_same(was, is, AF_INET6);
	int r = 0;

	while (i-- > from)
		if (i < to && remove_one(evtun_get_message_(is, i), link) < 0)
			r = -1;
	return r;
}

static int
add_back(const struct evtun_messages *is, const struct nlmsghdr *nlh,
    const struct evtun_link *link)
{
	if (is_in(is, nlh, is_same_address) ||
	    tell(link, nlh, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL) == 0 ||
	    errno == EEXIST)
		return 0;
	return -1;
}

static int
add_addresses(const struct evtun_messages *was,
    const struct evtun_messages *is, const struct evtun_link *link)
{
	const struct nlmsghdr *nlh;
	size_t i;
	int r = 0;

	for (i = 0; i < was->all.n; i++) {
		nlh = evtun_get_message_(was, i);
		if (family_of(nlh) == AF_INET && add_back(is, nlh, link) < 0)
			r = -1;
	}
	while (i-- > 0) {
		nlh = evtun_get_message_(was, i);
		if (family_of(nlh) != AF_INET && add_back(is, nlh, link) < 0)
			r = -1;
	}
	return r;
}

/* The kernel's own too: of some addresses it makes more when they are put back
 * than when they were there as the interface came up. */
static int
remove_routes(const struct evtun_messages *was,
    const struct evtun_messages *is, const struct evtun_link *link)
{
	const struct nlmsghdr *nlh;
	size_t i;
	int r = 0;

	for (i = 0; i < is->all.n; i++) {
		nlh = evtun_get_message_(is, i);
		if (!is_in(was, nlh, is_same_route) &&
		    tell(link, nlh, RTM_DELROUTE, 0) < 0 && errno != ESRCH)
			r = -1;
	}
	return r;
}

/* Return how many were added, and with *left how many could not. */
static size_t
add_routes_once(const struct evtun_messages *was,
    const struct evtun_messages *is, const struct evtun_link *link,
    size_t *left)
{
	const struct nlmsghdr *nlh;
	size_t i, n = 0;

	*left = 0;
	for (i = 0; i < was->all.n; i++) {
		nlh = evtun_get_message_(was, i);
		if (is_in(is, nlh, is_same_route))
			continue;
		if (tell(link, nlh, RTM_NEWROUTE, NLM_F_CREATE) == 0)
			n++;
		else if (errno != EEXIST)
			++*left;
	}
	return n;
}

/* A router may be behind another route. */
static int
add_routes(const struct evtun_messages *was, struct evtun_messages *is,
    const struct evtun_link *link)
{
	size_t left, n;

	do {
		n = add_routes_once(was, is, link, &left);
		if (left == 0)
			return 0;
		if (evtun_read_route_messages_(link, is) < 0)
			return -1;
	} while (n > 0);
	return -1;
}

static int
restore_addresses(const struct evtun_messages *was,
    const struct evtun_link *link, struct evtun_messages *is)
{
	if (evtun_read_address_messages_(link, is) < 0 ||
	    remove_new(was, is, link) < 0 ||
	    evtun_read_address_messages_(link, is) < 0 ||
	    remove_displaced(was, is, link) < 0 ||
	    evtun_read_address_messages_(link, is) < 0)
		return -1;
	return add_addresses(was, is, link);
}

static int
restore_routes(const struct evtun_messages *was,
    const struct evtun_link *link, struct evtun_messages *is)
{
	int r;

	if (evtun_read_route_messages_(link, is) < 0)
		return -1;
	r = remove_routes(was, is, link);
	return add_routes(was, is, link) < 0 ? -1 : r;
}

int
evtun_snapshot_restore_(const struct evtun_snapshot *snapshot,
    const struct evtun_link *link)
{
	struct evtun_messages is = { { NULL, 0, 0 } };
	int r = restore_addresses(&snapshot->addresses, link, &is);

	if (restore_routes(&snapshot->routes, link, &is) < 0)
		r = -1;
	evtun_free_messages_(&is);
	return r;
}
