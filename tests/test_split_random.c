/*
 * Random headers, split, against packets that are made one by one: each
 * segment from nothing, with checksums computed over all of it.
 */
#include "config.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kit.h"
#include "offload/offload-internal.h"
#include "vectors.h"

/* Unless KIT_FRAMES in the environment says how many. */
#define FRAMES 400
#define SEEDS 8
#define PACKET_MAX 70000
#define PROTOCOL_TCP 6
#define PROTOCOL_UDP 17
#define TCP_FIN 0x01
#define TCP_PSH 0x08
#define TCP_CWR 0x80

/* What a frame is made from. */
struct shape {
	int ethernet, tags;
	int tunnel;			/* 4 or 6: the outer IP, or 0 */
	int inner_ethernet, outer_csum;
	int is_ip6, is_udp, needs_csum, ecn;
	int options;			/* IPv4: words */
	int extensions;			/* IPv6: headers */
	int tcp_options;		/* words */
	unsigned id, outer_id, flags;
	uint32_t seq;
	unsigned char noise[512];	/* all other fields */
	unsigned char payload[PACKET_MAX];
	size_t len, gso_size;
};

/* One piece of it: segment `index`, or the whole frame. */
struct piece {
	size_t from, len;
	int index, is_last, is_frame;
};

struct packet {
	unsigned char data[PACKET_MAX];
	size_t len, noise;
	size_t outer_ip, outer_udp, ip, transport, payload;
};

static uint64_t state;

static unsigned
below(unsigned n)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (unsigned)(state >> 33) % n;
}

static int
one_in(unsigned n)
{
	return below(n) == 0;
}

/* ---- a packet, from the outside to the inside ---- */

static unsigned
get16(const unsigned char *p)
{
	return (unsigned)p[0] * 256 + p[1];
}

static void
set16(unsigned char *p, size_t value)
{
	p[0] = (unsigned char)(value / 256);
	p[1] = (unsigned char)value;
}

/* The same noise in every packet of a shape. */
static unsigned char *
append(struct packet *p, const struct shape *s, size_t n)
{
	unsigned char *at = p->data + p->len;

	kit_check(p->noise + n <= sizeof(s->noise), "not enough noise");
	memcpy(at, s->noise + p->noise, n);
	p->noise += n;
	p->len += n;
	return at;
}

static void
append_ethernet(struct packet *p, const struct shape *s, int tags, int is_ip6)
{
	append(p, s, 12);
	while (tags-- > 0)
		set16(append(p, s, 4), tags % 2 ? 0x88a8 : 0x8100);
	set16(append(p, s, 2), is_ip6 ? 0x86dd : 0x0800);
}

static void
append_ip4(struct packet *p, const struct shape *s, int protocol, unsigned id)
{
	unsigned char *h = append(p, s, 20 + 4 * (size_t)s->options);

	h[0] = (unsigned char)(0x45 + s->options);
	set16(h + 4, id);
	h[6] &= 0xc0;
	h[7] = 0;
	h[9] = (unsigned char)protocol;
}

static void
append_ip6(struct packet *p, const struct shape *s, int protocol)
{
	static const unsigned char types[] = { 0, 43, 60 };
	unsigned char *h = append(p, s, 40), *next = h + 6;
	int i;

	h[0] = (unsigned char)(0x60 | (h[0] & 15));
	for (i = 0; i < s->extensions; i++) {
		*next = types[(i + s->extensions) % 3];
		h = append(p, s, 8 * (1 + (size_t)i));
		next = h;
		h[1] = (unsigned char)i;
	}
	*next = (unsigned char)protocol;
}

static size_t
append_ip(struct packet *p, const struct shape *s, int is_ip6, int protocol,
    unsigned id)
{
	size_t at = p->len;

	if (is_ip6)
		append_ip6(p, s, protocol);
	else
		append_ip4(p, s, protocol, id);
	return at;
}

static void
append_tcp(struct packet *p, const struct shape *s, const struct piece *piece)
{
	unsigned char *h = append(p, s, 20 + 4 * (size_t)s->tcp_options);
	uint32_t seq = s->seq + (uint32_t)piece->from;

	set16(h + 4, seq >> 16);
	set16(h + 6, seq & 0xffff);
	h[12] = (unsigned char)((5 + s->tcp_options) * 16);
	h[13] = (unsigned char)s->flags;
	if (!piece->is_last)
		h[13] &= (unsigned char)~(TCP_FIN | TCP_PSH);
	if (piece->index > 0)
		h[13] &= (unsigned char)~TCP_CWR;
}

/* ---- lengths and checksums, from the inside to the outside ---- */

static unsigned
naive_sum(const unsigned char *p, size_t len, unsigned sum)
{
	size_t i;

	for (i = 0; i < len; i++) {
		sum += i % 2 == 0 ? p[i] * 256u : p[i];
		if (sum > 0xffff)
			sum -= 0xffff;
	}
	return sum;
}

static void
finish_ip(struct packet *p, size_t at)
{
	unsigned char *h = p->data + at;

	if (h[0] / 16 == 6) {
		set16(h + 4, p->len - at - 40);
		return;
	}
	set16(h + 2, p->len - at);
	set16(h + 10, 0);
	set16(h + 10, 0xffff - naive_sum(h, (h[0] & 15) * 4u, 0));
}

