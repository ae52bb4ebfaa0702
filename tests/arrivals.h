#ifndef EVTUN_TESTS_ARRIVALS_H_INCLUDED_
#define EVTUN_TESTS_ARRIVALS_H_INCLUDED_
/*
 * What the host sends to a device, packets of 100 bytes, and what can be read
 * of it there.
 */
#include "kit.h"

#define ARRIVALS_SIZE 100

struct arrivals {
	enum kit_kind kind;
	const char *name;
	struct evtun *tun;	/* freed at the end, unless it is NULL then */
	int sock;
};

/* A device "vpn0" that is up, in a namespace of its own. */
void arrivals_begin(struct arrivals *a, enum kit_kind kind, int options);
void arrivals_end(struct arrivals *a);
/* Another queue of it. */
struct evtun *arrivals_queue(struct arrivals *a);

/* Send a packet of that index, on TAP to that address. */
void arrivals_send(struct arrivals *a, unsigned index);
void arrivals_send_to(struct arrivals *a, const ev_uint8_t to[6],
    unsigned index);

/* Fail unless the next packet that is read is that one, or the first bytes of
 * it; and unless there is none. */
void arrivals_check(struct arrivals *a, struct evtun *tun, unsigned index);
void arrivals_check_cut(struct arrivals *a, struct evtun *tun, unsigned index,
    size_t size);
void arrivals_check_to(struct arrivals *a, const ev_uint8_t to[6],
    unsigned index);
void arrivals_check_none(struct evtun *tun);

/* How many packets have been dropped, as ip says. */
long arrivals_dropped(struct arrivals *a);

#endif /* EVTUN_TESTS_ARRIVALS_H_INCLUDED_ */
