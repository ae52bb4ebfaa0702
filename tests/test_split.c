/*
 * Large frames are split, and checksums finished, as Linux does it, byte for
 * byte; and whatever else comes is refused.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "kit.h"
#include "offload/offload-internal.h"
#include "vectors.h"

/* Where nothing has been written. */
#define MARK 0xa5
/* An Ethernet header, and tags before its type. */
#define ADDRESSES 12
#define TAG 4
#define TAGS_MAX 8
#define ETHERNET_MAX (ADDRESSES + TAGS_MAX * TAG + 2)

/* The next segment: in memory of the size that was asked for, of which it
 * takes no more than it says. */
static struct evbuffer_iovec
next_segment(struct offload_split_ *split, const char *name)
{
	struct evbuffer_iovec vec;
	size_t max = offload_next_max_(split), i;
	unsigned char *p = vectors_alloc(max);

	memset(p, MARK, max);
	vec.iov_base = p;
	vec.iov_len = offload_next_(split, p);
	kit_check(vec.iov_len <= max, "%s: %zu bytes, not at most %zu", name,
	    vec.iov_len, max);
	for (i = vec.iov_len; i < max; i++)
		kit_check(p[i] == MARK, "%s: wrote beyond its end", name);
	return vec;
}

/* Fail unless a frame is split into these, with what stands before. */
static void
check_split(const struct vector *v, const struct evtun_offload *hdr,
    const struct evbuffer_iovec *frame, size_t before)
{
	struct offload_split_ split;
	struct evbuffer_iovec out;
	unsigned char *copy = vectors_copy(frame->iov_base, frame->iov_len);
	int i, refusal;

	refusal = offload_begin_(&split, hdr, copy, frame->iov_len,
	    before > 0);
	kit_check(refusal == OFFLOAD_GOOD_, "%s: refused: %d", v->name,
	    refusal);
	for (i = 0; i < v->n_pkts; i++) {
		kit_check(!offload_is_done_(&split), "%s: only %d packets",
		    v->name, i);
		out = next_segment(&split, v->name);
		kit_check(memcmp(out.iov_base, copy, before) == 0,
		    "%s: packet %d begins with something else", v->name, i);
		vectors_compare(v->name, i, &v->pkts[i],
		    (unsigned char *)out.iov_base + before,
		    out.iov_len - before);
		free(out.iov_base);
	}
	kit_check(offload_is_done_(&split), "%s: more than %d packets",
	    v->name, i);
	kit_check(memcmp(copy, frame->iov_base, frame->iov_len) == 0,
	    "%s: the frame has changed", v->name);
	free(copy);
}

START_TEST(test_split)
{
	int i, n;
	struct vector *v = vectors_read('S', &n);

	for (i = 0; i < n; i++)
		check_split(&v[i], &v[i].hdr, &v[i].packet, 0);
	vectors_free(v, n);
}
END_TEST

/* The same frame behind an Ethernet header. */
static size_t
put_ethernet(unsigned char *p, int tags, const unsigned char *ip)
{
	static const unsigned char type[2][2] = { { 8, 0 }, { 0x86, 0xdd } };
	size_t len = ADDRESSES;
	int i;

	memset(p, 0x02, ADDRESSES);
	for (i = 0; i < tags; i++, len += TAG) {
		memcpy(p + len, i + 1 < tags ? "\x88\xa8" : "\x81\x00", 2);
		p[len + 2] = (unsigned char)(0x60 | i);
		p[len + 3] = (unsigned char)(7 * i);
	}
	memcpy(p + len, type[ip[0] >> 4 == 6], 2);
	return len + 2;
}

static struct evbuffer_iovec
with_ethernet(const struct vector *v, int tags, struct evtun_offload *hdr,
    size_t *before)
{
	struct evbuffer_iovec frame;
	unsigned char head[ETHERNET_MAX];

	*before = put_ethernet(head, tags, v->packet.iov_base);
	frame.iov_len = *before + v->packet.iov_len;
	frame.iov_base = vectors_alloc(frame.iov_len);
	memcpy(frame.iov_base, head, *before);
	memcpy((unsigned char *)frame.iov_base + *before, v->packet.iov_base,
	    v->packet.iov_len);
	*hdr = v->hdr;
	if (hdr->flags & EVTUN_OFFLOAD_NEEDS_CSUM)
		hdr->csum_start = (ev_uint16_t)(hdr->csum_start + *before);
	return frame;
}

/* _i: how many VLAN tags. */
START_TEST(test_split_ethernet)
{
	int i, n;
	struct vector *v = vectors_read('S', &n);
	struct evtun_offload hdr;
	struct evbuffer_iovec frame;
	size_t before;

	for (i = 0; i < n; i++) {
		frame = with_ethernet(&v[i], _i, &hdr, &before);
		check_split(&v[i], &hdr, &frame, before);
		free(frame.iov_base);
	}
	vectors_free(v, n);
}
END_TEST

