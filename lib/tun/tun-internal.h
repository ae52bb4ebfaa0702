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

struct evtun;

/* Take the device for a packetevent: 0, or -1 if another one has it. */
int evtun_claim_(struct evtun *tun);
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
 * evtun_get_max_() + 1, so that a packet that was cut can be told.
 * Return its length, or -1 with errno set:
 *   EAGAIN     there is none now
 *   EMSGSIZE   it was longer than a packet can be, and is lost; go on
 *   EBADMSG    it was malformed, and is lost; go on
 *   ENOBUFS, ENOMEM, ENETDOWN  go on
 *   ENXIO      the device is gone; so is it with anything else
 */
ev_ssize_t evtun_recv_(struct evtun *tun, void *packet, size_t space);

/*
 * Write one packet that evtun_check_() has found good, gathered from n_vec
 * pieces.  Return 0, or why not: EAGAIN (wait for readiness), ENETDOWN,
 * EINVAL, EMSGSIZE, ENOBUFS, ENOMEM (the packet is lost), ENXIO (the device
 * is gone).
 */
int evtun_send_(struct evtun *tun, const struct evbuffer_iovec *vec,
    int n_vec);

/* Tell whether the device is still there, without taking a packet: 0 or
 * ENXIO. */
int evtun_probe_(struct evtun *tun);

#endif /* EVTUN_TUN_INTERNAL_H_INCLUDED_ */
