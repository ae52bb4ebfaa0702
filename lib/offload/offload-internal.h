#ifndef EVTUN_OFFLOAD_INTERNAL_H_INCLUDED_
#define EVTUN_OFFLOAD_INTERNAL_H_INCLUDED_
/*
 * Pure functions on memory: checksums, and what the kernel hands over and
 * takes with EVTUN_OPT_OFFLOAD, split and joined.  No I/O, no allocation, no
 * state.
 *
 * Frames are hostile: whoever writes to a packet socket, or to a bridged
 * device of another machine, chooses every byte of a frame and of its
 * description.  Nothing is used before it has been checked.
 *
 * Sources: RFC 1071 (the sum), RFC 791, 8200, 9293 and 768 (headers), 3168
 * (CWR); Linux include/linux/virtio_net.h (what a description may say),
 * net/ipv4/af_inet.c, tcp_offload.c, udp_offload.c and net/ipv6/ip6_offload.c
 * (what comes out of a split).
 */
#include <stddef.h>

#include <event2/buffer.h>
#include <event2/util.h>

#include "evtun/offload.h"

/* ---- checksum.c ---- */

/*
 * The sum of 16-bit words of RFC 1071, as they lie in memory, so that it is
 * right on either byte order.  A sum is any number below 2^32 that is
 * congruent to it modulo 0xffff, and is 0 only if all words are; it may be
 * passed on as the beginning of another.  A last odd byte is followed by a
 * zero: only the last piece of what is summed up may have an odd length.
 */
unsigned offload_sum_(const void *data, size_t len, unsigned sum);
/* The same, and copy; the two do not overlap. */
unsigned offload_copy_sum_(void *to, const void *from, size_t len,
    unsigned sum);

/* Fold a sum into the 16 bits that a header has, complemented. */
static inline ev_uint16_t
offload_finish_(unsigned sum)
{
	sum = (sum >> 16) + (sum & 0xffff);
	sum += sum >> 16;
	return (ev_uint16_t)~sum;
}

/* ---- split.c ---- */

/* Why a frame is refused. */
enum offload_refusal_ {
	OFFLOAD_GOOD_,
	OFFLOAD_SHORT_,		/* it ends before its headers do */
	OFFLOAD_TYPE_,		/* a type that is not known, not for this
				 * protocol, or not for a fragment */
	OFFLOAD_LENGTH_,	/* the lengths in it contradict its own */
	OFFLOAD_CSUM_,		/* the checksum is to go where there is none */
	OFFLOAD_SIZE_,		/* segments of no size */
	OFFLOAD_SEGMENTS_,	/* too many of them */
	OFFLOAD_N_REFUSALS_
};

/* The most segments that are made of one frame: what Linux allows for UDP
 * (UDP_MAX_SEGMENTS), and for TCP as many as any real frame has. */
#define OFFLOAD_UDP_SEGMENTS_ 128
#define OFFLOAD_TCP_SEGMENTS_ 2048

/* An IP header of a frame, and where what it carries begins. */
struct offload_ip_ {
	size_t at, transport;
	unsigned char is_ip6, protocol;
	/* IPv4: the identification in the first segment, and the sum of what
	 * all of them have in common. */
	ev_uint16_t id;
	unsigned sum;
};

/* A frame that is being split: offload_begin_() fills it in, offload_next_()
 * goes through it, and others read only how many segments there are.  The
 * frame must stay as it is meanwhile. */
struct offload_split_ {
	const unsigned char *frame;
	size_t len;
	size_t payload;		/* where it begins: the length of headers */
	size_t done;		/* bytes of payload that are handed out */
	size_t gso_size;	/* never more than there is payload */
	unsigned segments;	/* all of them, at least 1 */
	unsigned next;		/* the one that is next */
	unsigned char is_udp, needs_csum, is_tunnel, outer_csum;
	struct offload_ip_ ip;
	struct offload_ip_ outer;	/* tunnels: around the outer UDP */
	unsigned char flags;	/* TCP: those of the frame */
	ev_uint32_t seq;	/* TCP: that of the frame */
	/* What the sums of all segments have in common: the pseudo-header, as
	 * if of length 0, and with it the header; the outer pseudo-header. */
	unsigned pseudo, sum, outer_pseudo;
};

/*
 * Check a frame that is to be split: hdr->gso_type is not EVTUN_OFFLOAD_NONE.
 * ethernet: it begins with an Ethernet header, with VLAN tags or without;
 * otherwise with IP.  OFFLOAD_GOOD_, or why not; then split is undefined.
 */
enum offload_refusal_ offload_begin_(struct offload_split_ *split,
    const struct evtun_offload *hdr, const void *frame, size_t len,
    int ethernet);

