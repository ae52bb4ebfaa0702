/*
 * The addresses of an interface: evtun/link.h.
 */
#include "config.h"

#include <sys/types.h>
#include <sys/socket.h>
#include <netinet/in.h>
#include <arpa/inet.h>

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "evtun/link.h"
#include "error-internal.h"
#include "tun/address-internal.h"
#include "tun/link-internal.h"

/* ---- which is which ---- */

static int
compare_numbers(unsigned a, unsigned b)
{
	return (a > b) - (a < b);
}

/* By the first bits. */
static int
compare_prefixes(const unsigned char *a, const unsigned char *b, unsigned len)
{
	int r = memcmp(a, b, len / 8);
	unsigned mask = 0xff00U >> len % 8 & 0xff;

	if (r != 0 || mask == 0)
		return r;
	return compare_numbers(a[len / 8] & mask, b[len / 8] & mask);
}

/* An interface has an IPv6 address once, and an IPv4 address once for each
 * network that it is in. */
int
evtun_compare_addresses_(const struct evtun_address *a,
    const struct evtun_address *b)
{
	int r;

	if (a->family != b->family)
		return a->family == AF_INET ? -1 : 1;
	if ((r = memcmp(a->addr, b->addr, sizeof(a->addr))) != 0 ||
	    a->family == AF_INET6)
		return r;
	if ((r = compare_numbers(a->prefix_len, b->prefix_len)) != 0)
		return r;
	return compare_prefixes(a->peer, b->peer, a->prefix_len);
}

int
evtun_same_address_(const struct evtun_address *a,
    const struct evtun_address *b)
{
	return a->family == b->family && a->prefix_len == b->prefix_len &&
	    memcmp(a->addr, b->addr, sizeof(a->addr)) == 0 &&
	    memcmp(a->peer, b->peer, sizeof(a->peer)) == 0;
}

static int
compare_refs(const void *a, const void *b)
{
	const struct evtun_ifaddr_ref *left = a, *right = b;

	return evtun_compare_addresses_(&left->addr->at, &right->addr->at);
}

struct evtun_ifaddr_ref *
evtun_sort_ifaddrs_(const struct evtun_ifaddr *list, size_t n)
{
	struct evtun_ifaddr_ref *sorted;
	size_t i;

	if ((sorted = calloc(n + 1, sizeof(*sorted))) == NULL)
		return NULL;
	for (i = 0; i < n; i++)
		sorted[i].addr = &list[i];
	qsort(sorted, n, sizeof(*sorted), compare_refs);
	return sorted;
}

static int
compare_key(const void *key, const void *entry)
{
	const struct evtun_ifaddr_ref *have = entry;

	return evtun_compare_addresses_(key, &have->addr->at);
}

const struct evtun_ifaddr *
evtun_find_ifaddr_(const struct evtun_ifaddr_ref *sorted, size_t n,
    const struct evtun_address *at)
{
	const struct evtun_ifaddr_ref *found = bsearch(at, sorted, n,
	    sizeof(*sorted), compare_key);

	return found == NULL ? NULL : found->addr;
}

/* ---- to tell them ---- */

/* An address, and the strings that it points to. */
struct strings {
	char addr[INET6_ADDRSTRLEN + sizeof("/128")];
	char peer[INET6_ADDRSTRLEN];
	char broadcast[INET_ADDRSTRLEN];
};

static const char *
print_host(int family, const unsigned char *addr, char *out, size_t size)
{
	return inet_ntop(family, addr, out, (socklen_t)size);
}

/* Seconds that are left: less than one is one. */
static ev_uint32_t
tell_lifetime(ev_uint32_t seconds, int is_over)
{
	if (seconds == EVTUN_FOREVER_ || is_over)
		return 0;
	return seconds == 0 ? 1 : seconds;
}

static void
tell(struct evtun_link_address *out, struct strings *s,
    const struct evtun_ifaddr *in)
{
	const struct evtun_address *at = &in->at;
	size_t n;

	print_host(at->family, at->addr, s->addr, sizeof(s->addr));
	n = strlen(s->addr);
	snprintf(s->addr + n, sizeof(s->addr) - n, "/%u", at->prefix_len);
	memset(out, 0, sizeof(*out));
	out->addr = s->addr;
	if (at->has_peer)
		out->peer = print_host(at->family, at->peer, s->peer,
		    sizeof(s->peer));
	if (in->has_broadcast)
		out->broadcast = print_host(AF_INET, in->broadcast,
		    s->broadcast, sizeof(s->broadcast));
	out->scope = in->scope;
	out->flags = in->flags;
	out->metric = in->metric;
	out->valid = tell_lifetime(in->valid, 0);
	out->preferred = tell_lifetime(in->preferred,
	    in->flags & EVTUN_ADDRESS_DEPRECATED);
}

