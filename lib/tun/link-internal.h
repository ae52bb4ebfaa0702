#ifndef EVTUN_LINK_INTERNAL_H_INCLUDED_
#define EVTUN_LINK_INTERNAL_H_INCLUDED_
/*
 * What the files behind evtun/link.h share.
 */
#include <stdatomic.h>

#include <event2/util.h>

#include "evtun/link.h"
#include "tun/system-internal.h"

/* The longest hardware address and description (Linux: MAX_ADDR_LEN of
 * linux/netdevice.h, IFALIASZ of linux/if_link.h). */
#define EVTUN_HWADDR_MAX 32
#define EVTUN_ALIAS_SIZE 256

/* What the system says of an interface. */
struct evtun_facts {
	unsigned index;
	char name[EVTUN_NAME_SIZE];
	unsigned flags;			/* IFF_UP and the like */
	int hw_type;			/* ARPHRD_* */
	unsigned char hwaddr[EVTUN_HWADDR_MAX];
	size_t hwaddr_len;
	int mtu;
	ev_uint32_t txqueuelen;
	ev_uint32_t link_group;
	int carrier;
	/* EVTUN_ADDRGEN_*, which are the kernel's; -1 if not told. */
	int addrgen;
	char alias[EVTUN_ALIAS_SIZE];
	ev_uint64_t counts[EVTUN_LINK_N_COUNTS];
	/* net.ipv4.conf.NAME.promote_secondaries; -1 if not told. */
	int promote;
	/* It is a TUN or TAP device. */
	int is_tun;
	/* The rest is known, and owner and group are -1 if there is none. */
	int has_details;
	int type;			/* IFF_TUN or IFF_TAP */
	int packet_info;
	int vnet_hdr;
	int persist;
	int multi_queue;
	unsigned queues;		/* attached and detached ones */
	unsigned detached;
	ev_int64_t owner;
	ev_int64_t group;
};

struct evtun_link {
	/* A descriptor, ours, or -1 for the namespace of the caller. */
	int netns;
	/* How many links of a list have that descriptor in common; NULL if
	 * it is this one's alone. */
	atomic_int *sharers;
	/* Which one that was then, as device and inode; 0 if not known.  An
	 * index means nothing in another one. */
	ev_uint64_t home[2];
	struct evtun_facts facts;
	/* Pointers, and the strings behind them, in one block; or NULL. */
	char **altnames;
	size_t n_altnames;
};

/*
 * link.c: these return -1 or NULL after evtun_fail_().
 */
/* A link with nothing in it yet, but for the namespace. */
struct evtun_link *evtun_link_allocate_(int netns);
/* The same in the namespace of another one, whose descriptor they share. */
struct evtun_link *evtun_link_allocate_beside_(struct evtun_link *other);
/* Ask again; ENXIO if it is gone. */
int evtun_link_refresh_(struct evtun_link *link, const char *step);
/* It is in another namespace now (-1: the caller's), which becomes its own,
 * and has that index. */
void evtun_link_enter_(struct evtun_link *link, int netns, unsigned index);

/*
 * check.c: -1 after evtun_fail_(EINVAL) for what no interface could have.
 */
/* For evtun_new() a name may be a pattern or, to leave the choice to the
 * system, NULL or "". */
int evtun_check_name_(const char *name, int may_choose);
int evtun_check_altname_(const char *name);
/* One that somebody else may have given. */
int evtun_check_any_name_(const char *name);
int evtun_check_alias_(const char *alias);	/* NULL is "" */
int evtun_check_mtu_(int mtu);
int evtun_check_hwaddr_(const ev_uint8_t addr[6]);
int evtun_check_txqueuelen_(long packets);
int evtun_check_group_(long group);
int evtun_check_addrgen_(int mode);
int evtun_check_owner_(long uid, long gid);
/* A descriptor, or -1 for the caller's. */
int evtun_check_netns_(int netns);

/*
 * One file per system.  Fill in a link, by name or, if that is NULL, by
 * index; return -1 with errno and no text, ENODEV if there is none.
 */
int evtun_system_link_read_(struct evtun_link *link, const char *name,
    unsigned index);
/* The interface of a device: after evtun_fail_(). */
int evtun_system_link_of_tun_(struct evtun_link *link, struct evtun *tun);
/* Of EVTUN_LINK_* flags, all. */
int evtun_system_link_flags_(const struct evtun_facts *facts);
enum evtun_link_kind evtun_system_link_kind_(const struct evtun_facts *facts);
/* Of a link's namespace, a descriptor for the caller; after evtun_fail_(). */
int evtun_system_link_netns_(const struct evtun_link *link);
/* Remember which namespace -1 is. */
void evtun_system_link_home_(struct evtun_link *link);

/*
 * Namespaces: a descriptor, closed on exec, or -1 after evtun_fail_().
 */
/* By name or path; NULL is the caller's. */
int evtun_system_netns_open_(const char *name);
int evtun_system_netns_open_pid_(long pid);
/* Another one of the same, -1 being the caller's; EINVAL if it is none. */
int evtun_system_netns_copy_(int netns);

/*
 * Settings, of an interface in a namespace that is as the facts say and lacks
 * them: after evtun_fail_().
 */
int evtun_system_link_set_name_(int netns, const struct evtun_facts *facts,
    const char *name);
int evtun_system_link_set_alias_(int netns, const struct evtun_facts *facts,
    const char *alias);
int evtun_system_link_set_altname_(int netns, const struct evtun_facts *facts,
    const char *name, int has);
int evtun_system_link_set_mtu_(int netns, const struct evtun_facts *facts,
    int mtu);
/* Those of EVTUN_LINK_* that can be set, up among them. */
int evtun_system_link_set_flags_(int netns, const struct evtun_facts *facts,
    const char *step, int flags, int mask);
int evtun_system_link_is_ethernet_(const struct evtun_facts *facts);
int evtun_system_link_set_hwaddr_(int netns, const struct evtun_facts *facts,
    const ev_uint8_t addr[6]);
int evtun_system_link_set_txqueuelen_(int netns,
    const struct evtun_facts *facts, long packets);
int evtun_system_link_set_group_(int netns, const struct evtun_facts *facts,
    long group);
int evtun_system_link_set_carrier_(int netns, const struct evtun_facts *facts,
    int on);
int evtun_system_link_set_addrgen_(int netns, const struct evtun_facts *facts,
    int mode);
int evtun_system_link_delete_(int netns, const struct evtun_facts *facts);
/* The link follows. */
int evtun_system_link_move_(struct evtun_link *link, int netns,
    const char *name);

#endif /* EVTUN_LINK_INTERNAL_H_INCLUDED_ */
