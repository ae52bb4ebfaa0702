#ifndef EVTUN_RING_INTERNAL_H_INCLUDED_
#define EVTUN_RING_INTERNAL_H_INCLUDED_
/*
 * Many packets in one system call.
 *
 * A ring is for one direction of one device, and for one thread at a time,
 * any of them.  Packets are what read() and write() on the descriptor carry,
 * the system's header among them.  Nothing of a call goes on after it has
 * returned, and no reference to the device is kept in between: whoever closes
 * the descriptor needs to know nothing of the ring.
 *
 * There may be no ring: the library was built without, or the kernel, its
 * settings, a seccomp filter or a limit of resources forbid it.  That is no
 * error, and formats no text; plain calls do the same.
 *
 * Errors are the system's own, as read() and write() would have set them.
 */
#include <event2/buffer.h>
#include <event2/util.h>

struct evtun_ring;

/* Packets in one call, at most. */
#define EVTUN_RING_READS_ 32
#define EVTUN_RING_WRITES_ 64

/* What a packet is cut to.  Longer than any with its headers: a virtio_net_hdr
 * (24 bytes at most), packet information, Ethernet and two VLAN tags. */
#define EVTUN_RING_SPACE_ (65536 + 128)

/* A ring for reading or writing a device without blocking; NULL if there is
 * none to be had.  A device with a limit of its own for what is written and
 * not yet delivered (TUNSETSNDBUF) has none for writing. */
struct evtun_ring *evtun_ring_new_(evutil_socket_t fd, int for_writing);

/* In a child of fork() it leaves the parent's ring as it is. */
void evtun_ring_free_(struct evtun_ring *ring);

/*
 * Read n packets at most, in one call.  Return how many reads were made, which
 * may have found nothing; or -1: the ring is of no more use, in a child of
 * fork() for one, nothing was read, and it should be freed.
 */
int evtun_ring_read_(struct evtun_ring *ring, int n);

/*
 * Take the next result, in the order of the packets: as read() with space
 * bytes at to, but the length is that of the packet, even if it did not fit.
 * EAGAIN if none is left.
 */
ev_ssize_t evtun_ring_take_(struct evtun_ring *ring, void *to, size_t space);

/*
 * Write packets, in their order and in one call.  Return how many were tried:
 * those from there on are for the next call, or a plain one.  errs has 0 for
 * each that was written, or why it was not: then it is lost.  But EAGAIN,
 * which all that follow have as well, leaves it to be tried again.  -1 as
 * above, and nothing was tried.
 */
int evtun_ring_write_(struct evtun_ring *ring,
    const struct evbuffer_iovec *pkts, int n, int *errs);

#endif /* EVTUN_RING_INTERNAL_H_INCLUDED_ */
