#ifndef EVTUN_TESTS_PEER_H_INCLUDED_
#define EVTUN_TESTS_PEER_H_INCLUDED_
/*
 * A host at the other side of a device that is not there: the kernel sends it
 * packets of both families, and a packetevent answers them.
 */
#include <stddef.h>

#include "kit.h"

/* How much of a frame lies before the IP header. */
size_t peer_header(enum kit_kind kind);
/* Addresses of both families for a device, and a way to the peer.  For all
 * that comes, the kernel sends IPv6 frames of its own, too. */
void peer_add_addresses(struct evtun *tun, enum kit_kind kind);
/* Tell whether an IP packet is to the peer, or from it. */
int peer_is(const unsigned char *ip, size_t len, int from);
/* Turn a frame to the peer, with such a header, into the answer. */
void peer_answer(unsigned char *frame, size_t header);

/* Answers what is sent to the peer over end 0 of a rig, and keeps it. */
struct peer {
	struct kit_rig *rig;
	struct kit_log asked, answered;
};
/* ctx is a struct peer. */
void peer_readcb(struct packetevent *pev, struct evbuffer_iovec *pkts, int n,
    void *ctx);

/* A nonblocking socket that is connected to the peer. */
int peer_socket(int family, int type, int protocol);
/* Send it that many bytes, or an echo request with this number, and run the
 * loop until the answer is here; it must be the right one. */
void peer_ask_udp(struct kit_rig *rig, int family, size_t size);
void peer_ping(struct kit_rig *rig, int family, unsigned char number);

#endif /* EVTUN_TESTS_PEER_H_INCLUDED_ */
