#ifndef EVTUN_TESTS_SEGMENTS_H_INCLUDED_
#define EVTUN_TESTS_SEGMENTS_H_INCLUDED_
/*
 * Frames with a description, as the other side of a device with
 * EVTUN_OPT_OFFLOAD sends and sees them, and what packets are in them: split
 * here as plainly as it can be done, every sum by 16-bit words.
 */
#include <stddef.h>

#include <event2/util.h>

#include "evtun/offload.h"
#include "kit.h"

struct virtio_net_hdr;

enum segments_sort {
	SEGMENTS_TCP4,
	SEGMENTS_TCP6,
	SEGMENTS_UDP4,
	SEGMENTS_UDP6,
	SEGMENTS_N_SORTS
};

/* What a frame is to be like; all zero is one as well. */
struct segments_form {
	enum segments_sort sort;
	int ethernet;		/* an Ethernet frame, with so many */
	int tags;		/* tags of VLANs */
	unsigned flow;		/* its ports */
	unsigned id;		/* of IPv4: the first segment's */
	ev_uint32_t seq;	/* of TCP; the payload depends on it, always */
	unsigned flags;		/* of TCP; 0 is ACK alone */
	size_t payload;
	size_t gso_size;	/* it is a large frame if payload is more */
};

struct segments_frame {
	struct evtun_offload offload;
	int ethernet;
	size_t len;
	unsigned char data[KIT_TOO_LARGE];
};

/* Make a large frame, or a packet whose checksum has only been begun. */
void segments_make(struct segments_frame *frame,
    const struct segments_form *form);
/* The same, and complete: an ordinary packet. */
void segments_make_complete(struct segments_frame *frame,
    const struct segments_form *form);
/* Complete what is no large frame. */
void segments_complete(struct segments_frame *frame);
/* How many packets are in it. */
size_t segments_count(const struct segments_frame *frame);

/* ---- lists of packets ---- */

struct segments_list {
	struct kit_packet *packets;
	size_t n;
};

/* All zero is an empty list. */
void segments_list_clear(struct segments_list *list);
void segments_list_add(struct segments_list *list, const void *data,
    size_t len);
/* Add the packets that are in a frame. */
void segments_list_split(struct segments_list *list,
    const struct segments_frame *frame);
/* Fail, in words, unless that is packet i of the list. */
void segments_list_check(const struct segments_list *list, size_t i,
    const void *data, size_t len);
/* Fail unless a log has exactly the packets of the list. */
void segments_list_compare(const struct segments_list *list,
    const struct kit_log *log);

/* ---- the other side: segments_socket.c ---- */

/* A packet socket at an interface that sends and receives frames with their
 * descriptions; it does not see what it, or another, has sent. */
evutil_socket_t segments_socket(const char *ifname);
/* What a packet socket says of such a frame: never of tunnels. */
void segments_put_header(struct virtio_net_hdr *hdr,
    const struct evtun_offload *o);
/* Send a frame into the device.  It must be taken. */
void segments_send(evutil_socket_t fd, const struct segments_frame *frame);
/* Send what a form describes, and add its packets to the list. */
void segments_flood(evutil_socket_t fd, const struct segments_form *form,
    struct segments_list *list);
/* Receive a frame: 1, or 0 if there is none now.  ethernet says what the
 * interface has. */
int segments_receive(evutil_socket_t fd, int ethernet,
    struct segments_frame *frame);
/* Receive one that must be there, soon at the latest. */
void segments_await(evutil_socket_t fd, int ethernet,
    struct segments_frame *frame);
/* Fail unless the two are the same, but for the hint hdr_len, and flags that
 * only the receiver needs. */
void segments_same(const struct segments_frame *a,
    const struct segments_frame *b);

#endif /* EVTUN_TESTS_SEGMENTS_H_INCLUDED_ */
