#include "config.h"

#include <string.h>

#include "offload/offload-internal.h"

#include "random_frames.h"

#define ADDRESSES 12		/* of the frame: never spoiled */
#define IP4_HEADER 20
#define IP6_HEADER 40
#define UDP_HEADER 8
#define TCP_HEADER 20
/* Half of the fragment word: the rest is DF and a reserved bit. */
#define IP4_FRAGMENT 0x3fff
#define APPENDED_MAX 60
#define ANY_REFUSAL (~0u)
#define BIT(refusal) (1u << (refusal))

static unsigned
get16(const unsigned char *p)
{
	return (unsigned)p[0] << 8 | p[1];
}

static void
put16(unsigned char *p, unsigned n)
{
	p[0] = (unsigned char)(n >> 8);
	p[1] = (unsigned char)n;
}

/* ---- spoiling ---- */

/* A number that is near, or at an end, or any. */
static unsigned
other(uint64_t *r, unsigned n)
{
	switch (random_below(r, 4)) {
	case 0:
		return n + random_between(r, 1, 8);
	case 1:
		return n - random_between(r, 1, 8);
	case 2:
		return random_below(r, 2) ? 0 : 0xffff - random_below(r, 3);
	default:
		return random_below(r, 65536);
	}
}

static void
spoil_number(uint64_t *r, ev_uint16_t *n)
{
	*n = (ev_uint16_t)other(r, *n);
}

static void
spoil_positions(struct evtun_offload *hdr, uint64_t *r)
{
	switch (random_below(r, 4)) {
	case 0:
		spoil_number(r, &hdr->csum_start);
		break;
	case 1:
		spoil_number(r, &hdr->csum_offset);
		break;
	case 2:
		spoil_number(r, &hdr->outer_th_offset);
		break;
	default:
		spoil_number(r, &hdr->inner_nh_offset);
		break;
	}
}

static void
spoil_description(struct evtun_offload *hdr, uint64_t *r)
{
	static const unsigned char types[] = {1, 3, 4, 5, 0x20, 0x40, 0x60,
	    0x80, 2, 8, 0x10, 0xff};

	switch (random_below(r, 8)) {
	case 0:
		hdr->flags ^= (ev_uint8_t)(1 << random_below(r, 8));
		break;
	case 1:
		hdr->gso_type ^= types[random_below(r, sizeof(types))];
		break;
	case 2:
		spoil_number(r, &hdr->hdr_len);
		break;
	case 3:
		spoil_number(r, &hdr->gso_size);
		break;
	default:
		spoil_positions(hdr, r);
		break;
	}
}

/* Some 16 bits of a header. */
static void
spoil_field(struct random_frame *f, size_t at, unsigned size, uint64_t *r)
{
	at += 2 * random_below(r, size / 2);
	if (at + 2 <= f->len)
		put16(f->data + at, other(r, get16(f->data + at)));
}

/* Any byte of any header. */
static void
spoil_byte(struct random_frame *f, uint64_t *r)
{
	size_t to = f->layout.payload < f->len ? f->layout.payload : f->len;
	size_t at = random_between(r, ADDRESSES, (unsigned)to - 1);
	unsigned bit = 1u << random_below(r, 8), byte = random_below(r, 256);

	f->data[at] = (unsigned char)(random_below(r, 2) ?
	    f->data[at] ^ bit : byte);
}

static void
spoil_length(struct random_frame *f, uint64_t *r)
{
	unsigned payload = (unsigned)f->layout.payload, n;
	unsigned len = (unsigned)f->len;

	switch (random_below(r, 3)) {
	case 0:
		n = random_between(r, 1, APPENDED_MAX);
		if (len + n > RANDOM_FRAME_MAX)
			return;
		random_bytes(r, f->data + len, n);
		f->len += n;
		break;
	case 1:
		f->len = payload < len ? random_between(r, payload, len) : len;
		break;
	default:
		f->len = random_between(r, ADDRESSES + 2,
		    payload < len ? payload : len);
		break;
	}
}

/* Of the outer packet, or what is in its place if there is none. */
static void
spoil_outer(struct random_frame *f, uint64_t *r)
{
	const struct random_layout *at = &f->layout;

	if (at->outer_ip == 0)
		spoil_field(f, at->type, 6, r);
	else if (random_below(r, 2))
		spoil_field(f, at->outer_ip, IP4_HEADER, r);
	else
		spoil_field(f, at->outer_udp, UDP_HEADER, r);
}

static void
spoil_once(struct random_frame *f, uint64_t *r)
{
	const struct random_layout *at = &f->layout;

	switch (random_below(r, 10)) {
	case 0:
	case 1:
	case 2:
		spoil_description(&f->hdr, r);
		break;
	case 3:
	case 4:
		spoil_field(f, at->ip, IP4_HEADER, r);
		break;
	case 5:
		spoil_field(f, at->transport,
		    at->is_udp ? UDP_HEADER : TCP_HEADER, r);
		break;
	case 6:
	case 7:
		spoil_outer(f, r);
		break;
	case 8:
		spoil_length(f, r);
		break;
	default:
		spoil_byte(f, r);
		break;
	}
}

