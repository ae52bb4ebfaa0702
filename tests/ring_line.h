#ifndef EVTUN_TESTS_RING_LINE_H_INCLUDED_
#define EVTUN_TESTS_RING_LINE_H_INCLUDED_
/*
 * A device with a ring for each direction, a packet socket at the other side
 * of it, and what stands before liburing.
 */
#include <sys/types.h>

#include <liburing.h>

#include "kit.h"
#include "tun/ring-internal.h"

extern struct ring_fault {
	/* So many calls return -EINTR, without having done anything. */
	int interrupted;
	/* Requests that a call submits at most, unless 0. */
	unsigned max;
	/* Calls until one fails with -EAGAIN, unless 0. */
	int calls;
	/* Run after a call. */
	void (*after)(struct io_uring *uring);
} fault;

extern struct ring_line {
	enum kit_kind kind;
	struct evtun *tun;
	int fd;
	int sock;
	struct evtun_ring *in, *out;
	int fds_before;
	unsigned char data[KIT_TOO_LARGE];
} line;

/* TUN and TAP, for loops. */
extern const enum kit_kind line_kinds[2];

/* In a namespace of its own; skips where there is no ring. */
void line_open(enum kit_kind kind);
/* Fails if a descriptor is left. */
void line_close(void);

/* Send a packet into the interface, for the device to read. */
void put_one(unsigned index, size_t size);
/* What the ring has next must be this packet, or nothing. */
void take_one(unsigned index, size_t size);
void take_none(void);
/* So must what a plain read has. */
void read_plain(unsigned index, size_t size);
/* What was written must come out of the interface. */
void expect(unsigned index, size_t size);
void expect_none(void);
/* What is in line.data must be this packet; n is what read() returned. */
void check_data(ssize_t n, unsigned index, size_t size);
void wait_readable(int fd);

/* The size of a packet, and packets 0 to n - 1, to write. */
size_t size_of(unsigned index);
struct evbuffer_iovec *make_packets(unsigned n, size_t (*size)(unsigned));
void free_packets(struct evbuffer_iovec *pkts, unsigned n);

#endif /* EVTUN_TESTS_RING_LINE_H_INCLUDED_ */
