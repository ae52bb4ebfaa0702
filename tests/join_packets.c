#include "config.h"

#include <string.h>

#include "join_rig.h"
#include "kit.h"

#define PAYLOAD_MAX 65536
#define HEADERS_MAX 200

#define TCP 6
#define UDP 17
#define DESTINATION_OPTIONS 60

static void
put16(unsigned char *p, size_t value)
{
	p[0] = (unsigned char)(value >> 8);
	p[1] = (unsigned char)value;
}

static void
put32(unsigned char *p, ev_uint32_t value)
{
	put16(p, value >> 16);
	put16(p + 2, value & 0xffff);
}

void
rig_flow(struct rig_flow *flow, int is_ip6, int is_udp, int tags,
    unsigned which)
{
	size_t i;

	memset(flow, 0, sizeof(*flow));
	flow->is_ip6 = is_ip6;
	flow->is_udp = is_udp;
	flow->tags = tags;
	for (i = 0; i < sizeof(flow->ethernet); i++)
		flow->ethernet[i] = (unsigned char)(2 * i);
	flow->vlan = 5;
	memset(flow->addresses, 10, sizeof(flow->addresses));
	flow->addresses[1] = (unsigned char)which;
	put16(flow->ports, 1000 + which);
	put16(flow->ports + 2, 80);
	flow->ttl = 64;
	flow->frag = 0x4000;
	flow->id = 77;
	flow->seq = 1000000;
	flow->ack = 5;
	flow->flags = RIG_ACK;
	flow->window = 500;
	flow->payload = 100;
}

void
rig_flow_of_kind(struct rig_flow *flow, int kind)
{
	rig_flow(flow, kind & 1, kind >> 1 & 1, (kind >> 2) - 1, 1);
}

int
rig_is_ethernet(const struct rig_flow *flow)
{
	return flow->tags != RIG_TUN;
}

static size_t
put_ethernet(const struct rig_flow *flow, unsigned char *p)
{
	size_t at = sizeof(flow->ethernet);
	int i;

	if (flow->tags == RIG_TUN)
		return 0;
	memcpy(p, flow->ethernet, at);
	for (i = 0; i < flow->tags; i++, at += 4) {
		put16(p + at, i + 1 < flow->tags ? 0x88a8 : 0x8100);
		put16(p + at + 2, flow->vlan);
	}
	put16(p + at, flow->is_ip6 ? 0x86dd : 0x0800);
	return at + 2;
}

/* len: of all that follows. */
static size_t
put_ip4(const struct rig_flow *flow, unsigned char *p, size_t len)
{
	size_t header = 20 + (size_t)flow->ip_options;

	memset(p, 0, header);
	p[0] = (unsigned char)(0x40 | header / 4);
	p[1] = (unsigned char)flow->tos;
	put16(p + 2, header + len + flow->ip_len_error);
	put16(p + 4, flow->id);
	put16(p + 6, flow->frag);
	p[8] = (unsigned char)flow->ttl;
	p[9] = flow->is_udp ? UDP : TCP;
	put16(p + 10, 0);
	memcpy(p + 12, flow->addresses, 8);
	put16(p + 10, (rig_sum(p, header, 0) ^ 0xffff) + flow->ip_sum_error);
	return header;
}

static size_t
put_ip6(const struct rig_flow *flow, unsigned char *p, size_t len)
{
	size_t options = (size_t)flow->ip_options;
	unsigned protocol = flow->is_udp ? UDP : TCP;

	put32(p, 6u << 28 | flow->tos << 20 | flow->label);
	put16(p + 4, options + len + flow->ip_len_error);
	p[6] = (unsigned char)(options > 0 ? DESTINATION_OPTIONS : protocol);
	p[7] = (unsigned char)flow->ttl;
	memcpy(p + 8, flow->addresses, 32);
	if (options > 0) {
		memset(p + 40, 0, options);
		p[40] = (unsigned char)protocol;
	}
	return 40 + options;
}

static size_t
put_tcp(const struct rig_flow *flow, unsigned char *p)
{
	size_t header = 20 + flow->n_options;

	memcpy(p, flow->ports, 4);
	put32(p + 4, flow->seq);
	put32(p + 8, flow->ack);
	p[12] = (unsigned char)((flow->no_header ? 4 : header / 4) << 4 |
	    flow->reserved);
	p[13] = (unsigned char)flow->flags;
	put16(p + 14, flow->window);
	put16(p + 16, 0);
	put16(p + 18, flow->urgent);
	memcpy(p + 20, flow->options, flow->n_options);
	return header;
}

static size_t
put_udp(const struct rig_flow *flow, unsigned char *p)
{
	memcpy(p, flow->ports, 4);
	put16(p + 4, 8 + flow->payload + flow->udp_len_error);
	put16(p + 6, 0);
	return 8;
}

static unsigned
pseudo_sum(const struct rig_flow *flow, size_t len)
{
	return rig_sum(flow->addresses, flow->is_ip6 ? 32 : 8, (unsigned)len +
	    (flow->is_udp ? UDP : TCP));
}

