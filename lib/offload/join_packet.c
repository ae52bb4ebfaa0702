#include "config.h"

#include "join-internal.h"

#define ETHERNET_TYPE 12	/* where it is, without a tag */
#define VLAN_TAG 4
#define MAX_TAGS 2
#define TCP_ACK 0x10
#define TCP_ECE 0x40
#define IP4_FRAGMENT 0x3fff	/* more to come, or not the first */

/* The sum of the pseudo-header and all that follows. */
static int
sum_is_right(const struct join_packet_ *pkt)
{
	size_t len = pkt->len - pkt->transport;

	return offload_finish_(offload_sum_(pkt->data + pkt->transport, len,
	    join_pseudo_sum_(pkt->data, pkt->ip, pkt->is_ip6, pkt->is_udp,
	    len))) == 0;
}

/*
 * Neither of the two zeros that a checksum may be is safe in TCP: a split
 * writes 0, and whoever completes a checksum in Linux (skb_checksum_help())
 * writes 0xffff.
 */
static int
is_good_tcp(const unsigned char *tcp)
{
	unsigned check = offload_get16_(tcp + TCP_CHECK_);

	return (tcp[12] & 0x0f) == 0 &&		/* reserved */
	    (tcp[TCP_FLAGS_] & ~(TCP_LAST_ | TCP_ECE)) == TCP_ACK &&
	    offload_get16_(tcp + 18) == 0 &&	/* urgent */
	    check != 0 && check != 0xffff;
}

static void
look_at_tcp(struct join_packet_ *pkt, const struct offload_rules_ *rules)
{
	const unsigned char *tcp = pkt->data + pkt->transport;
	unsigned header = (unsigned)(tcp[12] >> 4) * 4;

	if (header < TCP_HEADER_ || pkt->len <= pkt->transport + header ||
	    !is_good_tcp(tcp))
		return;
	pkt->headers = (ev_uint16_t)(pkt->transport + header);
	pkt->payload = pkt->len - pkt->headers;
	pkt->is_last = (tcp[TCP_FLAGS_] & TCP_LAST_) != 0;
	pkt->joinable = rules->unsummed || sum_is_right(pkt);
}

static void
look_at_udp(struct join_packet_ *pkt, const struct offload_rules_ *rules)
{
	const unsigned char *udp = pkt->data + pkt->transport;
	size_t len = pkt->len - pkt->transport;

	if (len == UDP_HEADER_ || offload_get16_(udp + UDP_LENGTH_) != len ||
	    offload_get16_(udp + UDP_CHECK_) == 0)
		return;
	pkt->headers = (ev_uint16_t)(pkt->transport + UDP_HEADER_);
	pkt->payload = len - UDP_HEADER_;
	pkt->joinable = rules->unsummed || sum_is_right(pkt);
}

/*
 * Go on behind an IP header that is good: there are len bytes of the packet
 * there, and perhaps more that are not of it.
 */
static void
look_behind(struct join_packet_ *pkt, const struct offload_rules_ *rules,
    size_t header, size_t len, int protocol)
{
	unsigned tcp = pkt->is_ip6 ? OFFLOAD_JOIN_TCP6_ : OFFLOAD_JOIN_TCP4_;

	if (!(protocol == PROTOCOL_TCP_ && len >= TCP_HEADER_) &&
	    !(protocol == PROTOCOL_UDP_ && len >= UDP_HEADER_))
		return;
	pkt->is_udp = protocol == PROTOCOL_UDP_;
	pkt->transport = (ev_uint16_t)(pkt->ip + header);
	if (!(rules->allowed & (pkt->is_udp ? OFFLOAD_JOIN_UDP_ : tcp))) {
		pkt->kin = JOIN_KIN_NONE_;
		return;
	}
	pkt->kin = JOIN_KIN_FLOW_;
	if (pkt->transport + len != pkt->len)
		return;
	if (pkt->is_udp)
		look_at_udp(pkt, rules);
	else
		look_at_tcp(pkt, rules);
}

/* Not with options: they are rare, and Linux does not join them either. */
static void
look_at_ip4(struct join_packet_ *pkt, const struct offload_rules_ *rules)
{
	const unsigned char *ip = pkt->data + pkt->ip;
	size_t room = pkt->len - pkt->ip, len;

	if (room < IP4_HEADER_)
		return;
	pkt->kin = JOIN_KIN_HOSTS_;
	len = offload_get16_(ip + 2);
	/* A checksum of 0xffff would come back as 0. */
	if (ip[0] != 0x45 || len < IP4_HEADER_ || len > room ||
	    (offload_get16_(ip + 6) & IP4_FRAGMENT) != 0 ||
	    offload_get16_(ip + 10) == 0xffff ||
	    offload_finish_(join_short_sum_(ip, IP4_HEADER_)) != 0)
		return;
	look_behind(pkt, rules, IP4_HEADER_, len - IP4_HEADER_, ip[9]);
}

static void
look_at_ip6(struct join_packet_ *pkt, const struct offload_rules_ *rules)
{
	const unsigned char *ip = pkt->data + pkt->ip;
	size_t room = pkt->len - pkt->ip, len;

	if (room < IP6_HEADER_)
		return;
	pkt->kin = JOIN_KIN_HOSTS_;
	pkt->is_ip6 = 1;
	len = offload_get16_(ip + 4);
	if (len <= room - IP6_HEADER_)
		look_behind(pkt, rules, IP6_HEADER_, len, ip[6]);
}

/* Find the IP header behind that of Ethernet, and return its version, or 0
 * if there is something else. */
static int
look_at_ethernet(struct join_packet_ *pkt)
{
	size_t at = ETHERNET_TYPE;
	unsigned type = 0;
	int tags;

	for (tags = 0; tags <= MAX_TAGS; tags++, at += VLAN_TAG) {
		if (pkt->len < at + 2)
			return 0;
		type = offload_get16_(pkt->data + at);
		if (type != 0x8100 && type != 0x88a8)
			break;
	}
	pkt->ip = (ev_uint16_t)(at + 2);
	if (type == 0x0800)
		return 4;
	return type == 0x86dd ? 6 : 0;
}

void
join_look_at_(struct join_packet_ *pkt, const struct evbuffer_iovec *vec,
    const struct offload_rules_ *rules)
{
	int version, type;

	pkt->data = vec->iov_base;
	pkt->len = vec->iov_len;
	pkt->ip = 0;
	pkt->is_ip6 = pkt->joinable = pkt->is_last = 0;
	pkt->kin = JOIN_KIN_ALL_;
	type = rules->ethernet ? look_at_ethernet(pkt) : -1;
	if (pkt->len <= pkt->ip)
		return;
	version = pkt->data[pkt->ip] >> 4;
	if (type != -1 && type != version)
		return;
	if (version == 4)
		look_at_ip4(pkt, rules);
	else if (version == 6)
		look_at_ip6(pkt, rules);
}

