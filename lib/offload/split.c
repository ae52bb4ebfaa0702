#include "config.h"

#include <string.h>

#include "offload-internal.h"

/* The longest header of IPv4 and of TCP. */
#define HEADER_MAX 60
#define TCP_CSUM 16
#define UDP_CSUM 6
#define IP6_HEADER 40
/* Linux has no checksum begin earlier: an IP header stands before it. */
#define CSUM_START_MIN 20

#define TCP_FIN 0x01
#define TCP_PSH 0x08
#define TCP_CWR 0x80

/* ---- words of 16 bits, as they are summed up ---- */

static inline unsigned
word_load(const unsigned char *p)
{
	ev_uint16_t word;

	memcpy(&word, p, sizeof(word));
	return word;
}

/* A number as it lies in a header: in network byte order. */
static inline unsigned
word_of(unsigned value)
{
	const unsigned char bytes[2] = { (unsigned char)(value >> 8),
	    (unsigned char)value };

	return word_load(bytes);
}

/* What is to be added for it to be taken away. */
static inline unsigned
word_minus(unsigned word)
{
	return ~word & 0xffff;
}

/* Fold a sum into 17 bits: room for more to be added. */
static inline unsigned
word_fold(unsigned sum)
{
	return (sum >> 16) + (sum & 0xffff);
}

/* Store such a word, and return it to be summed up. */
static inline unsigned
store16(unsigned char *p, unsigned word)
{
	ev_uint16_t stored = (ev_uint16_t)word;

	memcpy(p, &stored, sizeof(stored));
	return word;
}

static inline unsigned
put16(unsigned char *p, unsigned value)
{
	return store16(p, word_of(value & 0xffff));
}

/* ---- what all segments have in common ---- */

static void
prepare_ip(struct offload_ip_ *ip, const unsigned char *frame)
{
	unsigned char header[HEADER_MAX];
	size_t len = ip->transport - ip->at;

	if (ip->is_ip6)
		return;
	memcpy(header, frame + ip->at, len);
	ip->id = (ev_uint16_t)offload_get16_(header + 4);
	memset(header + 2, 0, 4);
	memset(header + 10, 0, 2);
	ip->sum = word_fold(offload_sum_(header, len, 0));
}

/* What a sender puts into the field: of the addresses, the protocol and the
 * length.  Linux takes its word for it, and so do we. */
static unsigned
begun_pseudo(const unsigned char *field, size_t len)
{
	return word_load(field) + word_minus(word_of((unsigned)len));
}

static unsigned
fresh_pseudo(const struct offload_ip_ *ip, const unsigned char *frame)
{
	const unsigned char *p = frame + ip->at;
	unsigned sum = word_of(ip->protocol);

	sum = ip->is_ip6 ? offload_sum_(p + 8, 32, sum) :
	    offload_sum_(p + 12, 8, sum);
	return word_fold(sum);
}

static void
prepare_tcp(struct offload_split_ *split)
{
	const unsigned char *p = split->frame + split->ip.transport;
	unsigned char header[HEADER_MAX];
	size_t len = split->payload - split->ip.transport;

	memcpy(header, p, len);
	split->seq = offload_get16_(p + 4) << 16 | offload_get16_(p + 6);
	split->flags = p[13];
	memset(header + 4, 0, 4);
	header[13] = 0;
	memset(header + TCP_CSUM, 0, 2);
	split->sum = word_fold(offload_sum_(header, len, split->pseudo));
}

static void
prepare(struct offload_split_ *split)
{
	const unsigned char *p = split->frame + split->ip.transport;

	if (split->needs_csum)
		split->pseudo = begun_pseudo(p + (split->is_udp ? UDP_CSUM :
		    TCP_CSUM), split->len - split->ip.transport);
	else
		split->pseudo = fresh_pseudo(&split->ip, split->frame);
	if (split->is_udp)
		split->sum = word_fold(offload_sum_(p, 4, split->pseudo));
	else
		prepare_tcp(split);
	prepare_ip(&split->ip, split->frame);
	if (!split->is_tunnel)
		return;
	prepare_ip(&split->outer, split->frame);
	split->outer_pseudo = begun_pseudo(split->frame +
	    split->outer.transport + UDP_CSUM,
	    split->len - split->outer.transport);
}

enum offload_refusal_
offload_begin_(struct offload_split_ *split, const struct evtun_offload *hdr,
    const void *frame, size_t len, int ethernet)
{
	enum offload_refusal_ refusal;

	memset(split, 0, sizeof(*split));
	split->frame = frame;
	split->len = len;
	refusal = offload_check_(split, hdr, ethernet);
	if (refusal == OFFLOAD_GOOD_)
		prepare(split);
	return refusal;
}

/* ---- a segment ---- */

static void
put_ip(const struct offload_ip_ *ip, unsigned char *to, size_t len,
    unsigned index)
{
	unsigned char *p = to + ip->at;
	unsigned sum = ip->sum;

	len -= ip->at;
	if (ip->is_ip6) {
		put16(p + 4, (unsigned)(len - IP6_HEADER));
		return;
	}
	sum += put16(p + 2, (unsigned)len);
	sum += put16(p + 4, ip->id + index);
	store16(p + 10, offload_finish_(sum));
}

/* RFC 768: 0 would say that there is no checksum. */
static unsigned
finish_udp(unsigned sum)
{
	unsigned csum = offload_finish_(sum);

	return csum != 0 ? csum : 0xffff;
}

