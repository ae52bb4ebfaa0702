#ifndef EVTUN_LINK_H_INCLUDED_
#define EVTUN_LINK_H_INCLUDED_
/**
   @file evtun/link.h

   Interfaces: what they are, what they are set to, their addresses and
   routes.  By name or by index, in the network namespace of the caller or in
   another one, so that a parent can set up what its child holds.

   A struct evtun_link is what the system said of one interface, when it was
   asked last: the get functions return that, and ask nothing.  A set function
   asks again, first; a setting that already holds is not set again, so that
   it needs no privilege then.  Setting anything else needs CAP_NET_ADMIN in
   the namespace (Linux).  An interface is known by its index: it may be
   renamed in between.

   Functions return -1 or NULL on error and leave the reason in errno;
   evtun_get_error() says which step failed, and what would help.  ENXIO: the
   interface is gone, or has left the namespace; EINVAL: an argument that no
   interface could have, found out before anything was asked of the system;
   ENOTSUP: the system lacks it.  What failed has changed nothing.

   A link is for one thread at a time; none needs an event base.  A link must
   not be NULL, but for evtun_link_free().

   Sources: rtnetlink(7), linux/if_link.h, linux/rtnetlink.h, ip-link(8).
 */
#include <event2/util.h>

#include <evtun/tun.h>