static unsigned
pseudo_sum(const struct packet *p, size_t ip, size_t transport, int protocol)
{
	const unsigned char *h = p->data + ip;
	unsigned char rest[4] = { 0, (unsigned char)protocol };
	unsigned sum;

	set16(rest + 2, p->len - transport);
	sum = h[0] / 16 == 6 ? naive_sum(h + 8, 32, 0) :
	    naive_sum(h + 12, 8, 0);
	return naive_sum(rest, 4, sum);
}

/* Begin a checksum, or compute it. */
static void
set_checksum(struct packet *p, size_t ip, size_t transport, int protocol,
    int only_begin)
{
	unsigned char *field = p->data + transport +
	    (protocol == PROTOCOL_UDP ? 6 : 16);
	unsigned sum = pseudo_sum(p, ip, transport, protocol);

	set16(field, 0);
	if (!only_begin) {
		sum = 0xffff - naive_sum(p->data + transport,
		    p->len - transport, sum);
		if (sum == 0 && protocol == PROTOCOL_UDP)
			sum = 0xffff;
	}
	set16(field, sum);
}

static void
finish(struct packet *p, const struct shape *s, const struct piece *piece)
{
	int protocol = s->is_udp ? PROTOCOL_UDP : PROTOCOL_TCP;

	if (s->is_udp)
		set16(p->data + p->transport + 4, p->len - p->transport);
	finish_ip(p, p->ip);
	if (s->needs_csum || !piece->is_frame)
		set_checksum(p, p->ip, p->transport, protocol,
		    piece->is_frame);
	if (!s->tunnel)
		return;
	set16(p->data + p->outer_udp + 4, p->len - p->outer_udp);
	finish_ip(p, p->outer_ip);
	if (s->outer_csum)
		set_checksum(p, p->outer_ip, p->outer_udp, PROTOCOL_UDP,
		    piece->is_frame);
}

static void
build(struct packet *p, const struct shape *s, const struct piece *piece)
{
	unsigned index = (unsigned)piece->index;

	memset(p, 0, sizeof(*p));
	if (s->ethernet)
		append_ethernet(p, s, s->tags, s->tunnel ? s->tunnel == 6 :
		    s->is_ip6);
	if (s->tunnel) {
		p->outer_ip = append_ip(p, s, s->tunnel == 6, PROTOCOL_UDP,
		    s->outer_id + index);
		p->outer_udp = p->len;
		append(p, s, 8 + 8);
		if (s->inner_ethernet)
			append_ethernet(p, s, 1, s->is_ip6);
	}
	p->ip = append_ip(p, s, s->is_ip6, s->is_udp ? PROTOCOL_UDP :
	    PROTOCOL_TCP, s->id + index);
	p->transport = p->len;
	if (s->is_udp)
		append(p, s, 8);
	else
		append_tcp(p, s, piece);
	p->payload = p->len;
	memcpy(p->data + p->len, s->payload + piece->from, piece->len);
	p->len += piece->len;
	finish(p, s, piece);
}

/* ---- a random shape ---- */

static void
choose_sizes(struct shape *s)
{
	size_t most = one_in(20) ? 64000 : one_in(3) ? 9000 : 700;

	s->gso_size = 1 + below(one_in(2) ? 80 : 1500);
	s->len = 1 + below((unsigned)most);
	/* Mostly, more than one segment; no more than are allowed. */
	if (s->len <= s->gso_size && !one_in(8))
		s->len += s->gso_size * (1 + below(3));
	if (s->is_udp && s->len > s->gso_size * OFFLOAD_UDP_SEGMENTS_)
		s->len = s->gso_size * OFFLOAD_UDP_SEGMENTS_;
	if (s->len > s->gso_size * OFFLOAD_TCP_SEGMENTS_)
		s->len = s->gso_size * OFFLOAD_TCP_SEGMENTS_;
	/* Those of one segment, TCP options and all, are not larger; a tunnel
	 * around them is not looked at. */
	if (s->len <= s->gso_size) {
		s->tcp_options = 0;
		s->outer_csum = 0;
	}
}

static void
choose(struct shape *s)
{
	static const unsigned flags[] = { 0x10, 0x18, 0x11, 0x99, 0xd8, 0x02,
	    0x3f, 0x04, 0xff };
	size_t i;

	memset(s, 0, offsetof(struct shape, payload));
	for (i = 0; i < sizeof(s->noise); i++)
		s->noise[i] = (unsigned char)below(256);
	for (i = 0; i < sizeof(s->payload); i += 1 + below(200))
		s->payload[i] = (unsigned char)below(256);
	s->ethernet = !one_in(3);
	s->tags = one_in(3) ? (int)below(3) : 0;
	s->tunnel = one_in(3) ? 4 + 2 * (int)below(2) : 0;
	s->inner_ethernet = !one_in(3);
	s->outer_csum = s->tunnel && one_in(2);
	s->is_ip6 = (int)below(2);
	s->is_udp = one_in(3);
	s->needs_csum = s->is_udp || s->tunnel || !one_in(6);
	s->ecn = !s->is_udp && one_in(4);
	s->options = one_in(4) ? (int)below(11) : 0;
	s->extensions = one_in(4) ? (int)below(4) : 0;
	s->tcp_options = one_in(2) ? (int)below(11) : 3 * (int)below(2);
	s->id = one_in(4) ? 0xffff - below(4) : below(0x10000);
	s->outer_id = one_in(4) ? 0xffff - below(4) : below(0x10000);
	s->seq = one_in(4) ? 0u - below(4000) : (uint32_t)below(1u << 31) * 2;
	s->flags = flags[below(sizeof(flags) / sizeof(flags[0]))];
	choose_sizes(s);
}