START_TEST(test_too_many_tags)
{
	int n;
	struct vector *v = vectors_read('S', &n);
	struct offload_split_ split;
	struct evtun_offload hdr;
	struct evbuffer_iovec frame;
	size_t before;

	frame = with_ethernet(&v[0], TAGS_MAX, &hdr, &before);
	ck_assert_int_eq(offload_begin_(&split, &hdr, frame.iov_base,
	    frame.iov_len, 1), OFFLOAD_TYPE_);
	free(frame.iov_base);
	vectors_free(v, n);
}
END_TEST

START_TEST(test_complete)
{
	int i, n, refusal;
	struct vector *v = vectors_read('K', &n);

	for (i = 0; i < n; i++) {
		refusal = offload_complete_(&v[i].hdr, v[i].packet.iov_base,
		    v[i].packet.iov_len);
		kit_check(refusal == OFFLOAD_GOOD_, "%s: refused: %d",
		    v[i].name, refusal);
		ck_assert_int_eq(v[i].n_pkts, 1);
		vectors_compare(v[i].name, 0, v[i].pkts, v[i].packet.iov_base,
		    v[i].packet.iov_len);
	}
	vectors_free(v, n);
}
END_TEST

static int
refuse(const struct vector *v, const struct evtun_offload *hdr, void *frame,
    size_t len)
{
	struct offload_split_ split;
	unsigned char *before;
	int refusal;

	if (hdr->gso_type != EVTUN_OFFLOAD_NONE)
		return offload_begin_(&split, hdr, frame, len, 0);
	before = vectors_copy(frame, len);
	refusal = offload_complete_(hdr, frame, len);
	kit_check(refusal == OFFLOAD_GOOD_ ||
	    memcmp(before, frame, len) == 0, "%s: refused, and changed",
	    v->name);
	free(before);
	return refusal;
}

/* What the words of a vector say, as a reason. */
static int
reason_of(const struct vector *v)
{
	static const struct {
		const char *name;
		int refusal;
	} reasons[] = {
		{ "ip version", OFFLOAD_TYPE_ }, { "gso_type", OFFLOAD_TYPE_ },
		{ "TCPV", OFFLOAD_TYPE_ }, { "frag ", OFFLOAD_TYPE_ },
		{ "gso_size", OFFLOAD_SIZE_ }, { "csum ", OFFLOAD_CSUM_ },
		{ "none-csum", OFFLOAD_CSUM_ }, { "doff 4", OFFLOAD_LENGTH_ },
		{ "ihl 4", OFFLOAD_LENGTH_ }, { "total_len", OFFLOAD_LENGTH_ },
		{ "tcp gso cut to 1", OFFLOAD_SHORT_ }
	};
	size_t i;

	for (i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
		if (strncmp(v->name, reasons[i].name,
		    strlen(reasons[i].name)) == 0)
			return reasons[i].refusal;
	}
	return OFFLOAD_GOOD_;
}

START_TEST(test_malformed)
{
	int i, n, refusal, reason, seen = 0;
	struct vector *v = vectors_read('M', &n);

	for (i = 0; i < n; i++) {
		/* Those are not for us: there is no description. */
		if (v[i].cut)
			continue;
		refusal = refuse(&v[i], &v[i].hdr, v[i].packet.iov_base,
		    v[i].packet.iov_len);
		kit_check(refusal > OFFLOAD_GOOD_ &&
		    refusal < OFFLOAD_N_REFUSALS_, "%s: accepted (%s)",
		    v[i].name, v[i].why);
		reason = reason_of(&v[i]);
		kit_check(reason == OFFLOAD_GOOD_ || refusal == reason,
		    "%s: refused for %d, not %d", v[i].name, refusal, reason);
		seen++;
	}
	ck_assert_int_ge(seen, 20);
	vectors_free(v, n);
}
END_TEST

/* ---- frames that somebody has tampered with ---- */

static int accepted, refused;

/* Split all of it: the payload comes out as it went in, and fits. */
static void
check_conserved(const struct vector *v, struct offload_split_ *split,
    const unsigned char *frame, size_t len)
{
	size_t at = split->payload;
	struct evbuffer_iovec out;
	unsigned n = 0;

	kit_check(at <= len, "%s: headers of %zu bytes", v->name, at);
	while (!offload_is_done_(split)) {
		out = next_segment(split, v->name);
		kit_check(out.iov_len >= split->payload &&
		    out.iov_len - split->payload <= len - at,
		    "%s: %zu bytes", v->name, out.iov_len);
		out.iov_len -= split->payload;
		kit_check(memcmp((unsigned char *)out.iov_base +
		    split->payload, frame + at, out.iov_len) == 0,
		    "%s: the payload has changed", v->name);
		at += out.iov_len;
		free(out.iov_base);
		n++;
	}
	kit_check(at == len, "%s: %zu bytes of %zu", v->name, at, len);
	kit_check(n > 0 && n <= OFFLOAD_TCP_SEGMENTS_, "%s: %u segments",
	    v->name, n);
}

