#ifndef EVTUN_RTNETLINK_INTERNAL_H_INCLUDED_
#define EVTUN_RTNETLINK_INTERNAL_H_INCLUDED_
/*
 * What the files for addresses and routes share.
 */
#include <stdint.h>
#include <string.h>

#include "tun/address-internal.h"
#include "tun/netlink-internal.h"

/* Above IFA_MAX and RTA_MAX. */
#define EVTUN_N_ATTRS 64

/* The attributes of a message, by type. */
struct evtun_attrs {
	const struct nlattr *at[EVTUN_N_ATTRS];
};

/* To parse with, into one that is all zero. */
static inline int
evtun_take_attr_(const struct nlattr *attr, void *data)
{
	struct evtun_attrs *attrs = data;

	if (mnl_attr_get_type(attr) < EVTUN_N_ATTRS)
		attrs->at[mnl_attr_get_type(attr)] = attr;
	return MNL_CB_OK;
}

/* Copy one of exactly that size: whether there is one. */
static inline int
evtun_copy_attr_(const struct evtun_attrs *attrs, int type, void *out,
    size_t size)
{
	const struct nlattr *attr = attrs->at[type];

	if (attr == NULL || mnl_attr_get_payload_len(attr) != size)
		return 0;
	memcpy(out, mnl_attr_get_payload(attr), size);
	return 1;
}

/* 0 if there is none. */
static inline uint32_t
evtun_get_attr_(const struct evtun_attrs *attrs, int type)
{
	uint32_t value = 0;

	evtun_copy_attr_(attrs, type, &value, sizeof(value));
	return value;
}

/* How many bytes an address has. */
static inline size_t
evtun_address_size_(int family)
{
	return family == AF_INET ? 4 : 16;
}

/* An array that grows. */
struct evtun_grown {
	void *list;
	size_t n;
	size_t room;
};

/* grow_linux.c: room for one more, all zero; or NULL with errno. */
void *evtun_grow_(struct evtun_grown *grown, size_t size);

/*
 * address_linux.c: these return -1 with errno and no text.
 */
/* Dump the addresses or routes (RTM_GETADDR, RTM_GETROUTE) of an interface,
 * and maybe of others, into an array that begins again where changes came
 * between; on failure there is none. */
int evtun_dump_(int netns, uint16_t type, unsigned index, mnl_cb_t cb,
    void *data, struct evtun_grown *grown);
/* RTM_NEWADDR or RTM_DELADDR. */
int evtun_request_address_(int netns, unsigned index, uint16_t type,
    const struct evtun_ifaddr *addr);
/* All of an interface, into what is empty. */
int evtun_read_addresses_(int netns, unsigned index,
    struct evtun_grown *out);
/* Whether it has that one: 0 or 1, or -1. */
int evtun_has_address_(int netns, unsigned index,
    const struct evtun_address *at);
/* Add one, unless it is there. */
int evtun_add_ifaddr_(int netns, unsigned index,
    const struct evtun_ifaddr *addr);
/* evtun_fail_() with the cure: of what could not be read, and not added. */
int evtun_explain_dump_(int err, const char *step);
int evtun_explain_address_(int err, const struct evtun_address *addr, int mtu,
    const char *step);

/*
 * route_linux.c
 */
struct rtmsg;
struct rtnexthop;

/* What a message says of a route, but for its next hop. */
void evtun_parse_route_message_(const struct rtmsg *rtm,
    const struct evtun_attrs *attrs, struct evtun_route *out);
void evtun_parse_router_(const struct evtun_attrs *attrs,
    struct evtun_route *out);
/* The next hops of RTA_MULTIPATH, to be walked over. */
struct evtun_hops {
	const char *at;
	size_t left;
};
struct evtun_hops evtun_get_hops_(const struct nlattr *attr);
/* NULL at the end. */
const struct rtnexthop *evtun_next_hop_(struct evtun_hops *hops);
int evtun_same_key_(const struct evtun_route *have,
    const struct evtun_route *want);
/* RTM_NEWROUTE or RTM_DELROUTE, as it stands; -1 with errno and no text. */
int evtun_request_route_(const struct evtun_link *link, uint16_t type,
    uint16_t flags, const struct evtun_route *route);

/*
 * route_hops_linux.c: -1 with errno and no text; ENOTSUP if there are too
 * many.
 */
int evtun_remove_hop_(const struct evtun_link *link,
    const struct evtun_route *route);

#endif /* EVTUN_RTNETLINK_INTERNAL_H_INCLUDED_ */
