#ifndef EVTUN_JOIN_INTERNAL_H_INCLUDED_
#define EVTUN_JOIN_INTERNAL_H_INCLUDED_
/*
 * What join.c and join_packet.c share: a packet that may be joined, and how
 * its headers are read.
 */
#include <string.h>

#include "offload-internal.h"

#define PROTOCOL_TCP_ 6
#define PROTOCOL_UDP_ 17
#define IP4_HEADER_ 20
#define IP6_HEADER_ 40
#define UDP_HEADER_ 8
#define TCP_HEADER_ 20
/* Where their fields are. */
#define TCP_SEQ_ 4
#define TCP_FLAGS_ 13
#define TCP_CHECK_ 16
#define UDP_LENGTH_ 4
#define UDP_CHECK_ 6

/* A split leaves FIN and PSH to the last segment. */
#define TCP_FIN_ 0x01
#define TCP_PSH_ 0x08
#define TCP_LAST_ (TCP_FIN_ | TCP_PSH_)

/* Which of the packets before it a packet may belong to. */
enum join_kin_ {
	JOIN_KIN_NONE_,		/* none that could be joined */
	JOIN_KIN_FLOW_,		/* those of the same addresses and ports */
	JOIN_KIN_HOSTS_,	/* of the same addresses, at least */
	JOIN_KIN_ALL_		/* any of them: it cannot be told */
};

struct join_packet_ {
	const unsigned char *data;
	size_t len;
	enum join_kin_ kin;
	unsigned char joinable;	/* but perhaps to nothing */
	unsigned char is_last;	/* nothing is joined to it */
	/* Of those with a flow, or hosts. */
	unsigned char is_ip6, is_udp;
	ev_uint16_t ip, transport;
	/* Of those that are joinable. */
	ev_uint16_t headers;
	size_t payload;
	ev_uint32_t hash;	/* of the flow: join.c's own */
};

static inline void
join_put16_(unsigned char *p, size_t value)
{
	p[0] = (unsigned char)(value >> 8);
	p[1] = (unsigned char)value;
}

static inline ev_uint32_t
join_get32_(const unsigned char *p)
{
	return (ev_uint32_t)offload_get16_(p) << 16 | offload_get16_(p + 2);
}

/* offload_sum_() of a few words of 32 bits, without a call. */
static inline unsigned
join_short_sum_(const unsigned char *p, size_t len)
{
	ev_uint64_t sum = 0;
	ev_uint32_t number;
	size_t i;

	for (i = 0; i < len; i += sizeof(number)) {
		memcpy(&number, p + i, sizeof(number));
		sum += number;
	}
	sum = (sum >> 32) + (sum & 0xffffffff);
	return (unsigned)((sum >> 32) + sum);
}

/* Where the addresses are, and then the ports: one after the other. */
static inline const unsigned char *
join_addresses_(const unsigned char *data, unsigned ip, int is_ip6)
{
	return data + ip + (is_ip6 ? 8 : 12);
}

static inline size_t
join_addresses_len_(int is_ip6)
{
	return is_ip6 ? 32 : 8;
}

/* What a number counts for in a sum, whose words are as they lie in memory:
 * swapping the bytes of a word multiplies it by 256, modulo 0xffff. */
static inline unsigned
join_unit_(void)
{
	const unsigned char one[2] = { 0, 1 };
	ev_uint16_t word;

	memcpy(&word, one, sizeof(word));
	return word;
}

/* The sum of the pseudo-header of RFC 9293, 768 and 8200. */
static inline unsigned
join_pseudo_sum_(const unsigned char *data, unsigned ip, int is_ip6,
    int is_udp, size_t len)
{
	const unsigned char *p = join_addresses_(data, ip, is_ip6);
	unsigned number = (unsigned)len;
	ev_uint64_t sum;

	number += is_udp ? PROTOCOL_UDP_ : PROTOCOL_TCP_;
	sum = (ev_uint64_t)number * join_unit_();
	/* The lengths are constants: the loops can be unrolled. */
	sum += is_ip6 ? join_short_sum_(p, 32) : join_short_sum_(p, 8);
	return (unsigned)((sum >> 32) + (sum & 0xffffffff));
}

/* Look at a packet: what it is, and whether it can be joined at all. */
void join_look_at_(struct join_packet_ *pkt, const struct evbuffer_iovec *vec,
    const struct offload_rules_ *rules);

#endif /* EVTUN_JOIN_INTERNAL_H_INCLUDED_ */
