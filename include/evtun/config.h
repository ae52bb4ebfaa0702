#ifndef EVTUN_CONFIG_H_INCLUDED_
#define EVTUN_CONFIG_H_INCLUDED_
/**
   @file evtun/config.h

   Everything that a device and its interface are to be, collected first and
   then made so in one go: either all of it holds, or nothing has changed.

	struct evtun_config *cfg = evtun_config_new();
	struct evtun *tun = NULL;

	if (cfg != NULL &&
	    evtun_config_set_mtu(cfg, 1420) == 0 &&
	    evtun_config_add_address(cfg, "10.9.0.1/24", NULL) == 0 &&
	    evtun_config_set_up(cfg, 1) == 0)
		tun = evtun_new_config("vpn%d", 0, cfg);
	evtun_config_free(cfg);

   The set functions refuse what no interface could have (EINVAL) when they are
   called, and ask nothing of the system.  What is not set is left as it is.
   Setting something again takes the place of what was set before; alternative
   names, addresses and routes add up.  They return 0, or -1 with errno, and
   words from evtun_get_error(); strings and structs are copied.

   A config is for one thread at a time, may be used any number of times, and
   must not be NULL, but for evtun_config_free().
 */
#include <event2/util.h>

#include <evtun/link.h>
#include <evtun/tun.h>

