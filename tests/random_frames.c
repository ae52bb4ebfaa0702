#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "random_frames.h"

#define ADDRESSES 12		/* of the frame: not ours */
#define TYPE_IP4 0x0800
#define TYPE_IP6 0x86dd
#define TYPE_VLAN 0x8100
#define TYPE_QINQ 0x88a8
#define IP4_HEADER 20
#define IP6_HEADER 40
#define UDP_HEADER 8
#define TCP_HEADER 20
#define TCP_PROTO 6
#define UDP_PROTO 17
#define IP_MAX 65535
/* Of a packet that is not split: what the devices let pass, less the tags. */
#define PLAIN_MAX 65510

/* A frame that is being made. */
struct maker {
	struct random_frame *frame;
	struct random_layout at;
	uint64_t state;
};

unsigned long
random_setting(const char *name, unsigned long otherwise)
{
	const char *s = getenv(name);

	return s != NULL ? strtoul(s, NULL, 0) : otherwise;
}

uint64_t
random_next(uint64_t *state)
{
	/* splitmix64, of Steele, Lea and Flood (2014). */
	uint64_t z = *state += 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

unsigned
random_below(uint64_t *state, unsigned n)
{
	return (unsigned)((random_next(state) >> 32) * n >> 32);
}

unsigned
random_between(uint64_t *state, unsigned low, unsigned high)
{
	return low >= high ? low : low + random_below(state, high - low + 1);
}

void
random_bytes(uint64_t *state, unsigned char *p, size_t n)
{
	size_t i;
	uint64_t r;

	for (i = 0; i < n; i += sizeof(r)) {
		r = random_next(state);
		memcpy(p + i, &r, n - i < sizeof(r) ? n - i : sizeof(r));
	}
}

static unsigned
below(struct maker *m, unsigned n)
{
	return random_below(&m->state, n);
}

static unsigned
between(struct maker *m, unsigned low, unsigned high)
{
	return random_between(&m->state, low, high);
}

static int
percent(struct maker *m, unsigned n)
{
	return below(m, 100) < n;
}

/* ---- bytes ---- */

static void
put16(unsigned char *p, size_t n)
{
	p[0] = (unsigned char)(n >> 8);
	p[1] = (unsigned char)n;
}

/* Append random bytes; return the first of them. */
static unsigned char *
add(struct maker *m, size_t n)
{
	struct random_frame *f = m->frame;
	unsigned char *first = f->data + f->len;

	random_bytes(&m->state, first, n);
	f->len += n;
	return first;
}

/* RFC 1071, slowly. */
static unsigned
sum(const unsigned char *p, size_t n, unsigned s)
{
	size_t i;

	for (i = 0; i < n; i++) {
		s += i % 2 ? p[i] : (unsigned)p[i] << 8;
		s = (s & 0xffff) + (s >> 16);
	}
	return s;
}

/* ---- headers ---- */

static void
add_type(struct maker *m, int is_ip6)
{
	int tags = percent(m, 20) ? (int)between(m, 1, 2) : 0;
	unsigned char *p;

	if (m->at.type == 0)
		m->at.type = m->frame->len;
	while (tags-- > 0) {
		p = add(m, 4);
		put16(p, percent(m, 30) ? TYPE_QINQ : TYPE_VLAN);
	}
	put16(add(m, 2), is_ip6 ? TYPE_IP6 : TYPE_IP4);
}

static void
add_ip4(struct maker *m, unsigned proto)
{
	unsigned words = percent(m, 10) ? between(m, 1, 10) : 0;
	unsigned char *p = add(m, IP4_HEADER + 4 * (size_t)words);

	p[0] = (unsigned char)(0x45 + words);
	if (percent(m, 20))
		put16(p + 4, 65500 + below(m, 36));
	p[6] = percent(m, 50) ? 0x40 : 0;
	if (percent(m, 3))
		p[6] |= 0x80;
	p[7] = 0;
	p[9] = (unsigned char)proto;
}

/* Hop-by-hop, routing, or destination options; seldom what is no such thing:
 * authentication, a fragment, or mobility. */
static void
add_ip6(struct maker *m, unsigned proto)
{
	static const unsigned char usual[] = {0, 43, 60};
	static const unsigned char odd[] = {51, 44, 135};
	unsigned char *p = add(m, IP6_HEADER), *next = p + 6;
	unsigned n = percent(m, 20) ? between(m, 1, 3) : 0, words;

	p[0] = (unsigned char)(0x60 | (p[0] & 0xf));
	while (n-- > 0) {
		*next = percent(m, 95) ? usual[below(m, sizeof(usual))] :
		    odd[below(m, sizeof(odd))];
		words = percent(m, 80) ? 0 : between(m, 1, 4);
		next = add(m, 8 + 8 * (size_t)words);
		next[1] = (unsigned char)words;
	}
	*next = (unsigned char)proto;
}

static size_t
add_ip(struct maker *m, int is_ip6, unsigned proto)
{
	size_t at = m->frame->len;

	if (is_ip6)
		add_ip6(m, proto);
	else
		add_ip4(m, proto);
	return at;
}

static void
add_tcp(struct maker *m)
{
	unsigned words = percent(m, 40) ? between(m, 1, 10) : 0;
	unsigned char *p = add(m, TCP_HEADER + 4 * (size_t)words);
	static const unsigned char flags[] = {0x10, 0x10, 0x18, 0x11, 0x19,
	    0x98};

	p[12] = (unsigned char)((5 + words) << 4 |
	    (percent(m, 20) ? p[12] & 0xf : 0));
	if (percent(m, 80))
		p[13] = flags[below(m, sizeof(flags))];
	if (percent(m, 90))
		put16(p + 18, 0);	/* nothing is urgent */
	if (percent(m, 10))
		memset(p + 4, 0xff, 3);
}

/* UDP and what a tunnel puts behind it: VXLAN and the Ethernet header of the
 * inner packet; or anything, and IP. */
static void
add_tunnel(struct maker *m, int outer_is_ip6, int is_ip6)
{
	m->at.outer_ip = add_ip(m, outer_is_ip6, UDP_PROTO);
	m->at.outer_udp = m->frame->len;
	add(m, UDP_HEADER);
	if (percent(m, 70)) {
		add(m, 8 + ADDRESSES);
		add_type(m, is_ip6);
	} else {
		add(m, 2 * below(m, 20));
	}
}

/* ---- lengths and checksums ---- */

static int
is_ip6(const struct maker *m, size_t ip)
{
	return m->frame->data[ip] >> 4 == 6;
}

static void
set_ip_length(struct maker *m, size_t ip)
{
	unsigned char *p = m->frame->data + ip;
	size_t header = (size_t)(p[0] & 0xf) * 4;

	if (is_ip6(m, ip)) {
		put16(p + 4, m->frame->len - ip - IP6_HEADER);
		return;
	}
	put16(p + 2, m->frame->len - ip);
	put16(p + 10, 0);
	put16(p + 10, ~sum(p, header, 0));
}

/* Of the addresses, the protocol, and a length. */
static unsigned
sum_pseudo(const struct maker *m, size_t ip, unsigned proto, size_t len)
{
	const unsigned char *p = m->frame->data + ip;
	unsigned s = sum(is_ip6(m, ip) ? p + 8 : p + 12,
	    is_ip6(m, ip) ? 32 : 8, proto);

	s += (unsigned)(len & 0xffff) + (unsigned)(len >> 16);
	return (s & 0xffff) + (s >> 16);
}

static size_t
check_offset(const struct maker *m)
{
	return m->at.is_udp ? 6 : 16;
}

static void
set_transport(struct maker *m)
{
	unsigned char *p = m->frame->data + m->at.transport;
	size_t len = m->frame->len - m->at.transport;

	if (m->at.is_udp)
		put16(p + 4, len);
	put16(p + check_offset(m), sum_pseudo(m, m->at.ip,
	    m->at.is_udp ? UDP_PROTO : TCP_PROTO, len));
}

static void
set_tunnel(struct maker *m)
{
	unsigned char *p = m->frame->data + m->at.outer_udp;
	size_t len = m->frame->len - m->at.outer_udp;
	struct evtun_offload *hdr = &m->frame->hdr;

	put16(p + 4, len);
	put16(p + 6, 0);
	if (hdr->flags & EVTUN_OFFLOAD_TUNNEL_CSUM)
		put16(p + 6, sum_pseudo(m, m->at.outer_ip, UDP_PROTO, len));
	set_ip_length(m, m->at.outer_ip);
	hdr->outer_th_offset = (ev_uint16_t)m->at.outer_udp;
	hdr->inner_nh_offset = (ev_uint16_t)m->at.ip;
}

/* Choose two bytes of payload so that the checksum of the first segment comes
 * out as 0. */
static void
tune(struct maker *m)
{
	unsigned char *p = m->frame->data + m->at.transport, h[80];
	size_t header = m->at.payload - m->at.transport;
	size_t len = m->frame->len - m->at.payload, whole = len;
	unsigned proto = m->at.is_udp ? UDP_PROTO : TCP_PROTO;

	if (m->frame->hdr.gso_type != 0 && len > m->frame->hdr.gso_size)
		len = m->frame->hdr.gso_size;
	if (len < 2)
		return;
	memcpy(h, p, header);
	put16(h + check_offset(m), 0);
	if (m->at.is_udp)
		put16(h + 4, len + header);
	else if (len < whole)
		h[13] &= (unsigned char)~0x09;
	put16(p + header, 0);
	put16(p + header, ~sum(p + header, len, sum(h, header, sum_pseudo(m,
	    m->at.ip, proto, header + len))));
}

/* ---- the frame ---- */

static unsigned
choose_payload(struct maker *m, unsigned max)
{
	unsigned r = below(m, 100), n;

	if (r < 65)
		n = below(m, 2000);
	else if (r < 90)
		n = below(m, 9000);
	else if (r < 98)
		n = below(m, max + 1);
	else
		n = max - below(m, 3);
	return n < max ? n : max;
}

/* Few segments, or many, or as many as are allowed and one more. */
static unsigned
choose_size(struct maker *m, unsigned payload)
{
	unsigned most = m->at.is_udp ? 129 : RANDOM_SEGMENTS_MAX;
	unsigned least = payload / most + 1, r = below(m, 100), size;

	if (r < 20)
		size = between(m, 1, payload + 10);
	else if (r < 60)
		size = between(m, payload / 8 + 1, payload / 2 + 1);
	else if (r < 85)
		size = between(m, 500, 1500);
	else
		size = between(m, 1, 40);
	return size < least ? least : size;
}

static void
choose_type(struct maker *m, int tunnels, int *inner6, int *outer6)
{
	static const unsigned char types[] = {0, 0, 1, 1, 4, 4, 5, 5};
	struct evtun_offload *hdr = &m->frame->hdr;

	hdr->gso_type = types[below(m, sizeof(types))];
	*inner6 = hdr->gso_type == EVTUN_OFFLOAD_TCP6 ||
	    (hdr->gso_type != EVTUN_OFFLOAD_TCP4 && percent(m, 50));
	m->at.is_udp = hdr->gso_type == EVTUN_OFFLOAD_UDP ||
	    (hdr->gso_type == 0 && percent(m, 50));
	*outer6 = percent(m, 50);
	hdr->flags = EVTUN_OFFLOAD_NEEDS_CSUM;
	if (hdr->gso_type != 0 && !m->at.is_udp && percent(m, 10))
		hdr->gso_type |= EVTUN_OFFLOAD_ECN;
	if (!tunnels || hdr->gso_type == 0 || percent(m, 75))
		return;
	hdr->gso_type |= *outer6 ? EVTUN_OFFLOAD_TUNNEL6 :
	    EVTUN_OFFLOAD_TUNNEL4;
	if (percent(m, 50))
		hdr->flags |= EVTUN_OFFLOAD_TUNNEL_CSUM;
}

static void
add_headers(struct maker *m, int is_ip6, int outer_is_ip6)
{
	struct evtun_offload *hdr = &m->frame->hdr;
	int tunnel = hdr->gso_type &
	    (EVTUN_OFFLOAD_TUNNEL4 | EVTUN_OFFLOAD_TUNNEL6);

	m->frame->len = ADDRESSES;
	add_type(m, tunnel ? outer_is_ip6 : is_ip6);
	if (tunnel)
		add_tunnel(m, outer_is_ip6, is_ip6);
	m->at.ip = add_ip(m, is_ip6, m->at.is_udp ? UDP_PROTO : TCP_PROTO);
	m->at.transport = m->frame->len;
	if (m->at.is_udp)
		add(m, UDP_HEADER);
	else
		add_tcp(m);
	m->at.payload = m->frame->len;
	hdr->hdr_len = (ev_uint16_t)m->at.payload;
	hdr->csum_start = (ev_uint16_t)m->at.transport;
	hdr->csum_offset = (ev_uint16_t)check_offset(m);
}

static void
add_payload(struct maker *m)
{
	size_t first = m->at.outer_ip != 0 ? m->at.outer_ip : m->at.ip;
	unsigned max = m->frame->hdr.gso_type != 0 ? IP_MAX : PLAIN_MAX;
	unsigned headers = (unsigned)(m->at.payload - first);
	unsigned n = choose_payload(m, max - headers);

	add(m, n);
	if (m->frame->hdr.gso_type != 0)
		m->frame->hdr.gso_size = (ev_uint16_t)choose_size(m, n);
}

void
random_frame_make(struct random_frame *frame, uint64_t seed, uint32_t number,
    int tunnels)
{
	struct maker m;
	int is_ip6, outer_is_ip6;

	memset(&m, 0, sizeof(m));
	m.frame = frame;
	m.state = seed ^ (uint64_t)number << 32;
	m.state = random_next(&m.state);
	frame->number = number;
	frame->n_wrong = 0;
	memset(&frame->hdr, 0, sizeof(frame->hdr));
	memset(frame->data, 0, RANDOM_HEADERS_MAX);
	choose_type(&m, tunnels, &is_ip6, &outer_is_ip6);
	add_headers(&m, is_ip6, outer_is_ip6);
	add_payload(&m);
	if (percent(&m, 5))
		tune(&m);
	set_transport(&m);
	set_ip_length(&m, m.at.ip);
	if (m.at.outer_ip != 0)
		set_tunnel(&m);
	frame->layout = m.at;
	frame->right_hdr = frame->hdr;
	memcpy(frame->right, frame->data, sizeof(frame->right));
}
