#ifndef EVTUN_TESTS_JOIN_RIG_H_INCLUDED_
#define EVTUN_TESTS_JOIN_RIG_H_INCLUDED_
/*
 * Packets to be joined, and what must hold of any batch of them.
 */
#include <stddef.h>

#include <event2/buffer.h>
#include <event2/util.h>

#include "offload/offload-internal.h"

/* No Ethernet header: packets of a TUN device. */
#define RIG_TUN (-1)

/* What the next packet of a flow is like.  All is right, and fit for joining,
 * after rig_flow(). */
struct rig_flow {
	int is_ip6, is_udp;
	int tags;		/* of VLANs, or RIG_TUN */
	unsigned char ethernet[12];
	unsigned vlan;
	unsigned char addresses[32];	/* the first bytes, for IPv4 */
	unsigned char ports[4];
	unsigned tos, label, ttl;
	unsigned id, frag;	/* of IPv4: DF and so on in the latter */
	int ip_options;		/* IPv4 options, or an IPv6 header of some,
				 * of that many bytes: 4, or 8 */
	ev_uint32_t seq, ack;
	unsigned flags, window, urgent, reserved;
	unsigned char options[40];
	size_t n_options;	/* bytes, a multiple of 4 */
	int no_header;		/* TCP: it says it is shorter than it can be */
	size_t payload;
	/* To be added to what would be right. */
	unsigned ip_len_error, ip_sum_error, udp_len_error, sum_error;
	int no_sum;		/* the checksum is 0 */
	int zero_sum;		/* so it is, by right: the payload is chosen */
	int trailing;		/* bytes behind the packet */
};

/* What may be different in a packet. */
enum rig_change {
	/* Joined if all are so, but not if one is. */
	RIG_CHANGED_TOS,
	RIG_CHANGED_TTL,
	RIG_CHANGED_DF,
	RIG_CHANGED_RESERVED_BIT,
	RIG_CHANGED_LABEL,
	RIG_CHANGED_ETHERNET,
	RIG_CHANGED_VLAN,
	RIG_CHANGED_ACK,
	RIG_CHANGED_WINDOW,
	RIG_CHANGED_ECE,
	RIG_CHANGED_OPTION,
	RIG_CHANGED_MORE_OPTIONS,
	/* Not even then. */
	RIG_CHANGED_ID,
	RIG_CHANGED_MORE_FRAGMENTS,
	RIG_CHANGED_OFFSET,
	RIG_CHANGED_IP_OPTIONS,
	RIG_CHANGED_SEQ,
	RIG_CHANGED_SYN,
	RIG_CHANGED_RST,
	RIG_CHANGED_URG,
	RIG_CHANGED_URGENT,
	RIG_CHANGED_CWR,
	RIG_CHANGED_NO_ACK,
	RIG_CHANGED_NO_HEADER,
	RIG_CHANGED_RESERVED,
	RIG_CHANGED_PSH,
	RIG_CHANGED_FIN,
	RIG_CHANGED_EMPTY,
	RIG_CHANGED_IP_LEN,
	RIG_CHANGED_IP_LEN_SHORT,
	RIG_CHANGED_IP_SUM,
	RIG_CHANGED_UDP_LEN,
	RIG_CHANGED_SUM,
	RIG_CHANGED_NO_SUM,
	RIG_CHANGED_TRAILING,
	RIG_CHANGES
};

#define RIG_FIN 0x01
#define RIG_SYN 0x02
#define RIG_RST 0x04
#define RIG_PSH 0x08
#define RIG_ACK 0x10
#define RIG_URG 0x20
#define RIG_ECE 0x40
#define RIG_CWR 0x80

#define RIG_PACKETS OFFLOAD_BATCH_

/* Packets, each in memory of its exact size. */
struct rig_batch {
	const char *name;	/* for messages */
	struct offload_rules_ rules;
	struct evbuffer_iovec pkts[RIG_PACKETS];
	int n;
	struct offload_batch_ sorted;
};

/* A flow, one of many: `which` tells them apart. */
void rig_flow(struct rig_flow *flow, int is_ip6, int is_udp, int tags,
    unsigned which);
/* One of each kind, as an index for kit_loop(): of IPv4 or IPv6, of TCP or
 * UDP, of TUN or of Ethernet with up to two tags. */
#define RIG_KINDS 16
void rig_flow_of_kind(struct rig_flow *flow, int kind);
int rig_is_ethernet(const struct rig_flow *flow);
/* Change how the next packets will be. */
void rig_change(struct rig_flow *flow, enum rig_change change);
/* An empty batch, for which everything is allowed. */
void rig_batch(struct rig_batch *batch, const char *name, int ethernet);
/* Add the next packet of a flow, and count its id and seq up. */
void rig_add(struct rig_batch *batch, struct rig_flow *flow);
/* Add a copy of any bytes. */
void rig_add_bytes(struct rig_batch *batch, const void *data, size_t len);
/* Make the last packet shorter, its memory as well. */
void rig_cut(struct rig_batch *batch, size_t len);

/* The naive way. */
unsigned rig_get16(const unsigned char *p);
/* RFC 1071, as it stands there, not complemented. */
unsigned rig_sum(const unsigned char *p, size_t len, unsigned so_far);

/* Sort the batch, and fail unless all that must hold of it does: every packet
 * is in one group, nothing overtakes in a flow, and what is joined is within
 * the limits and is split into what it was. */
void rig_check(struct rig_batch *batch);
/* The same, and these must be the groups: "0 1;2;3". */
void rig_check_groups(struct rig_batch *batch, const char *groups);
/* The groups, in memory of their own. */
char *rig_groups(const struct rig_batch *batch);
void rig_batch_free(struct rig_batch *batch);

#endif /* EVTUN_TESTS_JOIN_RIG_H_INCLUDED_ */