/* One block, so that one free() does. */
static struct evtun_link_address *
tell_all(const struct evtun_ifaddr *list, size_t n)
{
	struct evtun_link_address *out;
	struct strings *strings;
	size_t i;

	out = calloc(n, sizeof(*out) + sizeof(*strings));
	if (out == NULL)
		return NULL;
	strings = (struct strings *)(out + n);
	for (i = 0; i < n; i++)
		tell(&out[i], &strings[i], &list[i]);
	return out;
}

int
evtun_link_get_addresses(struct evtun_link *link,
    struct evtun_link_address **list)
{
	static const char step[] = "get the addresses";
	struct evtun_ifaddr *have;
	int n;

	*list = NULL;
	if (evtun_link_refresh_(link, step) < 0 ||
	    (n = evtun_system_get_addresses_(link, &have)) < 0)
		return -1;
	if (n > 0 && (*list = tell_all(have, (size_t)n)) == NULL)
		n = evtun_fail_(ENOMEM, step, NULL);
	free(have);
	return n;
}

void
evtun_link_free_list(void *list)
{
	free(list);
}

/* ---- to change them ---- */

int
evtun_link_add_address(struct evtun_link *link,
    const struct evtun_link_address *addr)
{
	struct evtun_ifaddr parsed;

	if (evtun_parse_ifaddr_(&parsed, addr) < 0 ||
	    evtun_link_refresh_(link, "add the address") < 0)
		return -1;
	return evtun_system_link_add_address_(link, &parsed);
}

int
evtun_link_del_address(struct evtun_link *link,
    const struct evtun_link_address *addr)
{
	struct evtun_address parsed;

	if (evtun_parse_ifaddr_key_(&parsed, addr) < 0 ||
	    evtun_link_refresh_(link, "remove the address") < 0)
		return -1;
	return evtun_system_link_del_address_(link, &parsed);
}

static int
check_twice(const struct evtun_ifaddr *list, size_t n)
{
	static const char step[] = "check the addresses";
	struct evtun_ifaddr_ref *sorted = evtun_sort_ifaddrs_(list, n);
	size_t i = 1;

	if (sorted == NULL)
		return evtun_fail_(ENOMEM, step, NULL);
	while (i < n && compare_refs(&sorted[i - 1], &sorted[i]) != 0)
		i++;
	free(sorted);
	return i >= n ? 0 : evtun_fail_(EINVAL, step,
	    "two of them are the same, or differ in what one interface "
	    "cannot have both of");
}

struct evtun_ifaddr *
evtun_parse_ifaddrs_(const struct evtun_link_address *list, size_t n)
{
	struct evtun_ifaddr *parsed = calloc(n + 1, sizeof(*parsed));
	size_t i = 0;

	if (parsed == NULL) {
		evtun_fail_(ENOMEM, "check the addresses", NULL);
		return NULL;
	}
	while (i < n && evtun_parse_ifaddr_(&parsed[i], &list[i]) == 0)
		i++;
	if (i == n && check_twice(parsed, n) == 0)
		return parsed;
	free(parsed);
	return NULL;
}

int
evtun_link_set_addresses(struct evtun_link *link,
    const struct evtun_link_address *list, size_t n)
{
	struct evtun_ifaddr *parsed;
	int r = -1;

	if (list == NULL && n > 0)
		return evtun_fail_(EINVAL, "check the addresses",
		    "there is no list");
	if (n > INT_MAX)
		return evtun_fail_(EINVAL, "check the addresses",
		    "that is no number of addresses");
	if ((parsed = evtun_parse_ifaddrs_(list, n)) == NULL)
		return -1;
	if (evtun_link_refresh_(link, "set the addresses") == 0)
		r = evtun_system_set_addresses_(link, parsed, n, 0);
	free(parsed);
	return r;
}