/* Split or complete a copy of exactly its size; frame stays as it is. */
static void
try(const struct vector *v, const struct evtun_offload *hdr,
    const unsigned char *frame, size_t len, int ethernet)
{
	struct offload_split_ split;
	unsigned char *copy = vectors_copy(frame, len);
	int refusal;

	if (hdr->gso_type == EVTUN_OFFLOAD_NONE) {
		refusal = offload_complete_(hdr, copy, len);
	} else {
		refusal = offload_begin_(&split, hdr, copy, len, ethernet);
		if (refusal == OFFLOAD_GOOD_)
			check_conserved(v, &split, copy, len);
	}
	kit_check(refusal >= OFFLOAD_GOOD_ && refusal < OFFLOAD_N_REFUSALS_,
	    "%s: refused for %d", v->name, refusal);
	if (refusal == OFFLOAD_GOOD_)
		accepted++;
	else
		refused++;
	free(copy);
}

/* Every length; in the middle of a long payload, some. */
static void
cut_everywhere(const struct vector *v, const struct evtun_offload *hdr,
    const struct evbuffer_iovec *frame, int ethernet)
{
	size_t len;

	for (len = 0; len < frame->iov_len; len++) {
		if (len > 200 && len + 200 < frame->iov_len)
			len += len / 16;
		if (len >= frame->iov_len)
			break;
		try(v, hdr, frame->iov_base, len, ethernet);
	}
}

static void
change_everything(const struct vector *v, const struct evtun_offload *hdr,
    const struct evbuffer_iovec *frame, int ethernet)
{
	unsigned char *p = frame->iov_base, old;
	size_t i;
	int bit;

	for (i = 0; i < frame->iov_len && i < 120; i++) {
		old = p[i];
		for (bit = 0; bit < 10; bit++) {
			p[i] = (unsigned char)(old ^ 1u << bit);
			if (bit >= 8)
				p[i] = bit == 8 ? 0 : 0xff;
			try(v, hdr, p, frame->iov_len, ethernet);
		}
		p[i] = old;
	}
}

/* The fields of a description, one after the other. */
static void
change_description(const struct vector *v, const struct evbuffer_iovec *frame,
    const struct evtun_offload *hdr, int ethernet)
{
	static const ev_uint16_t values[] = { 0, 1, 2, 6, 7, 15, 16, 19, 20,
	    40, 0x7fff, 0x8000, 0xfffd, 0xfffe, 0xffff };
	struct evtun_offload other;
	unsigned i, field, value;

	for (i = 0; i < 256; i++) {
		other = *hdr;
		other.gso_type = (ev_uint8_t)i;
		try(v, &other, frame->iov_base, frame->iov_len, ethernet);
		other = *hdr;
		other.flags = (ev_uint8_t)i;
		try(v, &other, frame->iov_base, frame->iov_len, ethernet);
	}
	for (i = 0; i < 6 * sizeof(values) / sizeof(values[0]); i++) {
		ev_uint16_t *fields[6];

		other = *hdr;
		fields[0] = &other.hdr_len;
		fields[1] = &other.gso_size;
		fields[2] = &other.csum_start;
		fields[3] = &other.csum_offset;
		fields[4] = &other.outer_th_offset;
		fields[5] = &other.inner_nh_offset;
		field = i % 6;
		value = i / 6;
		*fields[field] = values[value];
		try(v, &other, frame->iov_base, frame->iov_len, ethernet);
	}
}

static void
tamper(char kind, int ethernet)
{
	int i, n;
	struct vector *v = vectors_read(kind, &n);
	struct evbuffer_iovec frame;
	struct evtun_offload hdr;
	size_t before;

	for (i = 0; i < n; i++) {
		if (v[i].cut || v[i].packet.iov_len == 0)
			continue;
		frame = with_ethernet(&v[i], 2, &hdr, &before);
		if (!ethernet) {
			hdr = v[i].hdr;
			frame.iov_len -= before;
			memmove(frame.iov_base, (unsigned char *)
			    frame.iov_base + before, frame.iov_len);
		}
		cut_everywhere(&v[i], &hdr, &frame, ethernet);
		change_everything(&v[i], &hdr, &frame, ethernet);
		change_description(&v[i], &frame, &hdr, ethernet);
		free(frame.iov_base);
	}
	vectors_free(v, n);
}

/* _i: behind an Ethernet header. */
START_TEST(test_tampered)
{
	tamper('S', _i);
	ck_assert_int_gt(accepted, 1000);
	ck_assert_int_gt(refused, 1000);
}
END_TEST

START_TEST(test_tampered_malformed)
{
	tamper('M', _i);
	ck_assert_int_gt(refused, 1000);
}
END_TEST

START_TEST(test_tampered_completion)
{
	tamper('K', _i);
	ck_assert_int_gt(accepted, 1000);
	ck_assert_int_gt(refused, 100);
}
END_TEST

int
main(void)
{
	kit_suite("split");
	kit_case("vectors", 0);
	kit_test(test_split);
	kit_loop(test_split_ethernet, 0, TAGS_MAX);
	kit_test(test_too_many_tags);
	kit_test(test_complete);
	kit_test(test_malformed);
	kit_case("tampered", 0);
	kit_loop(test_tampered, 0, 2);
	kit_loop(test_tampered_malformed, 0, 2);
	kit_loop(test_tampered_completion, 0, 2);
	return kit_run();
}
