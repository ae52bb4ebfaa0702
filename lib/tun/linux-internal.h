#ifndef EVTUN_LINUX_INTERNAL_H_INCLUDED_
#define EVTUN_LINUX_INTERNAL_H_INCLUDED_
/*
 * What the files of the Linux backend share.
 */
#include <sys/types.h>
#include <sys/stat.h>

#include <event2/util.h>

#include <linux/if_tun.h>
#include <linux/sockios.h>

#include "tun/system-internal.h"

/* For headers older than the kernel. */
#ifndef TUNGETDEVNETNS
#define TUNGETDEVNETNS _IO('T', 227)
#endif
#ifndef SIOCGSKNS
#define SIOCGSKNS 0x894C
#endif

/* The cure, or that there is none, for ENXIO. */
#define EVTUN_GONE_ "the interface is gone"

/* What netlink says of an interface. */
struct evtun_link {
	unsigned index;
	unsigned flags;			/* IFF_UP and the like */
	int mtu;
	/* net.ipv4.conf.NAME.promote_secondaries; -1 if not told. */
	int promote;
	/* It is a TUN or TAP device. */
	int is_tun;
	/* The rest is known, and owner and group are -1 if there is none. */
	int has_details;
	int type;			/* IFF_TUN or IFF_TAP */
	int packet_info;
	int persist;
	int multi_queue;
	unsigned queues;		/* attached and detached ones */
	ev_int64_t owner;
	ev_int64_t group;
};

/*
 * link_linux.c: rtnetlink, in the network namespace of the thread.  Return 0,
 * or -1 with errno set and no text: ENODEV if there is no such interface.
 */
int evtun_link_find_(const char *name, struct evtun_link *link);
int evtun_link_set_mtu_(unsigned index, int mtu);
int evtun_link_set_up_(unsigned index, int up);
int evtun_link_set_promote_(unsigned index, int promote);
/* Both succeed if it is so already; without a peer, any is removed.  promote
 * is that of the interface. */
int evtun_link_add_address_(unsigned index, const struct evtun_address *addr);
int evtun_link_del_address_(unsigned index, int promote,
    const struct evtun_address *addr);

/*
 * explain_linux.c: evtun_fail_() with the cure.
 */
int evtun_explain_open_(int err);
int evtun_explain_attach_(int err, const char *name, int options);
/* For an ioctl on the descriptor, and for a change through netlink. */
int evtun_explain_ioctl_(int err, const char *step);
int evtun_explain_link_(int err, const char *step);

/*
 * offload_linux.c: what stands before packets, and what is joined and split.
 * tun->options say whether there is a header; tun->prefix and is_swapped are
 * set.
 */
/* For one who is alone: everything that the kernel can do, or with no header
 * nothing, whatever the last user has left. */
int evtun_offload_set_(struct evtun *tun);
/* For one who is not: as it is. */
int evtun_offload_take_(struct evtun *tun);
/* Before the device is closed. */
void evtun_offload_reset_(struct evtun *tun);

/*
 * many_linux.c
 */
void evtun_rings_free_(struct evtun *tun);

/*
 * io_linux.c
 */
/* What an errno of write() is to our callers. */
int evtun_write_error_(int err);

/*
 * linux.c
 */
/* The network namespace of the thread; -1, and no text, if it cannot be
 * told. */
int evtun_own_namespace_(ev_uint64_t home[2]);
/* Find the device's interface, where it is known to be that: ENXIO if it is
 * gone, ENODEV if it is elsewhere.  tun->name is up to date then. */
int evtun_linux_find_(struct evtun *tun, struct evtun_link *link,
    const char *step);

/*
 * settings_linux.c
 */
int evtun_linux_need_details_(const struct evtun_link *link,
    const char *step);
/* Give the interface an owner, if it has none, and make it persistent. */
int evtun_linux_persist_(struct evtun *tun, const struct evtun_link *link);

#endif /* EVTUN_LINUX_INTERNAL_H_INCLUDED_ */
