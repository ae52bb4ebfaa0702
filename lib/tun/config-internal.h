#ifndef EVTUN_CONFIG_INTERNAL_H_INCLUDED_
#define EVTUN_CONFIG_INTERNAL_H_INCLUDED_
/*
 * What is collected before a device is opened or configured.
 */
#include <stddef.h>

#include <event2/util.h>

#include "evtun/config.h"
#include "evtun/link.h"
#include "tun/system-internal.h"

/* Below it an interface has no IPv6: RFC 8200. */
#define EVTUN_IPV6_MTU_MIN_ 1280

/* What is set, and is left as it is else. */
enum evtun_config_bits {
	EVTUN_CONFIG_NETNS_ = (1<<0),
	EVTUN_CONFIG_INDEX_ = (1<<1),
	EVTUN_CONFIG_NAPI_ = (1<<2),
	EVTUN_CONFIG_HEADER_ = (1<<3),
	EVTUN_CONFIG_NO_CARRIER_ = (1<<4),
	EVTUN_CONFIG_OWNER_ = (1<<5),
	EVTUN_CONFIG_SNDBUF_ = (1<<6),
	EVTUN_CONFIG_ALIAS_ = (1<<7),
	EVTUN_CONFIG_ALTNAMES_ = (1<<8),
	EVTUN_CONFIG_MTU_ = (1<<9),
	EVTUN_CONFIG_HWADDR_ = (1<<10),
	EVTUN_CONFIG_TXQUEUELEN_ = (1<<11),
	EVTUN_CONFIG_GROUP_ = (1<<12),
	EVTUN_CONFIG_ADDRGEN_ = (1<<13),
	EVTUN_CONFIG_UP_ = (1<<14),
	EVTUN_CONFIG_ADDRESSES_ = (1<<15),
	EVTUN_CONFIG_EXACT_ = (1<<16),
	EVTUN_CONFIG_ROUTES_ = (1<<17),
	/* Not from a config, but from EVTUN_OPT_PERSIST. */
	EVTUN_CONFIG_PERSIST_ = (1<<18)
};

/* What can only be chosen when a device is opened; and what can only be told
 * through its descriptor. */
#define EVTUN_CONFIG_OPENING_ (EVTUN_CONFIG_NETNS_ | EVTUN_CONFIG_INDEX_ | \
	EVTUN_CONFIG_NAPI_ | EVTUN_CONFIG_HEADER_ | EVTUN_CONFIG_NO_CARRIER_)
#define EVTUN_CONFIG_DEVICE_ (EVTUN_CONFIG_OWNER_ | EVTUN_CONFIG_SNDBUF_)

/* How a device is opened. */
struct evtun_opening {
	int netns;		/* -1: that of the caller */
	unsigned index;		/* 0: any */
	enum evtun_napi napi;
	int header_size;	/* 0: any */
	enum evtun_byte_order order;
	int no_carrier;
	/* Whether it is new is to be found out: then the system fills in the
	 * rest. */
	int is_asked;
	int is_new;
	/* The system's flags that it had, or -1. */
	int flags_before;
};
#define EVTUN_OPENING_INIT_ { -1, 0, EVTUN_NAPI_OFF, 0, EVTUN_ORDER_NATIVE, \
	0, 0, 0, -1 }

struct evtun_config {
	unsigned set;			/* EVTUN_CONFIG_* bits */
	struct evtun_opening opening;	/* netns is ours */
	long uid, gid;
	int sndbuf;
	char *alias;
	char **altnames;
	size_t n_altnames;
	int mtu;
	ev_uint8_t hwaddr[6];
	long txqueuelen;
	long group;
	enum evtun_addrgen addrgen;
	int up;
	/* The strings are ours. */
	struct evtun_link_address *addresses;
	size_t n_addresses;
	struct evtun_link_route *routes;
	size_t n_routes;
};

/* tun.c: open a device, after the options and the name were checked; NULL
 * after evtun_fail_(). */
struct evtun *evtun_open_(const char *name, int options,
    struct evtun_opening *how);
/* Close what evtun_open_() has opened a moment ago, and free it: the interface
 * is as it was before. */
void evtun_abandon_(struct evtun *tun, const struct evtun_opening *how);

/*
 * transaction.c: make an interface what a config says, or leave it as it is,
 * after evtun_fail_().  tun is NULL if it is not a device of ours; what is is
 * EVTUN_CONFIG_* bits of what to do; an interface that is_new needs not be
 * put back.
 */
int evtun_configure_(struct evtun *tun, struct evtun_link *link,
    const struct evtun_config *cfg, unsigned what, int is_new);

/*
 * One file per system.
 */
/* Undo evtun_system_open_(). */
void evtun_system_abandon_(struct evtun *tun,
    const struct evtun_opening *how);

/* The interface of a device is in the namespace now, whose descriptor becomes
 * ours; -1 for that of the caller. */
void evtun_system_moved_(struct evtun *tun, int netns, unsigned index);

/* All addresses of an interface, and the routes through it, as the system
 * knows them; NULL after evtun_fail_(). */
struct evtun_snapshot;
struct evtun_snapshot *evtun_snapshot_take_(const struct evtun_link *link);
/* NULL does nothing. */
void evtun_snapshot_free_(struct evtun_snapshot *snapshot);
/* Make them what they were then: 0, or -1 with errno. */
int evtun_snapshot_restore_(const struct evtun_snapshot *snapshot,
    const struct evtun_link *link);

#endif /* EVTUN_CONFIG_INTERNAL_H_INCLUDED_ */
