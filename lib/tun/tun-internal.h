#ifndef EVTUN_TUN_INTERNAL_H_INCLUDED_
#define EVTUN_TUN_INTERNAL_H_INCLUDED_
/*
 * What a packetevent sees of a device: whole packets, in and out, without
 * the header that the system puts before them.
 *
 * No function here formats an error text: they are called for every packet.
 */
#include <event2/buffer.h>
#include <event2/util.h>

#include "evtun/offload.h"

struct evtun;

/* Take the device for a packetevent, which wants plain system calls alone or
 * not: 0, or -1 if another one has it. */
int evtun_claim_(struct evtun *tun, int plain);
void evtun_unclaim_(struct evtun *tun);

/* How many bytes before a packet evtun_recv_() overwrites: the header that
 * the system puts there.  The room must be there. */
size_t evtun_get_prefix_(const struct evtun *tun);

/* The largest packet that the device carries. */
size_t evtun_get_max_(const struct evtun *tun);

/* Tell whether the device could take a packet of len bytes that starts with
 * the n bytes at head (at least 5, or all that the packet has).
 * Return 0, EMSGSIZE or EINVAL. */
int evtun_check_(const struct evtun *tun, const void *head, size_t n,
    size_t len);

/*
 * Read one packet to the space bytes at packet; space must be at least
 * evtun_get_max_() + 1, so that a packet that was cut can be told.  Not for a
 * device with offload.
 * Return its length, or -1 with errno set:
 *   EAGAIN     there is none now
 *   EMSGSIZE   it was longer than a packet can be, and is lost; go on
 *   ENOBUFS, ENOMEM, ENETDOWN  go on
 *   ENXIO      the device is gone; so is it with anything else
 */
ev_ssize_t evtun_recv_(struct evtun *tun, void *packet, size_t space);

/*
 * Packets may wait in the device: with offload (evtun_get_prefix_() is not 0)
 * those of a frame that was read, else those of a run that was read ahead.
 */
/* How many at most. */
int evtun_get_waiting_(const struct evtun *tun);
/* With offload, while none waits: read a frame; return how many packets wait
 * then, or -1 with errno as evtun_recv_(), or EBADMSG: it was malformed, and
 * is lost; evtun_get_refusal_() is why, an enum offload_refusal_. */
int evtun_load_(struct evtun *tun);
int evtun_get_refusal_(const struct evtun *tun);
/* Without, after evtun_recv_() has found a run of packets with that mean
 * size: read up to want more, if that is cheaper than evtun_recv_(); return
 * whether some wait then. */
int evtun_read_ahead_(struct evtun *tun, int want, size_t mean);
/* Take a packet that waits, if it has no more than space bytes, as a good one
 * has not; as evtun_recv_(), but with offload it does not fail. */
ev_ssize_t evtun_take_(struct evtun *tun, void *packet, size_t space);
/* Read a frame as it is, with its description; as evtun_recv_(), and EBADMSG
 * as evtun_load_(), for more than a missing header only if it is to be
 * checked. */
ev_ssize_t evtun_recv_large_(struct evtun *tun, void *packet, size_t space,
    struct evtun_offload *offload, int check);

/*
 * Write one packet that evtun_check_() has found good, gathered from n_vec
 * pieces.  Return 0, or why not: EAGAIN (wait for readiness), ENETDOWN,
 * EINVAL, EMSGSIZE, ENOBUFS, ENOMEM (the packet is lost), ENXIO (the device
 * is gone).
 */
int evtun_send_(struct evtun *tun, const struct evbuffer_iovec *vec,
    int n_vec);

/*
 * Write n packets that evtun_check_() has found good, EVTUN_SEND_MANY_ at
 * most; with offload, those of one flow are joined.  errs[i] becomes what
 * evtun_send_() would have returned for packet i; after EAGAIN no packet of
 * the same flow is written.  Return how many joined frames the kernel has
 * refused, whose packets were then written singly.
 */
#define EVTUN_SEND_MANY_ 128
unsigned evtun_send_many_(struct evtun *tun,
    const struct evbuffer_iovec *pkts, int n, int *errs);

/* Write a frame with a description; as evtun_send_(), and ENOTSUP if it has to
 * be split, or EBADMSG if the kernel has just refused it. */
int evtun_send_large_(struct evtun *tun, const struct evbuffer_iovec *frame,
    const struct evtun_offload *offload);

/* Tell whether the device is still there, without taking a packet: 0 or
 * ENXIO. */
int evtun_probe_(struct evtun *tun);

#endif /* EVTUN_TUN_INTERNAL_H_INCLUDED_ */