#ifdef __cplusplus
extern "C" {
#endif

/** An opaque type for what is known of one interface. */
struct evtun_link;

/* ---- namespaces ---- */

/**
   Open a network namespace, for all that takes one.

   Functions here take a descriptor for a namespace, which they copy, or -1:
   that of the calling thread.  To act in another one takes CAP_SYS_ADMIN
   there and here (setns(2)).  The caller's threads stay where they are: a
   short-lived thread of the library's opens what is needed.  A link that was
   made with -1 is for that namespace alone: for a thread that is in another
   one by then, its interface is not there (ENXIO).  The namespace has to live
   as long as such a link.

   @param name what `ip netns` calls it, or a path such as /proc/42/ns/net
      (with a slash in it); or NULL for that of the calling thread, which
      takes /proc, or CAP_NET_ADMIN
   @return a descriptor, yours to close, closed on exec; or -1 on error:
      ENOENT if there is none, EINVAL if it is no network namespace
   @see network_namespaces(7), ip-netns(8)
 */
int evtun_netns_open(const char *name);

/** The same, for the namespace that a process is in.  That of another user's
    takes CAP_SYS_PTRACE.  @param pid above 0 */
int evtun_netns_open_pid(long pid);

/* ---- links ---- */

/** Look at an interface, whatever kind it is of.
    @param name its name, or one of its alternative names
    @param netns a namespace, or -1 for the caller's
    @return a link, or NULL on error: ENXIO if there is none */
struct evtun_link *evtun_link_new(const char *name, int netns);

/** The same, by index. */
struct evtun_link *evtun_link_new_index(unsigned index, int netns);

/** The interface of a device, in the namespace that the device was made in or
    moved to by evtun_move().  @return a link, or NULL on error: ENODEV if the
    interface is in another namespace */
struct evtun_link *evtun_link_new_tun(struct evtun *tun);

/** Free a link; NULL does nothing.  The interface is left as it is. */
void evtun_link_free(struct evtun_link *link);

/** Ask again what the interface is.  @return 0 on success, or -1 on error,
    with the link as it was */
int evtun_link_update(struct evtun_link *link);

/** What kind of interface it is. */
enum evtun_link_kind {
	EVTUN_LINK_OTHER,	/**< no TUN or TAP device */
	EVTUN_LINK_TUN,
	EVTUN_LINK_TAP
};

/** What an interface can be; those from EVTUN_LINK_PERSIST on are of TUN and
    TAP devices. */
enum evtun_link_flags {
	EVTUN_LINK_UP = (1<<0),		/**< was brought up */
	EVTUN_LINK_RUNNING = (1<<1),	/**< is up, and has carrier */
	EVTUN_LINK_CARRIER = (1<<2),
	EVTUN_LINK_POINT_TO_POINT = (1<<3),
	EVTUN_LINK_MULTICAST = (1<<4),
	EVTUN_LINK_NO_ARP = (1<<5),
	EVTUN_LINK_PROMISCUOUS = (1<<6),
	EVTUN_LINK_PERSIST = (1<<7),
	EVTUN_LINK_MULTIQUEUE = (1<<8),
	EVTUN_LINK_PACKET_INFO = (1<<9),
	EVTUN_LINK_OFFLOAD = (1<<10)	/**< has a header for offload */
};

/** What the system counts; "in" is what a program writes to a device, "out"
    is what it reads, or was too slow to read. */
enum evtun_link_count {
	EVTUN_LINK_IN_PACKETS,
	EVTUN_LINK_IN_BYTES,
	EVTUN_LINK_IN_ERRORS,
	EVTUN_LINK_IN_DROPPED,
	EVTUN_LINK_OUT_PACKETS,
	EVTUN_LINK_OUT_BYTES,
	EVTUN_LINK_OUT_ERRORS,
	/** Above all those that found the queue of the interface full: see
	 * evtun_link_set_txqueuelen(). */
	EVTUN_LINK_OUT_DROPPED,
	EVTUN_LINK_N_COUNTS
};

unsigned evtun_link_get_index(const struct evtun_link *link);
/** Never NULL; valid until the link is asked or set again, or freed, as all
    strings here are. */
const char *evtun_link_get_name(const struct evtun_link *link);
enum evtun_link_kind evtun_link_get_kind(const struct evtun_link *link);
/** EVTUN_LINK_* flags. */
int evtun_link_get_flags(const struct evtun_link *link);
int evtun_link_get_mtu(const struct evtun_link *link);
/** The type of hardware: ARPHRD_NONE for TUN, ARPHRD_ETHER for TAP and so on
    (linux/if_arp.h). */
int evtun_link_get_type(const struct evtun_link *link);
/** Copy the hardware address out: at most size bytes.
    @return its length, 0 if there is none */
size_t evtun_link_get_hwaddr(const struct evtun_link *link, void *addr,
    size_t size);
/** How many packets the interface queues. */
long evtun_link_get_txqueuelen(const struct evtun_link *link);
/** The group of interfaces it is in, 0 unless set. */
long evtun_link_get_group(const struct evtun_link *link);
/** The user and the group that may open a TUN or TAP device, or -1. */
long evtun_link_get_owner(const struct evtun_link *link);
long evtun_link_get_owner_group(const struct evtun_link *link);
/** How many queues of a device with EVTUN_OPT_MULTIQUEUE are open; attached,
    and detached.  0 of others, for which Linux does not tell. */
unsigned evtun_link_get_queues(const struct evtun_link *link);
unsigned evtun_link_get_detached_queues(const struct evtun_link *link);
/** The description, "" if there is none. */
const char *evtun_link_get_alias(const struct evtun_link *link);
/** Alternative name number i, from 0 on, or NULL if there are no more (Linux
    5.5). */
const char *evtun_link_get_altname(const struct evtun_link *link, size_t i);
/** How IPv6 addresses are made by the system: EVTUN_ADDRGEN_*, -1 if not
    told. */
int evtun_link_get_addrgen(const struct evtun_link *link);
/** A new descriptor for the namespace it is in, yours to close; or -1.  Two
    are of one namespace if fstat() has the same st_dev and st_ino for them. */
int evtun_link_get_netns(const struct evtun_link *link);
ev_uint64_t evtun_link_get_count(const struct evtun_link *link,
    enum evtun_link_count what);

/* ---- settings ---- */

/** Each returns 0 on success, also if it was so already, and -1 on error.
    After success the get functions tell what is so now. */

/** Rename, also while it is up (EBUSY before Linux 6.2).  @param name as for
    evtun_new(), without a pattern.  EEXIST if another one has it, or this one
    has it as an alternative name */
int evtun_link_set_name(struct evtun_link *link, const char *name);
/** Describe it: at most 255 bytes, printable UTF-8 without line breaks; NULL
    or "" for none. */
int evtun_link_set_alias(struct evtun_link *link, const char *alias);
/** Give it one more name of 1 to 127 bytes, else as for evtun_new() and
    without a pattern; or take one away, be it one of that sort or not.
    EEXIST if another one has it, or this one is called so; ENOTSUP before
    Linux 5.5. */
int evtun_link_add_altname(struct evtun_link *link, const char *name);
int evtun_link_del_altname(struct evtun_link *link, const char *name);
/** On Linux, 68 to 65535, on TAP to 65521.  Below 1280 an interface loses all
    of IPv6, its addresses and what evtun_link_set_addrgen() has set, and gets
    no more than a link-local address back. */
int evtun_link_set_mtu(struct evtun_link *link, int mtu);
int evtun_link_set_up(struct evtun_link *link, int up);
/** Six bytes, not zero and not those of a group; ENOTSUP but for Ethernet. */
int evtun_link_set_hwaddr(struct evtun_link *link, const ev_uint8_t addr[6]);
/** 0 to 2^31 - 1 packets, though the kernel may have no room for so many
    (ENOMEM).  Less than are queued drops them, uncounted; with 0 a device is
    given no packet at all. */
int evtun_link_set_txqueuelen(struct evtun_link *link, long packets);
/** The group for those who act on many at once: 0 to 2^31 - 1. */
int evtun_link_set_group(struct evtun_link *link, long group);
/** Take the carrier away, or give it back: senders see a cable without a
    plug.  Packets that are sent meanwhile are lost, uncounted.  ENOTSUP for
    kinds that have a real one; EBUSY to give it back to a device that nobody
    has open, or whose queues are all detached.  Opening one gives it carrier.
 */
int evtun_link_set_carrier(struct evtun_link *link, int on);
/** ARP (and neighbour discovery) or none, promiscuous or not, and so on: set
    those of EVTUN_LINK_NO_ARP, EVTUN_LINK_MULTICAST and
    EVTUN_LINK_PROMISCUOUS that are in mask to what flags has. */
int evtun_link_set_flags(struct evtun_link *link, int flags, int mask);

/** How the system makes IPv6 addresses for an interface that comes up. */
enum evtun_addrgen {
	EVTUN_ADDRGEN_EUI64,
	/** None: then the system sends nothing by itself, and the first
	 * packet that the program reads is somebody's own. */
	EVTUN_ADDRGEN_NONE,
	EVTUN_ADDRGEN_STABLE,
	EVTUN_ADDRGEN_RANDOM
};
/** To be set before the interface is brought up; a TUN device that comes up
    with EVTUN_ADDRGEN_EUI64 has EVTUN_ADDRGEN_RANDOM then.  ENOTSUP without
    IPv6 or with an MTU below 1280; EINVAL for EVTUN_ADDRGEN_STABLE before
    there is a secret (sysctl net.ipv6.conf.NAME.stable_secret). */
int evtun_link_set_addrgen(struct evtun_link *link, enum evtun_addrgen mode);

/** Move it to another namespace, where it is down and without addresses; the
    link follows it, also should its index be another one there.  Its
    descriptors stay good.  If it is there already it is left as it is.
    @param netns from evtun_netns_open(), or -1 for the caller's
    @param name the name there, or NULL for the one it has.  EEXIST if another
    one there has it, or one of its alternative names, or it is one of those;
    EINVAL for one that cannot be moved, such as lo */
int evtun_link_move(struct evtun_link *link, int netns, const char *name);

/** Remove the interface, and with it a device under whoever has it open.
    ENOTSUP for kinds that stay, such as lo; ENXIO if it is gone already. */
int evtun_link_delete(struct evtun_link *link);

/* ---- addresses ---- */

/** What an address is, and how it is added. */
enum evtun_address_flags {
	/** IPv6 only: use it at once, without asking whether somebody else has
	 * it. */
	EVTUN_ADDRESS_NO_DAD = (1<<0),
	/** No route for its prefix. */
	EVTUN_ADDRESS_NO_PREFIX_ROUTE = (1<<1),
	/** IPv6 only: the home address of Mobile IP. */
	EVTUN_ADDRESS_HOME = (1<<2),
	/** The rest is told, and never set: to add one, it does not matter.
	 * IPv4: another address of the same network was there before. */
	EVTUN_ADDRESS_SECONDARY = (1<<3),
	EVTUN_ADDRESS_TENTATIVE = (1<<4),
	EVTUN_ADDRESS_DUPLICATE = (1<<5),
	EVTUN_ADDRESS_DEPRECATED = (1<<6),
	/** It stays: nobody made it for a time. */
	EVTUN_ADDRESS_PERMANENT = (1<<7)
};

/** How far an address or a route reaches: RT_SCOPE_* of
    linux/rtnetlink.h. */
enum evtun_scope {
	EVTUN_SCOPE_UNIVERSE = 0,
	EVTUN_SCOPE_SITE = 200,
	EVTUN_SCOPE_LINK = 253,
	EVTUN_SCOPE_HOST = 254
};

/**
   An address of an interface.  To add one, leave what is not wanted 0 or
   NULL, reserved too:

	struct evtun_link_address addr = { .addr = "10.9.0.1/24" };
 */
struct evtun_link_address {
	/** The address and its prefix length: see evtun_add_address(). */
	const char *addr;
	/** The other end of a point-to-point link, or NULL. */
	const char *peer;
	/** IPv4: the broadcast address; "" for none, NULL for that of the
	 * prefix (with a peer, none).  Told: NULL for none. */
	const char *broadcast;
	/** EVTUN_SCOPE_*, or another number up to 255.  That of an IPv6
	 * address is in the address: 0 will do. */
	int scope;
	int flags;		/**< EVTUN_ADDRESS_* */
	/** The metric of the route for its prefix; 0 for the usual one. */
	ev_uint32_t metric;
	/** For how many seconds it is good, and good for new connections,
	 * which cannot be longer; 0 is for ever, or as long as it is good.
	 * Told: seconds that are left; of preferred, none are if there is
	 * EVTUN_ADDRESS_DEPRECATED. */
	ev_uint32_t valid;
	ev_uint32_t preferred;
	ev_uint32_t reserved[4];
};

/** Get all addresses of the interface, both families, in the system's order.
    @param list becomes an array, to be freed with evtun_link_free_list(), or
       NULL if there are none, and on error.  It can be given to
       evtun_link_set_addresses(), also of another link
    @return how many, or -1 on error: EAGAIN if they change faster than they
       can be read */
int evtun_link_get_addresses(struct evtun_link *link,
    struct evtun_link_address **list);

/** Add one.  One that is there with the same prefix length and peer is a
    success, and keeps its other details.  EEXIST if the interface cannot have
    both this and one that is there: the same IPv6 address with another prefix
    length or peer, or the same IPv4 address with the same prefix length and
    another peer of the same network. */
int evtun_link_add_address(struct evtun_link *link,
    const struct evtun_link_address *addr);

/** Remove one, known by addr and peer; without a peer, with any.  Nothing else
    is looked at.  The others stay.
    @return 0 on success, also if there was none; -1 on error */
int evtun_link_del_address(struct evtun_link *link,
    const struct evtun_link_address *addr);

/** Make the addresses those n, and no others, but for those of
    EVTUN_SCOPE_LINK in IPv6 that are not named.  Those that are there already
    are never removed in between, and keep their other details; new ones are
    added before old ones are removed, but for one that the interface cannot
    have both of (see EEXIST above), which is exchanged.  On failure those that
    there were are there again; but what has been removed comes last then, and
    routes that had it as their source are gone with it.  EINVAL if two are
    the same, or the interface could not have both. */
int evtun_link_set_addresses(struct evtun_link *link,
    const struct evtun_link_address *list, size_t n);

/** Free what evtun_link_get_addresses() or evtun_link_get_routes() made;
    NULL does nothing. */
void evtun_link_free_list(void *list);

/* ---- routes ---- */

/** A route through the interface.  To add one, leave what is not wanted 0 or
    NULL, reserved too. */
struct evtun_link_route {
	/** Where to: "10.0.0.0/8", "fd00::/8"; "0.0.0.0/0" or "::/0" is the
	 * default route.  Bits past the prefix are refused with EINVAL. */
	const char *to;
	/** The router, of the same family, but IPv4 may have one of IPv6
	 * (RFC 5549); or NULL: straight away. */
	const char *via;
	/** The source address to prefer, one of this host's, or NULL. */
	const char *source;
	ev_uint32_t metric;	/**< 0: the system's (IPv6: 1024) */
	ev_uint32_t table;	/**< 0: the main one (254); not 255 */
	/** 0: that of the interface; else up to 65520, from 68 on, or with
	 * IPv6 from 1280 on. */
	ev_uint32_t mtu;
	/** IPv4: EVTUN_SCOPE_*; without via, LINK if 0, as there is no use in
	 * EVTUN_SCOPE_UNIVERSE then (others may make such a route, and it is
	 * told).  IPv6: 0. */
	int scope;
	/** Who made it: RTPROT_* of linux/rtnetlink.h; 0: RTPROT_STATIC. */
	int protocol;
	ev_uint32_t reserved[4];
};

/** Get all unicast routes through the interface, of all tables but the local
    one, both families.  Of a route with several next hops, each one through
    the interface is told as a route.  Those for some sources only (IPv6,
    "from") are left out, and with net.ipv4.nexthop_compat_mode=0 those of next
    hop objects, of which the system does not tell the interface then.
    @param list becomes an array, to be freed with evtun_link_free_list(), or
       NULL if there are none, and on error
    @return how many, or -1 on error: EAGAIN if they change faster than they
       can be read */
int evtun_link_get_routes(struct evtun_link *link,
    struct evtun_link_route **list);

/** Add one.  The same one is a success (whoever made it, if protocol is 0);
    EEXIST if there is another to the same prefix with the same metric and
    table, also through another interface.  ENETDOWN if the interface is down:
    it has no routes then.  ENETUNREACH or EHOSTUNREACH if the router cannot be
    reached through it. */
int evtun_link_add_route(struct evtun_link *link,
    const struct evtun_link_route *route);

/** Add one, in the place of one to the same prefix with the same metric and
    table, whatever interface that is through: without a moment between.
    Several next hops of one route are replaced together.  (If there are
    several such routes, as others can make with "ip route append", it is one
    of them.) */
int evtun_link_replace_route(struct evtun_link *link,
    const struct evtun_link_route *route);

/** Remove all those known by to, metric, table, and via if given: there may be
    several, of other routers.  Of a route with several next hops, those that
    match go, and the others stay without a moment between; ENOTSUP if they are
    of a next hop object (ip-nexthop(8)).
    @return 0 on success, also if there was none; -1 on error */
int evtun_link_del_route(struct evtun_link *link,
    const struct evtun_link_route *route);

/* ---- lists ---- */

/** Look at all TUN and TAP devices, also those of other programs.
    @param netns the namespace to look in, -1 for the caller's, or
       EVTUN_ALL_NETNS
    @param links becomes an array of links, in the order of namespaces, the
       caller's first, and of indices; to be freed with evtun_link_free_all(),
       or one by one with evtun_link_free(), and the array with free().
       Those of one namespace share one descriptor for it.  NULL on error
    @return how many, or -1 on error: EPERM if the namespace may not be
       entered, EAGAIN if devices come and go faster than they are listed */
int evtun_link_list(int netns, struct evtun_link ***links);

/** All namespaces that can be found: that of the caller, those in which a
    process is, and those with a name.  Those that may not be entered are
    passed over. */
#define EVTUN_ALL_NETNS (-2)

/** Free an array of links, and the links.  NULL does nothing. */
void evtun_link_free_all(struct evtun_link **links, int n);

/** A process that has a device open. */
struct evtun_holder {
	long pid;
	int fd;			/**< its descriptor */
	const char *command;	/**< its name, with '?' for odd bytes */
};

/** Who has the device open, as far as /proc tells: other users' processes are
    seen by root alone.  A descriptor that is on its way through a socket is
    not seen, nor one of another process namespace.  /proc has the name of the
    interface only: a process in its namespace is taken to mean it; one in
    another namespace counts if the kernel confirms it, which takes the right
    to trace that process (ptrace(2)) and CAP_NET_ADMIN (Linux 5.6).  Looking
    holds a descriptor for a moment: one that is closed in that moment is open
    a little longer.
    @param list becomes an array, to be freed with evtun_link_free_list(): an
       entry for each descriptor.  NULL on error
    @return how many, 0 for what is no TUN or TAP device; or -1 on error */
int evtun_link_get_holders(const struct evtun_link *link,
    struct evtun_holder **list);

#ifdef __cplusplus
}
#endif
#endif /* EVTUN_LINK_H_INCLUDED_ */
