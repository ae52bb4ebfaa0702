#ifndef EVTUN_LINUX_H_INCLUDED_
#define EVTUN_LINUX_H_INCLUDED_
/**
   @file evtun/linux.h

   What devices can do on Linux alone: queues that come and go, filters, and
   what the running kernel offers.  Elsewhere every function here fails with
   ENOTSUP.

   Functions return 0, or -1 with errno, and words from evtun_get_error();
   ENXIO: the device is gone.  They act on the descriptor: none needs a
   privilege but where it says so, and whoever has the descriptor can do the
   same.  In the thread that has the device, a packetevent's callbacks
   included.

   What is said to be of the whole interface is shared by its queues, and stays
   with a persistent one when it is closed.  Filters and the choice of queues
   do not outlive their users for all that: evtun_new() of an interface that
   nobody else has open begins without, whoever has left them there.
   evtun_new_fd() takes them as they are.

   Sources: drivers/net/tun.c, Documentation/networking/tuntap.rst,
   linux/if_tun.h, bpf(2).
 */
#include <event2/util.h>

#include <evtun/tun.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- what there is ---- */

/** What a kernel can do. */
enum evtun_linux_features {
	EVTUN_LINUX_TUN = (1<<0),
	EVTUN_LINUX_TAP = (1<<1),
	EVTUN_LINUX_MULTIQUEUE = (1<<2),
	EVTUN_LINUX_NAPI = (1<<3),
	EVTUN_LINUX_NAPI_FRAGS = (1<<4),
	EVTUN_LINUX_NO_CARRIER = (1<<5),
	EVTUN_LINUX_HEADER = (1<<6),	/**< one for offload */
	/** These are found out with a device. */
	EVTUN_LINUX_TCP4 = (1<<7),	/**< TSO, each */
	EVTUN_LINUX_TCP6 = (1<<8),
	EVTUN_LINUX_ECN = (1<<9),
	EVTUN_LINUX_UDP = (1<<10),	/**< USO, both families */
	EVTUN_LINUX_TUNNEL = (1<<11),	/**< UDP tunnels, and */
	EVTUN_LINUX_TUNNEL_CSUM = (1<<12), /**< with an outer checksum */
	EVTUN_LINUX_BIG_ENDIAN = (1<<13) /**< headers in either byte order */
};

/** Return what the running kernel offers: EVTUN_LINUX_* bits up to
    EVTUN_LINUX_HEADER, with TUNGETFEATURES; or -1 on error.  Needs the right
    to open /dev/net/tun. */
int evtun_linux_get_features(void);

/** Return what the kernel offers this device: the bits from EVTUN_LINUX_TCP4
    on, 0 for one without a header; or -1 on error, as evtun_get_mtu().
    EVTUN_OPT_OFFLOAD takes all of it, but for UDP tunnels with
    EVTUN_OPT_MULTIQUEUE.  Nothing is switched to find out.
    (ETHTOOL_GFEATURES, TUNGETVNETBE) */
int evtun_linux_get_offload(struct evtun *tun);

/** Return the size of the header before packets, 0 for none. */
int evtun_linux_get_header(struct evtun *tun);

/* ---- queues ---- */

/**
   Take this queue out of use, or back in; what holds already is a success.
   EINVAL for a device without EVTUN_OPT_MULTIQUEUE.

   A queue that is detached gets no packets, so that those of its flows go to
   the others: with the last one, the interface drops them (counted as
   EVTUN_LINK_OUT_DROPPED).  Packets that waited in it when it was detached are
   lost, and counted nowhere: read until nothing is left first, and then some
   may still come in between.  Writing goes on as ever.  The packetevent of a
   detached queue is idle; one of a queue whose interface is deleted meanwhile
   gets its error event as ever.  (TUNSETQUEUE)
 */
int evtun_linux_set_attached(struct evtun *tun, int attached);

/** Return 1 if this queue is in use, 0 if it is detached, -1 on error. */
int evtun_linux_get_attached(struct evtun *tun);