/* The longest segment that is still to come. */
static inline size_t
offload_next_max_(const struct offload_split_ *split)
{
	return split->payload + split->gso_size;
}

static inline int
offload_is_done_(const struct offload_split_ *split)
{
	return split->next >= split->segments;
}

/* Put the next segment to `to`, which has room for offload_next_max_() bytes
 * and does not overlap the frame: headers, checksums, and all.  Return its
 * length.  Not after offload_is_done_(). */
size_t offload_next_(struct offload_split_ *split, void *to);

/* Finish the checksum of an ordinary packet with EVTUN_OFFLOAD_NEEDS_CSUM, in
 * place.  OFFLOAD_GOOD_, or why not; then it is as it was. */
enum offload_refusal_ offload_complete_(const struct evtun_offload *hdr,
    void *frame, size_t len);

/* ---- frame.c ---- */

/* The check that offload_begin_() makes of split->frame, by which it learns
 * everything up to split->outer. */
enum offload_refusal_ offload_check_(struct offload_split_ *split,
    const struct evtun_offload *hdr, int ethernet);

static inline unsigned
offload_get16_(const unsigned char *p)
{
	return (unsigned)p[0] << 8 | p[1];
}

/* Linux (to 6.18 at least) describes a tunnel in a frame with a VLAN tag that
 * it has put there itself as if the tag were not there, one over IPv6 behind
 * tags as one over IPv4, and one of a single segment as a tunnel of nothing:
 * set that right.  Only for a description that Linux has given. */
void offload_mend_(struct evtun_offload *hdr, const void *frame, size_t len,
    int ethernet);

/* Whether the frame could be split, or its checksum finished; in split.c. */
int offload_is_sound_(const struct evtun_offload *hdr, const void *frame,
    size_t len, int ethernet);

/* ---- join.c ---- */

/* What may be joined. */
#define OFFLOAD_JOIN_TCP4_ 0x1
#define OFFLOAD_JOIN_TCP6_ 0x2
#define OFFLOAD_JOIN_UDP_ 0x4

/* The most packets that are looked at together. */
#define OFFLOAD_BATCH_ 128
/* The longest headers, all together, of packets that are joined. */
#define OFFLOAD_HEADERS_MAX_ 192

struct offload_rules_ {
	unsigned allowed;	/* OFFLOAD_JOIN_TCP4_, ... */
	unsigned udp_segments;	/* the most in a frame: 64 or 128 */
	int ethernet;		/* packets begin with an Ethernet header */
	int unsummed;		/* offload_copy_() looks at checksums */
};

/* Packets that leave as one frame, or a single one. */
struct offload_group_ {
	short first, last;	/* packets, by index in the batch */
	short n;
	/* The rest is join.c's own, and told only of packets that could be
	 * joined (headers != 0). */
	ev_uint16_t headers;	/* bytes of headers of each packet */
	ev_uint16_t ip, transport;
	unsigned char is_ip6, is_udp;
	unsigned char open;	/* more may be joined to it */
	ev_uint32_t hash;	/* of the flow */
	ev_uint32_t seq;	/* of TCP: what comes next */
	size_t gso_size;	/* payload of every packet but the last */
	size_t payload;		/* of all of them */
};

struct offload_batch_ {
	int n_groups;
	/* In the order in which they are to leave. */
	struct offload_group_ group[OFFLOAD_BATCH_];
	/* The packet that follows a packet in its group, or -1. */
	short next[OFFLOAD_BATCH_];
};

/*
 * Sort at most OFFLOAD_BATCH_ packets into groups.  Splitting a group gives
 * back every packet byte for byte; within a flow no packet leaves before one
 * that came earlier.  Only n_groups of batch need be valid before: nothing.
 */
void offload_sort_(struct offload_batch_ *batch,
    const struct offload_rules_ *rules, const struct evbuffer_iovec *pkts,
    int n_pkts);

/*
 * Describe the frame of a group of more than one packet: the headers go to
 * `headers` (OFFLOAD_HEADERS_MAX_ bytes), whose length is returned; the frame
 * is those, and then the payload of every packet (all of it but the first
 * group->headers bytes) in the order of batch->next.
 */
size_t offload_join_(const struct offload_group_ *group,
    const struct evbuffer_iovec *pkts, unsigned char *headers,
    struct evtun_offload *hdr);

/* Copy the payload of one packet of a group of more.  Return whether its
 * checksum is right: if not, no packet of the group may be joined, as the
 * frame would get a right one. */
int offload_copy_(const struct offload_group_ *group,
    const struct evbuffer_iovec *pkt, unsigned char *to);

#endif /* EVTUN_OFFLOAD_INTERNAL_H_INCLUDED_ */
