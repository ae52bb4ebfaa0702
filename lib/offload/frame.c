#include "config.h"

#include "offload-internal.h"

/* IEEE 802.3 and 802.1Q. */
#define ETHERNET_HEADER 14
#define ETHERTYPE_IP 0x0800
#define ETHERTYPE_IP6 0x86dd
#define ETHERTYPE_VLAN 0x8100
#define ETHERTYPE_SERVICE_VLAN 0x88a8
#define VLAN_TAG 4
/* As many as Linux looks at (VLAN_MAX_DEPTH). */
#define VLAN_TAGS_MAX 8

/* RFC 791 and 8200. */
#define IP4_HEADER 20
#define IP4_FRAGMENT 0x3fff	/* more of them, and the offset */
#define IP6_HEADER 40
#define IP6_HOP_BY_HOP 0
#define IP6_ROUTING 43
#define IP6_DESTINATION 60

#define PROTOCOL_TCP 6
#define PROTOCOL_UDP 17
#define TCP_HEADER 20
#define TCP_CSUM 16
#define UDP_HEADER 8
#define UDP_CSUM 6

/* The longest packet; and a size that means something else to Linux
 * (GSO_BY_FRAGS). */
#define PACKET_MAX 65535
#define GSO_SIZE_RESERVED 0xffff

#define TUNNELS (EVTUN_OFFLOAD_TUNNEL4 | EVTUN_OFFLOAD_TUNNEL6)

/* ---- headers ---- */

static int
is_vlan(unsigned type)
{
	return type == ETHERTYPE_VLAN || type == ETHERTYPE_SERVICE_VLAN;
}

/* The version of IP is known when its first byte is there. */
static enum offload_refusal_
check_version(const unsigned char *frame, size_t at, unsigned type)
{
	unsigned version = frame[at] >> 4;

	if ((type == ETHERTYPE_IP && version == 4) ||
	    (type == ETHERTYPE_IP6 && version == 6))
		return OFFLOAD_GOOD_;
	return OFFLOAD_TYPE_;
}

/* Find where the IP header is: at 0, or behind an Ethernet header and its VLAN
 * tags. */
static enum offload_refusal_
find_ip(const unsigned char *frame, size_t len, int ethernet, size_t *at)
{
	unsigned type;
	int tags;

	*at = ethernet ? ETHERNET_HEADER : 0;
	if (len <= *at)
		return OFFLOAD_SHORT_;
	if (!ethernet)
		return OFFLOAD_GOOD_;
	for (tags = 0; tags < VLAN_TAGS_MAX; tags++) {
		type = offload_get16_(frame + *at - 2);
		if (!is_vlan(type))
			return check_version(frame, *at, type);
		*at += VLAN_TAG;
		if (len <= *at)
			return OFFLOAD_SHORT_;
	}
	return OFFLOAD_TYPE_;
}

static enum offload_refusal_
parse_ip4(struct offload_ip_ *ip, const unsigned char *p, size_t len)
{
	size_t header;

	if (len < IP4_HEADER)
		return OFFLOAD_SHORT_;
	header = (size_t)(p[0] & 15) * 4;
	if (header < IP4_HEADER)
		return OFFLOAD_LENGTH_;
	if (len < header)
		return OFFLOAD_SHORT_;
	if (offload_get16_(p + 2) != len)
		return OFFLOAD_LENGTH_;
	if (offload_get16_(p + 6) & IP4_FRAGMENT)
		return OFFLOAD_TYPE_;
	ip->protocol = p[9];
	ip->transport = ip->at + header;
	return OFFLOAD_GOOD_;
}

/* The extension headers that may stand in every segment, as Linux has it
 * (INET6_PROTO_GSO_EXTHDR); the one of a fragment may not. */
static int
is_extension(unsigned protocol)
{
	return protocol == IP6_HOP_BY_HOP || protocol == IP6_ROUTING ||
	    protocol == IP6_DESTINATION;
}

static enum offload_refusal_
parse_ip6(struct offload_ip_ *ip, const unsigned char *p, size_t len)
{
	size_t header = IP6_HEADER;

	if (len < IP6_HEADER)
		return OFFLOAD_SHORT_;
	/* This refuses jumbograms, whose length is elsewhere. */
	if (offload_get16_(p + 4) != len - IP6_HEADER)
		return OFFLOAD_LENGTH_;
	ip->protocol = p[6];
	while (is_extension(ip->protocol)) {
		if (len < header + 8)
			return OFFLOAD_SHORT_;
		ip->protocol = p[header];
		header += ((size_t)p[header + 1] + 1) * 8;
	}
	if (len < header)
		return OFFLOAD_SHORT_;
	ip->transport = ip->at + header;
	return OFFLOAD_GOOD_;
}

/* An IP header, with extension headers: the packet ends where the frame does,
 * and is no fragment. */