/* ---- which packets, and where to ---- */

/** Choose the queue of each packet by an eBPF program of the type
    BPF_PROG_TYPE_SOCKET_FILTER, whose result modulo the number of queues in
    use is its number, in the order in which they were opened, at first: the
    last one takes the number of one that is detached or closed.  Of the whole
    interface.
    @param prog its descriptor, not needed any longer afterwards; -1 to go
    back to the kernel's own choice, by flows.  EINVAL if it is no such
    program: the one before stays.  (TUNSETSTEERINGEBPF) */
int evtun_linux_set_steering(struct evtun *tun, int prog);

/** Drop or cut packets by an eBPF program of that type before they are queued:
    it returns how many bytes of one to keep, 0 for none.  Of the whole
    interface; -1 for no program.  Those dropped are counted as
    EVTUN_LINK_OUT_DROPPED.  (TUNSETFILTEREBPF) */
int evtun_linux_set_filter_ebpf(struct evtun *tun, int prog);

/**
   The same by a classic BPF program, of TAP devices (ENOTSUP on TUN): one
   that pcap_compile() has made of an expression, for DLT_EN10MB.

	struct bpf_program prog;
	...
	pcap_compile(pcap, &prog, "arp or ip6", 1, PCAP_NETMASK_UNKNOWN);
	evtun_linux_set_filter(tap, prog.bf_insns, prog.bf_len);

   The queues that are in use get it, and keep it while they are out of use;
   for one that is opened later, set it anew.  (TUNATTACHFILTER)

   @param insns instructions of 8 bytes (struct sock_filter of linux/filter.h,
      struct bpf_insn of libpcap), not needed any longer afterwards; NULL for
      no filter
   @param n how many: 1 to 4096; 0 for no filter.  EINVAL if the kernel
      refuses the program, ENOMEM if it is longer than net.core.optmem_max
      allows: the one before stays
 */
int evtun_linux_set_filter(struct evtun *tun, const void *insns, unsigned n);

/** What else is let in by evtun_linux_set_rx_addresses(). */
#define EVTUN_LINUX_ALL_MULTICAST 0x1

/** Have a TAP device read only frames to these Ethernet addresses, and to
    the broadcast address if it is among them; all of them again if n is 0.
    Of the whole interface.  Those dropped are counted as
    EVTUN_LINK_OUT_DROPPED.  ENOTSUP on TUN.  (TUNSETTXFILTER)
    @param addrs n addresses, 6 bytes each, none of them zero
    @param n at most 65535, of which 8 can be those of one host.  The kernel
       compares 8 exactly, those first, and the rest by a hash that lets some
       other groups pass
    @param flags EVTUN_LINUX_ALL_MULTICAST or 0; with an address, at least */
int evtun_linux_set_rx_addresses(struct evtun *tun,
    const ev_uint8_t (*addrs)[6], size_t n, int flags);

/* ---- what the descriptor may do without privilege ---- */

/** As evtun_link_set_carrier(), without privilege.  EBUSY if it is to be
    switched on while no queue is in use; opening the device switches it on.
    (TUNSETCARRIER) */
int evtun_linux_set_carrier(struct evtun *tun, int on);

/** Set the type of hardware, ARPHRD_* of linux/if_arp.h, while the interface
    is down: EBUSY else, unless it is that already.  Of another type than
    ARPHRD_ETHER, a TAP device may have no Ethernet address.  (TUNSETLINK) */
int evtun_linux_set_type(struct evtun *tun, int type);

/** As evtun_config_set_sndbuf(); and what it is, 2^31 - 1 without a limit, or
    -1.  Of all queues in use: set it before others write.  (TUNSETSNDBUF) */
int evtun_linux_set_sndbuf(struct evtun *tun, int bytes);
int evtun_linux_get_sndbuf(struct evtun *tun);

#ifdef __cplusplus
}
#endif
#endif /* EVTUN_LINUX_H_INCLUDED_ */