/* Payload that differs from packet to packet, and the checksum over all. */
static void
finish(const struct rig_flow *flow, unsigned char *p, size_t header)
{
	unsigned char *field = p + (flow->is_udp ? 6 : 16);
	size_t i, len = header + flow->payload;
	unsigned check;

	for (i = 0; i < flow->payload; i++)
		p[header + i] = (unsigned char)(flow->seq + flow->id * 3 +
		    i * 7);
	check = rig_sum(p, len, pseudo_sum(flow, len)) ^ 0xffff;
	if (flow->zero_sum && flow->payload >= 2) {
		check += rig_get16(p + header);
		put16(p + header, (check & 0xffff) + (check >> 16));
		check = 0;
	}
	if (check == 0 && flow->is_udp)
		check = 0xffff;
	put16(field, flow->no_sum ? 0 : check + flow->sum_error);
}

void
rig_add(struct rig_batch *batch, struct rig_flow *flow)
{
	static unsigned char buf[HEADERS_MAX + PAYLOAD_MAX];
	unsigned char transport[80];
	size_t header, at, len;

	header = flow->is_udp ? put_udp(flow, transport) :
	    put_tcp(flow, transport);
	len = header + flow->payload;
	at = put_ethernet(flow, buf);
	at += flow->is_ip6 ? put_ip6(flow, buf + at, len) :
	    put_ip4(flow, buf + at, len);
	memcpy(buf + at, transport, header);
	finish(flow, buf + at, header);
	memset(buf + at + len, 0, (size_t)flow->trailing);
	rig_add_bytes(batch, buf, at + len + (size_t)flow->trailing);
	flow->id = (flow->id + 1) & 0xffff;
	flow->seq += (ev_uint32_t)flow->payload;
}

static void
change_ip(struct rig_flow *flow, enum rig_change change)
{
	switch (change) {
	case RIG_CHANGED_TOS:
		flow->tos ^= 1;
		break;
	case RIG_CHANGED_TTL:
		flow->ttl ^= 1;
		break;
	case RIG_CHANGED_LABEL:
		flow->label ^= 1;
		break;
	case RIG_CHANGED_ETHERNET:
		flow->ethernet[11] ^= 1;
		break;
	case RIG_CHANGED_VLAN:
		flow->vlan ^= 0x2000;
		break;
	case RIG_CHANGED_ID:
		flow->id ^= 0x100;
		break;
	case RIG_CHANGED_IP_OPTIONS:
		flow->ip_options ^= 8;
		break;
	case RIG_CHANGED_EMPTY:
		flow->payload = 0;
		break;
	case RIG_CHANGED_IP_LEN:
		flow->ip_len_error ^= 1;
		break;
	case RIG_CHANGED_IP_LEN_SHORT:
		flow->ip_len_error ^= 0xffff;
		break;
	case RIG_CHANGED_IP_SUM:
		flow->ip_sum_error ^= 1;
		break;
	case RIG_CHANGED_TRAILING:
		flow->trailing ^= 6;
		break;
	default:
		break;
	}
}

static void
change_transport(struct rig_flow *flow, enum rig_change change)
{
	switch (change) {
	case RIG_CHANGED_ACK:
		flow->ack++;
		break;
	case RIG_CHANGED_WINDOW:
		flow->window++;
		break;
	case RIG_CHANGED_OPTION:
		flow->options[11] ^= 1;
		break;
	case RIG_CHANGED_MORE_OPTIONS:
		flow->n_options = 16;
		break;
	case RIG_CHANGED_SEQ:
		flow->seq++;
		break;
	case RIG_CHANGED_URGENT:
		flow->urgent ^= 1;
		break;
	case RIG_CHANGED_NO_HEADER:
		flow->no_header ^= 1;
		break;
	case RIG_CHANGED_RESERVED:
		flow->reserved ^= 1;
		break;
	case RIG_CHANGED_UDP_LEN:
		flow->udp_len_error ^= 1;
		break;
	case RIG_CHANGED_SUM:
		flow->sum_error ^= 1;
		break;
	case RIG_CHANGED_NO_SUM:
		flow->no_sum ^= 1;
		break;
	default:
		break;
	}
}

void
rig_change(struct rig_flow *flow, enum rig_change change)
{
	static const unsigned frag[RIG_CHANGES] = {
		[RIG_CHANGED_RESERVED_BIT] = 0x8000,
		[RIG_CHANGED_DF] = 0x4000,
		[RIG_CHANGED_MORE_FRAGMENTS] = 0x2000,
		[RIG_CHANGED_OFFSET] = 1
	};
	static const unsigned flags[RIG_CHANGES] = {
		[RIG_CHANGED_ECE] = RIG_ECE,
		[RIG_CHANGED_SYN] = RIG_SYN,
		[RIG_CHANGED_RST] = RIG_RST,
		[RIG_CHANGED_URG] = RIG_URG,
		[RIG_CHANGED_CWR] = RIG_CWR,
		[RIG_CHANGED_NO_ACK] = RIG_ACK,
		[RIG_CHANGED_PSH] = RIG_PSH,
		[RIG_CHANGED_FIN] = RIG_FIN
	};

	flow->frag ^= frag[change];
	flow->flags ^= flags[change];
	change_ip(flow, change);
	change_transport(flow, change);
}