static enum offload_refusal_
parse_ip(struct offload_ip_ *ip, const unsigned char *frame, size_t len,
    size_t at)
{
	if (len <= at)
		return OFFLOAD_SHORT_;
	ip->at = at;
	ip->is_ip6 = frame[at] >> 4 == 6;
	if (ip->is_ip6)
		return parse_ip6(ip, frame + at, len - at);
	if (frame[at] >> 4 == 4)
		return parse_ip4(ip, frame + at, len - at);
	return OFFLOAD_TYPE_;
}

static enum offload_refusal_
parse_tcp(const unsigned char *p, size_t len, size_t *header)
{
	if (len < TCP_HEADER)
		return OFFLOAD_SHORT_;
	*header = (size_t)(p[12] >> 4) * 4;
	if (*header < TCP_HEADER)
		return OFFLOAD_LENGTH_;
	return len < *header ? OFFLOAD_SHORT_ : OFFLOAD_GOOD_;
}

static enum offload_refusal_
parse_udp(const unsigned char *p, size_t len, size_t *header)
{
	if (len < UDP_HEADER)
		return OFFLOAD_SHORT_;
	*header = UDP_HEADER;
	return offload_get16_(p + 4) != len ? OFFLOAD_LENGTH_ :
	    OFFLOAD_GOOD_;
}

/* The header of TCP or of UDP, which it is; where the payload begins. */
static enum offload_refusal_
parse_transport(const struct offload_ip_ *ip, const unsigned char *frame,
    size_t len, size_t *payload)
{
	const unsigned char *p = frame + ip->transport;
	size_t rest = len - ip->transport, header = 0;
	enum offload_refusal_ refusal;

	refusal = ip->protocol == PROTOCOL_UDP ?
	    parse_udp(p, rest, &header) : parse_tcp(p, rest, &header);
	*payload = ip->transport + header;
	return refusal;
}

/* ---- a frame, and what is said of it ---- */

static enum offload_refusal_
check_type(struct offload_split_ *split, const struct evtun_offload *hdr)
{
	unsigned tunnel = hdr->gso_type & TUNNELS;
	unsigned type = hdr->gso_type & ~(unsigned)TUNNELS;

	split->is_udp = type == EVTUN_OFFLOAD_UDP;
	split->needs_csum = (hdr->flags & EVTUN_OFFLOAD_NEEDS_CSUM) != 0;
	split->is_tunnel = tunnel != 0;
	split->outer_csum = (hdr->flags & EVTUN_OFFLOAD_TUNNEL_CSUM) != 0;
	if (tunnel == TUNNELS)
		return OFFLOAD_TYPE_;
	if (split->is_udp)
		return OFFLOAD_GOOD_;
	type &= ~(unsigned)EVTUN_OFFLOAD_ECN;
	return type == EVTUN_OFFLOAD_TCP4 || type == EVTUN_OFFLOAD_TCP6 ?
	    OFFLOAD_GOOD_ : OFFLOAD_TYPE_;
}

/* Whether what is inside is what the type says. */
static int
type_fits(const struct offload_split_ *split, const struct evtun_offload *hdr)
{
	unsigned type = hdr->gso_type & ~(unsigned)(TUNNELS |
	    EVTUN_OFFLOAD_ECN);

	if (split->is_udp)
		return split->ip.protocol == PROTOCOL_UDP;
	return split->ip.protocol == PROTOCOL_TCP &&
	    split->ip.is_ip6 == (type == EVTUN_OFFLOAD_TCP6);
}

/* The outer headers of a tunnel are where the description says they are. */
static enum offload_refusal_
parse_outer(struct offload_split_ *split, const struct evtun_offload *hdr,
    size_t at, size_t *inner)
{
	enum offload_refusal_ refusal;
	size_t payload;

	refusal = parse_ip(&split->outer, split->frame, split->len, at);
	if (refusal != OFFLOAD_GOOD_)
		return refusal;
	if (split->outer.protocol != PROTOCOL_UDP || split->outer.is_ip6 !=
	    ((hdr->gso_type & EVTUN_OFFLOAD_TUNNEL6) != 0))
		return OFFLOAD_TYPE_;
	refusal = parse_transport(&split->outer, split->frame, split->len,
	    &payload);
	if (refusal != OFFLOAD_GOOD_)
		return refusal;
	if (hdr->outer_th_offset != split->outer.transport ||
	    hdr->inner_nh_offset < payload)
		return OFFLOAD_LENGTH_;
	*inner = hdr->inner_nh_offset;
	return OFFLOAD_GOOD_;
}

static enum offload_refusal_
parse(struct offload_split_ *split, const struct evtun_offload *hdr,
    int ethernet)
{
	enum offload_refusal_ refusal;
	size_t at;

	/* A hint, but Linux believes that much of it. */
	if (hdr->hdr_len > split->len)
		return OFFLOAD_SHORT_;
	refusal = find_ip(split->frame, split->len, ethernet, &at);
	if (refusal == OFFLOAD_GOOD_ && split->is_tunnel)
		refusal = parse_outer(split, hdr, at, &at);
	if (refusal == OFFLOAD_GOOD_)
		refusal = parse_ip(&split->ip, split->frame, split->len, at);
	if (refusal != OFFLOAD_GOOD_)
		return refusal;
	if (!type_fits(split, hdr))
		return OFFLOAD_TYPE_;
	return parse_transport(&split->ip, split->frame, split->len,
	    &split->payload);
}