static void
describe(struct evtun_offload *hdr, const struct shape *s,
    const struct packet *p)
{
	memset(hdr, 0, sizeof(*hdr));
	hdr->gso_type = s->is_udp ? EVTUN_OFFLOAD_UDP : s->is_ip6 ?
	    EVTUN_OFFLOAD_TCP6 : EVTUN_OFFLOAD_TCP4;
	if (s->ecn)
		hdr->gso_type |= EVTUN_OFFLOAD_ECN;
	hdr->gso_size = (ev_uint16_t)s->gso_size;
	hdr->hdr_len = (ev_uint16_t)below((unsigned)p->len + 1);
	if (s->needs_csum) {
		hdr->flags |= EVTUN_OFFLOAD_NEEDS_CSUM;
		hdr->csum_start = (ev_uint16_t)p->transport;
		hdr->csum_offset = s->is_udp ? 6 : 16;
	}
	if (!s->tunnel)
		return;
	hdr->gso_type |= s->tunnel == 6 ? EVTUN_OFFLOAD_TUNNEL6 :
	    EVTUN_OFFLOAD_TUNNEL4;
	if (s->outer_csum)
		hdr->flags |= EVTUN_OFFLOAD_TUNNEL_CSUM;
	hdr->outer_th_offset = (ev_uint16_t)p->outer_udp;
	hdr->inner_nh_offset = (ev_uint16_t)p->ip;
}

/* Nothing is finished in a frame of one segment whose checksum was not
 * begun; and a finished one is never 0. */
static void
build_only(struct packet *p, const struct shape *s, const struct piece *piece)
{
	struct piece frame = *piece;
	unsigned char *field;

	frame.is_frame = !s->needs_csum;
	build(p, s, &frame);
	field = p->data + p->transport + (s->is_udp ? 6 : 16);
	if (s->needs_csum && get16(field) == 0)
		set16(field, 0xffff);
}

/* ---- the two ways ---- */

static struct shape shape;
static struct packet frame, wanted;

static void
check_segments(struct offload_split_ *split, const char *name)
{
	struct piece piece = { 0, 0, 0, 0, 0 };
	struct evbuffer_iovec want, got;

	for (; piece.from < shape.len; piece.from += piece.len) {
		kit_check(!offload_is_done_(split), "%s: done", name);
		piece.len = shape.len - piece.from;
		if (piece.len > shape.gso_size)
			piece.len = shape.gso_size;
		piece.is_last = piece.from + piece.len == shape.len;
		if (shape.len <= shape.gso_size)
			build_only(&wanted, &shape, &piece);
		else
			build(&wanted, &shape, &piece);
		want.iov_base = wanted.data;
		want.iov_len = wanted.len;
		got.iov_base = vectors_alloc(offload_next_max_(split));
		got.iov_len = offload_next_(split, got.iov_base);
		vectors_compare(name, piece.index, &want, got.iov_base,
		    got.iov_len);
		free(got.iov_base);
		piece.index++;
	}
	kit_check(offload_is_done_(split), "%s: more", name);
}

static void
check_shape(int seed, int number)
{
	struct piece whole = { 0, 0, 0, 1, 1 };
	struct offload_split_ split;
	struct evtun_offload hdr;
	unsigned char *copy;
	char name[32];
	int refusal;

	snprintf(name, sizeof(name), "frame %d of %d", number, seed);
	choose(&shape);
	whole.len = shape.len;
	build(&frame, &shape, &whole);
	describe(&hdr, &shape, &frame);
	copy = vectors_copy(frame.data, frame.len);
	refusal = offload_begin_(&split, &hdr, copy, frame.len,
	    shape.ethernet);
	kit_check(refusal == OFFLOAD_GOOD_, "%s: refused: %d", name, refusal);
	check_segments(&split, name);
	free(copy);
}

/* _i: the seed. */
START_TEST(test_random)
{
	const char *s = getenv("KIT_FRAMES");
	long i, n = s != NULL ? strtol(s, NULL, 10) / SEEDS : FRAMES;

	state = 0x9e3779b97f4a7c15 + (uint64_t)_i;
	for (i = 0; i < n; i++)
		check_shape(_i, (int)i);
}
END_TEST

int
main(void)
{
	kit_suite("split_random");
	kit_case("naive", 0);
	kit_loop(test_random, 0, SEEDS);
	return kit_run();
}
