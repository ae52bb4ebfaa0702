#ifndef EVTUN_ADDRESS_INTERNAL_H_INCLUDED_
#define EVTUN_ADDRESS_INTERNAL_H_INCLUDED_
/*
 * Addresses and routes of interfaces, parsed.
 */
#include <stddef.h>

#include <event2/util.h>

#include "evtun/link.h"
#include "tun/system-internal.h"

/* Seconds that do not end. */
#define EVTUN_FOREVER_ 0xffffffffU

/* An address with its details. */
struct evtun_ifaddr {
	struct evtun_address at;
	int has_broadcast;
	unsigned char broadcast[4];
	int scope;
	int flags;			/* EVTUN_ADDRESS_* */
	ev_uint32_t metric;
	ev_uint32_t valid;
	ev_uint32_t preferred;
	/* What else the system knows of one that it has, so that it can be put
	 * back as it was; all zero in one that is new. */
	ev_uint32_t system_flags;
	int protocol;
	char label[EVTUN_NAME_SIZE];
};

struct evtun_route {
	int family;
	unsigned prefix_len;
	unsigned char to[16];
	/* AF_INET or AF_INET6; 0 is none. */
	int via_family;
	unsigned char via[16];
	int has_source;
	unsigned char source[16];
	/* 0 is the usual, as in struct evtun_link_route. */
	ev_uint32_t metric;
	ev_uint32_t table;
	ev_uint32_t mtu;
	int scope;
	int protocol;
	/* Of one that the system has: the rest of its key, the number of its
	 * next hop object, whether the router is taken to be on the link, and
	 * how many next hops the route has. */
	int tos;
	ev_uint32_t hop_object;
	int is_onlink;
	size_t n_hops;
};

/*
 * address.c: these return 0, or -1 after evtun_fail_().
 */
int evtun_parse_ifaddr_(struct evtun_ifaddr *out,
    const struct evtun_link_address *in);
/* One with the usual details. */
void evtun_complete_ifaddr_(struct evtun_ifaddr *out,
    const struct evtun_address *at);
/* To remove one: the address, the prefix length and the peer only. */
int evtun_parse_ifaddr_key_(struct evtun_address *out,
    const struct evtun_link_address *in);
int evtun_parse_route_(struct evtun_route *out,
    const struct evtun_link_route *in);

/*
 * link_address.c
 */
/* Order them; 0 means that one interface cannot have both. */
int evtun_compare_addresses_(const struct evtun_address *a,
    const struct evtun_address *b);
int evtun_same_address_(const struct evtun_address *a,
    const struct evtun_address *b);
/* One of a list that is in another order. */
struct evtun_ifaddr_ref {
	const struct evtun_ifaddr *addr;
};
/* References to n of them in that order, to be freed; or NULL with errno. */
struct evtun_ifaddr_ref *evtun_sort_ifaddrs_(const struct evtun_ifaddr *list,
    size_t n);
/* The one that an interface cannot have besides this, or NULL. */
const struct evtun_ifaddr *evtun_find_ifaddr_(
    const struct evtun_ifaddr_ref *sorted, size_t n,
    const struct evtun_address *at);
/* Parse n, no two of which are in each other's way; to be freed. */
struct evtun_ifaddr *evtun_parse_ifaddrs_(
    const struct evtun_link_address *list, size_t n);

/*
 * One file per system.  The link has just been asked; all return -1 after
 * evtun_fail_().
 */
/* All of the interface, in an array to be freed: how many. */
int evtun_system_get_addresses_(struct evtun_link *link,
    struct evtun_ifaddr **list);
int evtun_system_link_add_address_(struct evtun_link *link,
    const struct evtun_ifaddr *addr);
int evtun_system_link_del_address_(struct evtun_link *link,
    const struct evtun_address *addr);
/* No two are in each other's way.  With all, those of IPv6 that are local to
 * the link go as well if they are not in the list. */
int evtun_system_set_addresses_(struct evtun_link *link,
    const struct evtun_ifaddr *list, size_t n, int all);

/* All unicast routes through the interface: how many. */
int evtun_system_get_routes_(struct evtun_link *link,
    struct evtun_route **list);
int evtun_system_add_route_(struct evtun_link *link,
    const struct evtun_route *route);
int evtun_system_replace_route_(struct evtun_link *link,
    const struct evtun_route *route);
int evtun_system_del_route_(struct evtun_link *link,
    const struct evtun_route *route);

#endif /* EVTUN_ADDRESS_INTERNAL_H_INCLUDED_ */