/* Only segments of TCP can be made without a checksum that was begun. */
static enum offload_refusal_
check_csum(const struct offload_split_ *split, const struct evtun_offload *hdr)
{
	unsigned offset = split->is_udp ? UDP_CSUM : TCP_CSUM;

	if (!split->needs_csum)
		return split->is_udp || split->is_tunnel ? OFFLOAD_CSUM_ :
		    OFFLOAD_GOOD_;
	return hdr->csum_start == split->ip.transport &&
	    hdr->csum_offset == offset ? OFFLOAD_GOOD_ : OFFLOAD_CSUM_;
}

/* Linux tells a large frame from an ordinary packet before it knows of TCP
 * options, and then drops what has turned out to be too short for one. */
static int
is_neither(const struct offload_split_ *split, size_t payload, size_t size)
{
	size_t header = split->payload - split->ip.transport;

	return !split->is_udp && payload <= size &&
	    payload + header - TCP_HEADER > size;
}

static enum offload_refusal_
check_size(struct offload_split_ *split, const struct evtun_offload *hdr)
{
	size_t payload = split->len - split->payload, segments;
	size_t first = split->is_tunnel ? split->outer.at : split->ip.at;

	if (hdr->gso_size == 0 || hdr->gso_size == GSO_SIZE_RESERVED ||
	    is_neither(split, payload, hdr->gso_size))
		return OFFLOAD_SIZE_;
	split->gso_size = hdr->gso_size < payload ? hdr->gso_size : payload;
	if (split->payload + split->gso_size - first > PACKET_MAX)
		return OFFLOAD_LENGTH_;
	segments = payload == 0 ? 1 :
	    (payload + split->gso_size - 1) / split->gso_size;
	if (segments > (split->is_udp ? OFFLOAD_UDP_SEGMENTS_ :
	    OFFLOAD_TCP_SEGMENTS_))
		return OFFLOAD_SEGMENTS_;
	split->segments = (unsigned)segments;
	return OFFLOAD_GOOD_;
}

enum offload_refusal_
offload_check_(struct offload_split_ *split, const struct evtun_offload *hdr,
    int ethernet)
{
	enum offload_refusal_ refusal;

	refusal = check_type(split, hdr);
	if (refusal == OFFLOAD_GOOD_)
		refusal = parse(split, hdr, ethernet);
	if (refusal == OFFLOAD_GOOD_)
		refusal = check_csum(split, hdr);
	if (refusal == OFFLOAD_GOOD_)
		refusal = check_size(split, hdr);
	return refusal;
}

/* With VLAN tags, it takes every tunnel for one over IPv4, and does not count
 * a tag of its own. */
static void
mend_tagged(struct evtun_offload *hdr, const struct offload_ip_ *outer)
{
	hdr->gso_type &= (ev_uint8_t)~TUNNELS;
	hdr->gso_type |= outer->is_ip6 ? EVTUN_OFFLOAD_TUNNEL6 :
	    EVTUN_OFFLOAD_TUNNEL4;
	if ((size_t)hdr->outer_th_offset + VLAN_TAG != outer->transport)
		return;
	hdr->outer_th_offset = (ev_uint16_t)(hdr->outer_th_offset + VLAN_TAG);
	hdr->inner_nh_offset = (ev_uint16_t)(hdr->inner_nh_offset + VLAN_TAG);
}

/* A tunnel that it takes for no large frame any more, it calls one still. */
static void
mend_single(struct evtun_offload *hdr)
{
	hdr->gso_type = EVTUN_OFFLOAD_NONE;
	hdr->flags &= (ev_uint8_t)~EVTUN_OFFLOAD_TUNNEL_CSUM;
	hdr->outer_th_offset = hdr->inner_nh_offset = 0;
}

void
offload_mend_(struct evtun_offload *hdr, const void *frame, size_t len,
    int ethernet)
{
	struct offload_ip_ outer;
	size_t at;

	if (!(hdr->gso_type & TUNNELS) ||
	    find_ip(frame, len, ethernet, &at) != OFFLOAD_GOOD_ ||
	    parse_ip(&outer, frame, len, at) != OFFLOAD_GOOD_ ||
	    outer.protocol != PROTOCOL_UDP)
		return;
	if (at > ETHERNET_HEADER)
		mend_tagged(hdr, &outer);
	if ((hdr->gso_type & ~(unsigned)TUNNELS) == EVTUN_OFFLOAD_NONE &&
	    hdr->outer_th_offset == outer.transport)
		mend_single(hdr);
}