void
random_frame_spoil(struct random_frame *f, uint64_t seed)
{
	uint64_t r = seed ^ (uint64_t)f->number << 32;
	struct evtun_offload *hdr = &f->hdr;
	size_t least;

	f->n_wrong = (int)random_between(&r, 1, 3);
	for (least = 0; least < (size_t)f->n_wrong; least++)
		spoil_once(f, &r);
	/* No more than the kernel has room for. */
	least = f->len / RANDOM_SEGMENTS_MAX + 1;
	if (hdr->gso_size != 0 && hdr->gso_size < least)
		hdr->gso_size = (ev_uint16_t)least;
}

/* ---- faults ---- */

static int
differs(const struct random_frame *f, size_t from, size_t to)
{
	return memcmp(f->data + from, f->right + from, to - from) != 0;
}

/* Whether what says how a packet is made up is not as it was: the version,
 * the protocol, the length of the header, or extension headers. */
static int
is_ip_odd(const struct random_frame *f, size_t ip, size_t end)
{
	const unsigned char *p = f->right + ip;

	if (p[0] >> 4 == 4)
		return differs(f, ip, ip + 1) || differs(f, ip + 9, ip + 10) ||
		    (get16(f->data + ip + 6) & IP4_FRAGMENT) != 0;
	return f->data[ip] >> 4 != 6 || differs(f, ip + 6, ip + 7) ||
	    differs(f, ip + IP6_HEADER, end);
}

/* Extension headers that are kept in every segment are hop-by-hop, routing,
 * and destination options; others are not even known. */
static int
has_odd_extension(const struct random_frame *f, size_t ip, size_t end)
{
	const unsigned char *p = f->right + ip;
	unsigned next = p[6];

	if (p[0] >> 4 == 4)
		return 0;
	for (p += IP6_HEADER; p < f->right + end; p += 8 * (p[1] + 1)) {
		if (next != 0 && next != 43 && next != 60)
			return 1;
		next = p[0];
	}
	return 0;
}

static int
is_ip_length_wrong(const struct random_frame *f, size_t ip)
{
	const unsigned char *p = f->data + ip;

	return p[0] >> 4 == 4 ? get16(p + 2) != f->len - ip :
	    get16(p + 4) != f->len - ip - IP6_HEADER;
}

static int
is_length_wrong(const struct random_frame *f)
{
	const struct random_layout *at = &f->layout;

	if (is_ip_length_wrong(f, at->ip) || (at->is_udp &&
	    get16(f->data + at->transport + 4) != f->len - at->transport))
		return 1;
	return at->outer_ip != 0 && (is_ip_length_wrong(f, at->outer_ip) ||
	    get16(f->data + at->outer_udp + 4) != f->len - at->outer_udp);
}

static int
is_structure_wrong(const struct random_frame *f)
{
	const struct random_layout *at = &f->layout;
	size_t first = at->outer_ip != 0 ? at->outer_ip : at->ip, i;

	for (i = at->type; i < first; i += 4)
		if (differs(f, i, i + 2))
			return 1;
	if (at->outer_ip != 0 && (is_ip_odd(f, at->outer_ip, at->outer_udp) ||
	    f->hdr.outer_th_offset != f->right_hdr.outer_th_offset ||
	    f->hdr.inner_nh_offset != f->right_hdr.inner_nh_offset))
		return 1;
	return is_ip_odd(f, at->ip, at->transport) || (!at->is_udp &&
	    f->data[at->transport + 12] >> 4 !=
	    f->right[at->transport + 12] >> 4);
}

static int
is_csum_wrong(const struct random_frame *f)
{
	return !(f->hdr.flags & EVTUN_OFFLOAD_NEEDS_CSUM) ||
	    f->hdr.csum_start != f->right_hdr.csum_start ||
	    f->hdr.csum_offset != f->right_hdr.csum_offset;
}

static int
has_many_segments(const struct random_frame *f)
{
	size_t most = f->layout.is_udp ? OFFLOAD_UDP_SEGMENTS_ :
	    OFFLOAD_TCP_SEGMENTS_;

	return f->hdr.gso_size != 0 &&
	    f->len - f->layout.payload > most * f->hdr.gso_size;
}

unsigned
random_frame_faults(const struct random_frame *f)
{
	const struct random_layout *at = &f->layout;
	unsigned faults = 0;

	if (f->hdr.gso_type != f->right_hdr.gso_type ||
	    f->len < at->payload || is_structure_wrong(f))
		return ANY_REFUSAL;
	if (f->hdr.hdr_len > f->len)
		faults |= BIT(OFFLOAD_SHORT_);
	if (has_odd_extension(f, at->ip, at->transport) ||
	    (at->outer_ip != 0 &&
	    has_odd_extension(f, at->outer_ip, at->outer_udp)))
		faults |= BIT(OFFLOAD_TYPE_);
	if (is_length_wrong(f))
		faults |= BIT(OFFLOAD_LENGTH_);
	if (is_csum_wrong(f))
		faults |= BIT(OFFLOAD_CSUM_);
	if (f->hdr.gso_size == 0 || f->hdr.gso_size == 0xffff)
		faults |= BIT(OFFLOAD_SIZE_);
	if (has_many_segments(f))
		faults |= BIT(OFFLOAD_SEGMENTS_);
	return faults;
}