#ifdef __cplusplus
extern "C" {
#endif

/** An opaque type for settings to be made. */
struct evtun_config;

/** Return an empty one, or NULL if memory has run out. */
struct evtun_config *evtun_config_new(void);
void evtun_config_free(struct evtun_config *cfg);

/**
   Open a device as evtun_new() does, and configure it.

   Nothing stays of a call that fails: a new interface is gone, and one that
   existed is as it was: its settings, its addresses and its routes, down to
   what this library does not know of them.  (The first owner of an interface
   the system cannot take back; the words then say so.)  A setting that
   already holds is not made again, so that an interface prepared beforehand
   is configured without privileges.

   Three things are not put back, and nothing is said of them: permanent
   neighbours, which the kernel drops where an interface goes down or loses
   its last address; the sysctls net.ipv6.conf.NAME, which begin anew where
   an MTU below 1280 ended IPv6; and what opening alone does to an interface
   that is up, and has never been open: its first carrier has the kernel make
   an address in fe80::/64, unless it is to make none, and of a TUN device
   turn EVTUN_ADDRGEN_EUI64 into EVTUN_ADDRGEN_RANDOM.

   The order is: an MTU of 1280 or more, send buffer, alias, alternative names,
   queue length, group, how addresses are made, Ethernet address, addresses, up
   or down, the removal of addresses that are too many, routes, an MTU below
   1280 (which ends IPv6), owner, and that it persists.

   @param name as for evtun_new()
   @param options as for evtun_new()
   @param cfg what else it is to be; NULL for nothing
   @return a device, or NULL on error: evtun_get_error() says which step
      failed ("configure vpn0: set the MTU: Invalid argument: ...") and, should
      undoing have failed too, what could not be undone.  EINVAL for what
      contradicts itself, before anything is opened: routes of an interface
      that is to be down; with an MTU below 1280, addresses and routes of
      IPv6, or how its addresses are made
 */
struct evtun *evtun_new_config(const char *name, int options,
    const struct evtun_config *cfg);

/** Configure the interface of a device that is open, in the same way.  What
    can only be chosen when a device is opened (namespace, index, NAPI, the
    header, no carrier from the start) is EINVAL here. */
int evtun_configure(struct evtun *tun, const struct evtun_config *cfg);

/** Configure any interface, in the same way; what only a device of this
    process can be told (owner, persistence, send buffer) is EINVAL here. */
int evtun_link_configure(struct evtun_link *link,
    const struct evtun_config *cfg);

/** Move the interface of a device to another namespace, as evtun_link_move()
    does, and have all calls for the device act there from now on; -1 is that
    of the caller.  Packets pass as ever, once it is up there.  If it is there
    already that is a success: for its other queues, or one that somebody else
    has moved. */
int evtun_move(struct evtun *tun, int netns, const char *name);

/* ---- how a device is opened ---- */

/** In which network namespace, from evtun_netns_open(); -1 for the caller's.
    The descriptor is copied.  All calls for the device then act there, and
    none of the caller's threads enters it.  EINVAL from evtun_new_config() if
    it is no namespace, EPERM without CAP_SYS_ADMIN there and here. */
int evtun_config_set_netns(struct evtun_config *cfg, int netns);

/** Which index the interface is to have: 1 to 2^31 - 1.  From
    evtun_new_config(), EBUSY if another one has it, EINVAL if the interface
    exists with another index (Linux, TUNSETIFINDEX). */
int evtun_config_set_index(struct evtun_config *cfg, unsigned index);

/** How packets that are written get into the network (Linux). */
enum evtun_napi {
	EVTUN_NAPI_OFF,
	/** Through NAPI: see evtun/tun.h for when that is faster. */
	EVTUN_NAPI_ON,
	/** TAP only (EINVAL): in pieces as well, as network cards do, for
	 * tests of the kernel.  Needs CAP_NET_ADMIN, and not just in a user
	 * namespace.  A frame has 65,471 bytes at most then: EMSGSIZE.  One
	 * of more than 18 pieces, or with a piece behind the first that is
	 * empty or above 4,096 bytes, is written as one piece. */
	EVTUN_NAPI_FRAGS
};
/** ENOTSUP from evtun_new_config() if the kernel lacks it.  Each queue has its
    own: other queues of evtun_new_queue() take that of the first. */
int evtun_config_set_napi(struct evtun_config *cfg, enum evtun_napi napi);

/** In which byte order the header before packets is. */
enum evtun_byte_order {
	EVTUN_ORDER_NATIVE,	/**< that of this machine */
	EVTUN_ORDER_LITTLE,
	EVTUN_ORDER_BIG
};

/** What stands before packets where EVTUN_OPT_OFFLOAD is in effect, for
    devices that are handed to a virtual machine (Linux, TUNSETVNETHDRSZ;
    struct virtio_net_hdr of linux/virtio_net.h).  The library takes it off
    and puts it on, whatever its size.
    @param size 10, 12, 20 or 24 bytes, or 0 for the library's choice
    From evtun_new_config(), EINVAL without EVTUN_OPT_OFFLOAD, or if others
    have the interface open with another header; ENOTSUP if the kernel lacks
    headers, or the byte order */
int evtun_config_set_header(struct evtun_config *cfg, int size,
    enum evtun_byte_order order);

/** Begin without carrier (Linux 6.3, IFF_NO_CARRIER; else ENOTSUP), if it is
    new; 0 takes that back.  evtun_link_set_carrier() plugs it in. */
int evtun_config_set_no_carrier(struct evtun_config *cfg, int no_carrier);

/* ---- what a device is set to ---- */

/** As evtun_set_owner(). */
int evtun_config_set_owner(struct evtun_config *cfg, long uid, long gid);
/** How many bytes of written packets the kernel holds before a write has to
    wait (Linux, TUNSETSNDBUF): 4608 or more, for with less it may never be
    ready again. */
int evtun_config_set_sndbuf(struct evtun_config *cfg, int bytes);

/* ---- what an interface is set to: as the functions of evtun/link.h ---- */

int evtun_config_set_alias(struct evtun_config *cfg, const char *alias);
int evtun_config_add_altname(struct evtun_config *cfg, const char *name);
int evtun_config_set_mtu(struct evtun_config *cfg, int mtu);
int evtun_config_set_hwaddr(struct evtun_config *cfg,
    const ev_uint8_t addr[6]);
int evtun_config_set_txqueuelen(struct evtun_config *cfg, long packets);
int evtun_config_set_group(struct evtun_config *cfg, long group);
int evtun_config_set_addrgen(struct evtun_config *cfg,
    enum evtun_addrgen mode);
/** Up or down: after the addresses, and before routes, which need it up. */
int evtun_config_set_up(struct evtun_config *cfg, int up);
/** Add an address to those that it has. */
int evtun_config_add_address(struct evtun_config *cfg, const char *addr,
    const char *peer);
int evtun_config_add_link_address(struct evtun_config *cfg,
    const struct evtun_link_address *addr);
/** Have the addresses that are added be all there are, none at all if none is
    added: evtun_link_set_addresses(). */
int evtun_config_set_exact_addresses(struct evtun_config *cfg, int exact);
/** The source of one in IPv6 should be an address with EVTUN_ADDRESS_NO_DAD:
    the kernel takes none that it may still be testing (EINVAL), not even on a
    TUN device, where there is nothing to test. */
int evtun_config_add_route(struct evtun_config *cfg,
    const struct evtun_link_route *route);

#ifdef __cplusplus
}
#endif
#endif /* EVTUN_CONFIG_H_INCLUDED_ */