/* Only the last segment ends or pushes the stream; only the first says that
 * the window was reduced, or it would be once for each. */
static unsigned
put_tcp(const struct offload_split_ *split, unsigned char *p, int is_last)
{
	ev_uint32_t seq = split->seq + (ev_uint32_t)split->done;
	unsigned flags = split->flags;

	if (!is_last)
		flags &= ~(unsigned)(TCP_FIN | TCP_PSH);
	if (split->next > 0)
		flags &= ~(unsigned)TCP_CWR;
	p[13] = (unsigned char)flags;
	return put16(p + 4, seq >> 16) + put16(p + 6, seq) + word_of(flags);
}

/* The headers inside have been written; so the sum of all that the inner
 * checksum covers is known: it makes up for the inner pseudo-header. */
static void
put_outer(const struct offload_split_ *split, unsigned char *to, size_t len,
    unsigned inner_pseudo)
{
	unsigned char *udp = to + split->outer.transport;
	size_t udp_len = len - split->outer.transport;
	unsigned sum;

	put_ip(&split->outer, to, len, split->next);
	put16(udp + 4, (unsigned)udp_len);
	if (!split->outer_csum)
		return;
	memset(udp + UDP_CSUM, 0, 2);
	sum = split->outer_pseudo + word_of((unsigned)udp_len) +
	    word_minus(word_fold(word_fold(inner_pseudo)));
	sum = offload_sum_(udp, split->ip.transport - split->outer.transport,
	    sum);
	store16(udp + UDP_CSUM, finish_udp(word_fold(sum)));
}

/* Mostly 28 to 66 bytes, which the function of the C library takes long to
 * find out. */
static inline void
copy_headers(unsigned char *to, const unsigned char *from, size_t n)
{
	for (; n >= 16; n -= 16, to += 16, from += 16)
		memcpy(to, from, 16);
	if (n & 8) {
		memcpy(to, from, 8);
		to += 8;
		from += 8;
	}
	if (n & 4) {
		memcpy(to, from, 4);
		to += 4;
		from += 4;
	}
	while (n-- & 3)
		*to++ = *from++;
}

static void
put_segment(const struct offload_split_ *split, unsigned char *to, size_t n)
{
	unsigned char *p = to + split->ip.transport;
	size_t len = split->payload + n;
	unsigned length, sum = split->sum;

	copy_headers(to, split->frame, split->payload);
	put_ip(&split->ip, to, len, split->next);
	length = word_of((unsigned)(len - split->ip.transport));
	sum += length;
	if (split->is_udp)
		sum += store16(p + 4, length);
	else
		sum += put_tcp(split, p, split->next + 1 == split->segments);
	sum = offload_copy_sum_(to + split->payload,
	    split->frame + split->payload + split->done, n, sum);
	if (split->is_udp)
		store16(p + UDP_CSUM, finish_udp(sum));
	else
		store16(p + TCP_CSUM, offload_finish_(sum));
	if (split->is_tunnel)
		put_outer(split, to, len, split->pseudo + length);
}

/* A frame of one segment is no large one to Linux, but an ordinary packet:
 * only its checksum is finished, if it was begun.  (Not that of a tunnel
 * around it, and so this does not either.) */
static void
put_single(const struct offload_split_ *split, unsigned char *to)
{
	size_t at = split->ip.transport;
	unsigned sum;

	memcpy(to, split->frame, at);
	sum = offload_copy_sum_(to + at, split->frame + at, split->len - at,
	    0);
	if (split->needs_csum)
		store16(to + at + (split->is_udp ? UDP_CSUM : TCP_CSUM),
		    finish_udp(sum));
}

size_t
offload_next_(struct offload_split_ *split, void *to)
{
	size_t rest = split->len - split->payload - split->done;
	size_t n = rest < split->gso_size ? rest : split->gso_size;

	if (split->segments == 1)
		put_single(split, to);
	else
		put_segment(split, to, n);
	split->done += n;
	split->next++;
	return split->payload + n;
}

static enum offload_refusal_
check_complete(const struct evtun_offload *hdr, size_t len)
{
	size_t start = hdr->csum_start;

	if (hdr->hdr_len > len)
		return OFFLOAD_SHORT_;
	return start < CSUM_START_MIN || start + hdr->csum_offset + 2 > len ?
	    OFFLOAD_CSUM_ : OFFLOAD_GOOD_;
}

enum offload_refusal_
offload_complete_(const struct evtun_offload *hdr, void *frame, size_t len)
{
	enum offload_refusal_ refusal = check_complete(hdr, len);
	size_t start = hdr->csum_start;
	unsigned char *p = frame;

	if (refusal == OFFLOAD_GOOD_)
		store16(p + start + hdr->csum_offset, finish_udp(
		    offload_sum_(p + start, len - start, 0)));
	return refusal;
}

int
offload_is_sound_(const struct evtun_offload *hdr, const void *frame,
    size_t len, int ethernet)
{
	struct offload_split_ split;

	if (hdr->gso_type != EVTUN_OFFLOAD_NONE)
		return offload_begin_(&split, hdr, frame, len, ethernet) ==
		    OFFLOAD_GOOD_;
	return !(hdr->flags & EVTUN_OFFLOAD_NEEDS_CSUM) ||
	    check_complete(hdr, len) == OFFLOAD_GOOD_;
}
