/*
 * Frames with one thing wrong are refused, each for its reason; the same
 * frames without it are not.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "kit.h"
#include "offload/offload-internal.h"
#include "vectors.h"

#define PAYLOAD 200
#define GSO_SIZE 100
#define FRAME_MAX 70000

enum base { TCP4, TCP6, UDP4, UDP6, EXT6, VLAN4, VXLAN, VXLAN6, N_BASES };

/* Headers as they come, with zeros where a length or a checksum is put. */
#define ADDRESSES "\2\0\0\0\0\1" "\2\0\0\0\0\2"
#define IP4(protocol) "\x45\0\0\0" "\0\7\x40\0" "\x40" protocol "\0\0" \
	"\xc0\0\2\1" "\xc0\0\2\2"
#define HOST6 "\x20\1\xd\xb8" "\0\0\0\0" "\0\0\0\0" "\0\0\0"
#define IP6(next) "\x60\0\0\0" "\0\0" next "\x40" HOST6 "\1" HOST6 "\2"
#define TCP "\0\1\0\2" "\0\0\0\1" "\0\0\0\2" "\x50\x10\1\0" "\0\0\0\0"
#define UDP "\0\1\0\2" "\0\0\0\0"
#define VXLAN_HEADER "\x08\0\0\0" "\0\0\1\0"
#define EXTENSION(next) next "\0\1\4" "\0\0\0\0"
#define BYTES(s) s, sizeof(s) - 1

/* Where the headers are: 0 is also none, but for the first. */
static const struct {
	const char *bytes;
	size_t len;
	size_t outer_ip, outer_udp, ip, transport;
	ev_uint8_t type;
	int ethernet;
} bases[N_BASES] = {
	[TCP4] = { BYTES(IP4("\6") TCP), 0, 0, 0, 20,
	    EVTUN_OFFLOAD_TCP4, 0 },
	[TCP6] = { BYTES(IP6("\6") TCP), 0, 0, 0, 40,
	    EVTUN_OFFLOAD_TCP6, 0 },
	[UDP4] = { BYTES(IP4("\x11") UDP), 0, 0, 0, 20,
	    EVTUN_OFFLOAD_UDP, 0 },
	[UDP6] = { BYTES(IP6("\x11") UDP), 0, 0, 0, 40,
	    EVTUN_OFFLOAD_UDP, 0 },
	[EXT6] = { BYTES(IP6("\0") EXTENSION("\x3c") EXTENSION("\6") TCP),
	    0, 0, 0, 56, EVTUN_OFFLOAD_TCP6, 0 },
	[VLAN4] = { BYTES(ADDRESSES "\x81\0\0\5" "\x08\0" IP4("\6") TCP),
	    0, 0, 18, 38, EVTUN_OFFLOAD_TCP4, 1 },
	[VXLAN] = { BYTES(ADDRESSES "\x08\0" IP4("\x11") UDP VXLAN_HEADER
	    ADDRESSES "\x86\xdd" IP6("\6") TCP), 14, 34, 64, 104,
	    EVTUN_OFFLOAD_TCP6 | EVTUN_OFFLOAD_TUNNEL4, 1 },
	[VXLAN6] = { BYTES(ADDRESSES "\x86\xdd" IP6("\x11") UDP VXLAN_HEADER
	    ADDRESSES "\x08\0" IP4("\x11") UDP), 14, 54, 84, 104,
	    EVTUN_OFFLOAD_UDP | EVTUN_OFFLOAD_TUNNEL6, 1 }
};

/* The frame at hand. */
static enum base base;
static struct evtun_offload hdr;
static unsigned char frame[FRAME_MAX];
static size_t len;

static void
set16(size_t at, size_t value)
{
	frame[at] = (unsigned char)(value / 256);
	frame[at + 1] = (unsigned char)value;
}

static void
set_ip_length(size_t at)
{
	if (frame[at] / 16 == 6)
		set16(at + 4, len - at - 40);
	else
		set16(at + 2, len - at);
}

static int
is_udp(void)
{
	return (bases[base].type & 7) == EVTUN_OFFLOAD_UDP;
}

/* All the lengths that fit what there is. */
static void
set_lengths(void)
{
	set_ip_length(bases[base].ip);
	if (is_udp())
		set16(bases[base].transport + 4, len - bases[base].transport);
	if (bases[base].outer_udp == 0)
		return;
	set_ip_length(bases[base].outer_ip);
	set16(bases[base].outer_udp + 4, len - bases[base].outer_udp);
}

static void
make(enum base which, size_t payload)
{
	base = which;
	memset(frame, 0x55, sizeof(frame));
	memcpy(frame, bases[base].bytes, bases[base].len);
	len = bases[base].len + payload;
	set_lengths();
	memset(&hdr, 0, sizeof(hdr));
	hdr.flags = EVTUN_OFFLOAD_NEEDS_CSUM;
	hdr.gso_type = bases[base].type;
	hdr.hdr_len = (ev_uint16_t)bases[base].len;
	hdr.gso_size = GSO_SIZE;
	hdr.csum_start = (ev_uint16_t)bases[base].transport;
	hdr.csum_offset = is_udp() ? 6 : 16;
	if (bases[base].outer_udp != 0) {
		hdr.outer_th_offset = (ev_uint16_t)bases[base].outer_udp;
		hdr.inner_nh_offset = (ev_uint16_t)bases[base].ip;
	}
}

/* End it there, after its headers or not, with lengths that say so. */
static void
cut(size_t to)
{
	len = to;
	set_lengths();
	hdr.hdr_len = 0;
}

static void
check(const char *what, enum offload_refusal_ why)
{
	struct offload_split_ split;
	unsigned char *copy = vectors_copy(frame, len);
	int refusal = offload_begin_(&split, &hdr, copy, len,
	    bases[base].ethernet);

	kit_check(refusal == (int)why, "frame %d, %s: %d, not %d", base, what,
	    refusal, why);
	free(copy);
}

#define CHECK(which, why, change) do { \
	make(which, PAYLOAD); \
	change; \
	check(#change, OFFLOAD_##why##_); \
} while (0)

static void
unchanged(void)
{
}

START_TEST(test_good)
{
	struct offload_split_ split;

	CHECK(_i, GOOD, unchanged());
	ck_assert_int_eq(offload_begin_(&split, &hdr, frame, len,
	    bases[_i].ethernet), OFFLOAD_GOOD_);
	ck_assert_uint_eq(split.segments, 2);
	ck_assert_uint_eq(split.payload, bases[_i].len);
	ck_assert_uint_eq(offload_next_max_(&split), split.payload + 100);
	/* Nothing else in the description matters. */
	CHECK(_i, GOOD, hdr.hdr_len = 0);
	CHECK(_i, GOOD, hdr.hdr_len = (ev_uint16_t)len);
	CHECK(_i, GOOD, hdr.flags = 0xff);
}
END_TEST

/* Without its last bytes a frame is too short, wherever it ends. */
START_TEST(test_short)
{
	size_t to;

	for (to = 0; to < bases[_i].len; to++) {
		make(_i, PAYLOAD);
		hdr.hdr_len = 0;
		len = to;
		kit_check(offload_begin_(&(struct offload_split_){ 0 }, &hdr,
		    frame, len, bases[_i].ethernet) != OFFLOAD_GOOD_,
		    "%zu bytes", to);
	}
	CHECK(_i, SHORT, cut(0));
	CHECK(_i, SHORT, cut(bases[_i].transport + 7));
	CHECK(_i, SHORT, cut(bases[_i].len - 1));
	CHECK(_i, GOOD, cut(bases[_i].len));
	CHECK(_i, SHORT, hdr.hdr_len = (ev_uint16_t)(len + 1));
}
END_TEST

START_TEST(test_types)
{
	unsigned type;

	for (type = 1; type < 256; type++) {
		if (type == EVTUN_OFFLOAD_TCP4 ||
		    type == (EVTUN_OFFLOAD_TCP4 | EVTUN_OFFLOAD_ECN))
			continue;
		/* The positions of a tunnel are looked at first. */
		if (type & 0x60 && (type & 0x60) != 0x60 &&
		    ((type & 0x1f) == 1 || (type & 0x1f) == 4 ||
		    (type & 0x9f) == 5))
			continue;
		CHECK(TCP4, TYPE, hdr.gso_type = (ev_uint8_t)type);
	}
	CHECK(TCP4, GOOD, hdr.gso_type |= EVTUN_OFFLOAD_ECN);
	CHECK(TCP6, GOOD, hdr.gso_type |= EVTUN_OFFLOAD_ECN);
	CHECK(UDP4, TYPE, hdr.gso_type |= EVTUN_OFFLOAD_ECN);
	CHECK(VXLAN6, TYPE, hdr.gso_type |= EVTUN_OFFLOAD_ECN);
	CHECK(TCP6, TYPE, hdr.gso_type = EVTUN_OFFLOAD_TCP4);
	CHECK(UDP4, TYPE, hdr.gso_type = EVTUN_OFFLOAD_TCP4);
	CHECK(UDP6, TYPE, hdr.gso_type = EVTUN_OFFLOAD_TCP6);
	CHECK(VLAN4, TYPE, hdr.gso_type = EVTUN_OFFLOAD_TCP6);
}
END_TEST

START_TEST(test_headers)
{
	CHECK(TCP4, TYPE, frame[0] = 0x55);
	CHECK(TCP4, TYPE, frame[9] = 132);
	CHECK(UDP4, TYPE, frame[9] = 6);
	CHECK(UDP6, TYPE, frame[6] = 6);
	/* Version and Ethernet type. */
	CHECK(VLAN4, TYPE, frame[18] = 0x65);
	CHECK(VLAN4, TYPE, set16(16, 0x86dd));
	CHECK(VLAN4, TYPE, set16(16, 0x0806));
	CHECK(VLAN4, TYPE, set16(12, 0x9100));
	CHECK(VXLAN, TYPE, frame[14] = 0x65);
	CHECK(VXLAN6, TYPE, set16(12, 0x0800));
	/* Fragments: the first, a middle, the last; those that may not be
	 * made, and the bit that nobody uses, are none. */
	CHECK(TCP4, TYPE, set16(6, 0x2000));
	CHECK(TCP4, TYPE, set16(6, 0x2001));
	CHECK(UDP4, TYPE, set16(6, 0x1fff));
	CHECK(UDP4, GOOD, set16(6, 0xc000));
	CHECK(VXLAN, TYPE, set16(20, 0x2000));
	CHECK(VXLAN6, TYPE, set16(90, 0x0001));
}
END_TEST

START_TEST(test_lengths)
{
	CHECK(TCP4, LENGTH, frame[0] = 0x44);
	CHECK(TCP4, LENGTH, frame[0] = 0x40);
	CHECK(TCP4, LENGTH, set16(2, len - 1));
	CHECK(TCP4, LENGTH, set16(2, len + 1));
	CHECK(TCP4, LENGTH, set16(2, 0));
	CHECK(TCP4, LENGTH, len++);
	CHECK(TCP6, LENGTH, set16(4, len - 40 - 1));
	CHECK(TCP6, LENGTH, set16(4, len - 40 + 1));
	CHECK(TCP6, LENGTH, set16(4, 0));
	CHECK(TCP6, LENGTH, set16(4, 0xffff));
	CHECK(UDP4, LENGTH, set16(24, len - 20 - 1));
	CHECK(UDP4, LENGTH, set16(24, len - 20 + 1));
	CHECK(UDP6, LENGTH, set16(44, 0));
	CHECK(TCP4, LENGTH, frame[32] = 0x40);
	CHECK(TCP4, LENGTH, frame[32] = 0);
	CHECK(TCP4, GOOD, frame[32] = 0xf0);
	CHECK(TCP4, SHORT, (cut(59), frame[32] = 0xa0));
	CHECK(TCP4, SHORT, (cut(59), frame[0] = 0x4f));
}
END_TEST

START_TEST(test_extensions)
{
	/* Routing, and one more of the same. */
	CHECK(EXT6, GOOD, frame[6] = 43);
	CHECK(EXT6, GOOD, frame[40] = 43);
	CHECK(EXT6, GOOD, frame[40] = 0);
	/* A fragment, authentication, mobility, nothing more. */
	CHECK(EXT6, TYPE, frame[6] = 44);
	CHECK(EXT6, TYPE, frame[40] = 44);
	CHECK(EXT6, TYPE, frame[40] = 51);
	CHECK(EXT6, TYPE, frame[40] = 135);
	CHECK(EXT6, TYPE, frame[40] = 59);
	/* Longer than all there is; and one that is not there. */
	CHECK(EXT6, SHORT, frame[41] = 0xff);
	CHECK(EXT6, SHORT, frame[49] = 0xff);
	CHECK(EXT6, SHORT, frame[49] = 28);
	CHECK(EXT6, SHORT, cut(48));
	CHECK(EXT6, SHORT, cut(55));
	CHECK(EXT6, SHORT, cut(56));
}
END_TEST

/* The checksum goes where it is looked for; sums of 16 bits do not wrap. */
START_TEST(test_checksums)
{
	int which;

	for (which = 0; which < N_BASES; which++) {
		CHECK(which, CSUM, hdr.csum_start++);
		CHECK(which, CSUM, hdr.csum_start--);
		CHECK(which, CSUM, hdr.csum_start = 0xffff);
		CHECK(which, CSUM, hdr.csum_offset++);
		CHECK(which, CSUM, hdr.csum_offset = 0);
		CHECK(which, CSUM, hdr.csum_offset = 0xffff);
		CHECK(which, CSUM, (hdr.csum_start -= 2,
		    hdr.csum_offset += 2));
		CHECK(which, CSUM, hdr.csum_offset ^= 16 ^ 6);
	}
	/* TCP needs no description of it, unless it is in a tunnel. */
	CHECK(TCP4, GOOD, hdr.flags = 0);
	CHECK(TCP4, GOOD, hdr.flags = EVTUN_OFFLOAD_DATA_VALID);
	CHECK(EXT6, GOOD, (hdr.flags = 0, hdr.csum_start = 0xffff));
	CHECK(UDP4, CSUM, hdr.flags = 0);
	CHECK(UDP6, CSUM, hdr.flags = EVTUN_OFFLOAD_DATA_VALID);
	CHECK(VXLAN, CSUM, hdr.flags = EVTUN_OFFLOAD_TUNNEL_CSUM);
	CHECK(VXLAN6, CSUM, hdr.flags = 0);
}
END_TEST

static void
with_payload(enum base which, size_t payload, ev_uint16_t size,
    enum offload_refusal_ why)
{
	make(which, payload);
	hdr.gso_size = size;
	check("its size", why);
}

START_TEST(test_sizes)
{
	with_payload(TCP4, 200, 0, OFFLOAD_SIZE_);
	with_payload(TCP4, 200, 0xffff, OFFLOAD_SIZE_);
	with_payload(UDP4, 200, 0xffff, OFFLOAD_SIZE_);
	with_payload(TCP4, 200, 0xfffe, OFFLOAD_GOOD_);
	with_payload(TCP6, 0, 1, OFFLOAD_GOOD_);
	with_payload(UDP4, 0, 0xfffe, OFFLOAD_GOOD_);
	with_payload(TCP4, OFFLOAD_TCP_SEGMENTS_, 1, OFFLOAD_GOOD_);
	with_payload(TCP4, OFFLOAD_TCP_SEGMENTS_ + 1, 1, OFFLOAD_SEGMENTS_);
	with_payload(TCP6, 10 * OFFLOAD_TCP_SEGMENTS_ + 1, 10,
	    OFFLOAD_SEGMENTS_);
	with_payload(UDP6, OFFLOAD_UDP_SEGMENTS_, 1, OFFLOAD_GOOD_);
	with_payload(UDP6, OFFLOAD_UDP_SEGMENTS_ + 1, 1, OFFLOAD_SEGMENTS_);
	with_payload(VXLAN6, 50 * OFFLOAD_UDP_SEGMENTS_ + 1, 50,
	    OFFLOAD_SEGMENTS_);
	/* The largest packet of IPv4; what IPv6 could have beyond that. */
	with_payload(TCP4, 65535 - 40, 65000, OFFLOAD_GOOD_);
	with_payload(TCP6, 65535 - 20, 65535 - 60, OFFLOAD_GOOD_);
	with_payload(TCP6, 65535 - 20, 65536 - 60, OFFLOAD_LENGTH_);
	with_payload(UDP6, 65535 - 8, 65534, OFFLOAD_LENGTH_);
}
END_TEST

/* Linux counts the options of TCP with what may be one segment. */
START_TEST(test_options_and_size)
{
	CHECK(TCP4, GOOD, (frame[32] = 0x80, hdr.gso_size = 187));
	CHECK(TCP4, SIZE, (frame[32] = 0x80, hdr.gso_size = 188));
	CHECK(TCP4, SIZE, (frame[32] = 0x80, hdr.gso_size = 199));
	CHECK(TCP4, GOOD, (frame[32] = 0x80, hdr.gso_size = 200));
}
END_TEST

START_TEST(test_tunnels)
{
	CHECK(VXLAN, TYPE, hdr.gso_type |= EVTUN_OFFLOAD_TUNNEL6);
	CHECK(VXLAN6, TYPE, hdr.gso_type |= EVTUN_OFFLOAD_TUNNEL4);
	CHECK(VXLAN, TYPE, hdr.gso_type ^= 0x60);
	CHECK(VXLAN6, TYPE, hdr.gso_type ^= 0x60);
	CHECK(VXLAN, TYPE, hdr.gso_type &= ~0x1f);
	/* Not UDP outside. */
	CHECK(VXLAN, TYPE, frame[23] = 6);
	CHECK(VXLAN6, TYPE, frame[20] = 6);
	/* Positions that do not fit. */
	CHECK(VXLAN, LENGTH, hdr.outer_th_offset++);
	CHECK(VXLAN, LENGTH, hdr.outer_th_offset = 0);
	CHECK(VXLAN6, LENGTH, hdr.outer_th_offset = 0xffff);
	CHECK(VXLAN, LENGTH, hdr.inner_nh_offset = 0);
	CHECK(VXLAN, LENGTH, hdr.inner_nh_offset = 41);
	CHECK(VXLAN, SHORT, hdr.inner_nh_offset = 0xffff);
	CHECK(VXLAN, SHORT, hdr.inner_nh_offset = (ev_uint16_t)len);
	/* Lengths outside, and versions inside. */
	CHECK(VXLAN, LENGTH, set16(16, len - 14 - 1));
	CHECK(VXLAN, LENGTH, set16(38, len - 34 + 1));
	CHECK(VXLAN6, LENGTH, set16(18, 0));
	CHECK(VXLAN6, LENGTH, set16(58, 0));
	CHECK(VXLAN, LENGTH, len--);
	CHECK(VXLAN, TYPE, frame[64] = 0x70);
	CHECK(VXLAN6, TYPE, frame[93] = 6);
	CHECK(VXLAN6, LENGTH, set16(86, len - 84 - 1));
	CHECK(VXLAN6, LENGTH, set16(108, len - 104 - 1));
}
END_TEST

/* ---- what is no large frame ---- */

static void
complete(ev_uint16_t start, ev_uint16_t offset, enum offload_refusal_ why)
{
	unsigned char *copy;
	int refusal;

	make(UDP4, PAYLOAD);
	hdr.gso_type = EVTUN_OFFLOAD_NONE;
	hdr.csum_start = start;
	hdr.csum_offset = offset;
	copy = vectors_copy(frame, len);
	refusal = offload_complete_(&hdr, copy, len);
	kit_check(refusal == (int)why, "%u + %u: %d, not %d", start, offset,
	    refusal, why);
	kit_check((memcmp(copy, frame, len) == 0) == (why != OFFLOAD_GOOD_),
	    "%u + %u: changed, or not", start, offset);
	free(copy);
}

START_TEST(test_completion)
{
	const ev_uint16_t end = (ev_uint16_t)(bases[UDP4].len + PAYLOAD);

	complete(20, 6, OFFLOAD_GOOD_);
	complete(19, 7, OFFLOAD_CSUM_);
	complete(0, 26, OFFLOAD_CSUM_);
	complete(20, (ev_uint16_t)(end - 22), OFFLOAD_GOOD_);
	complete(20, (ev_uint16_t)(end - 21), OFFLOAD_CSUM_);
	complete((ev_uint16_t)(end - 2), 0, OFFLOAD_GOOD_);
	complete((ev_uint16_t)(end - 1), 0, OFFLOAD_CSUM_);
	complete(end, 0, OFFLOAD_CSUM_);
	complete(0xffff, 0, OFFLOAD_CSUM_);
	complete(0xffff, 0xffff, OFFLOAD_CSUM_);
	complete(20, 0xfff2, OFFLOAD_CSUM_);
	complete(21, 3, OFFLOAD_GOOD_);
}
END_TEST

START_TEST(test_completion_short)
{
	unsigned char nothing;

	memset(&hdr, 0, sizeof(hdr));
	ck_assert_int_eq(offload_complete_(&hdr, &nothing, 0), OFFLOAD_CSUM_);
	make(UDP4, PAYLOAD);
	hdr.hdr_len = (ev_uint16_t)(len + 1);
	ck_assert_int_eq(offload_complete_(&hdr, frame, len), OFFLOAD_SHORT_);
	hdr.hdr_len = (ev_uint16_t)len;
	ck_assert_int_eq(offload_complete_(&hdr, frame, len), OFFLOAD_GOOD_);
}
END_TEST

/* A sum of 0xffff is told from no checksum, and that by Linux in TCP too. */
START_TEST(test_completion_zero)
{
	make(TCP4, 0);
	memset(frame + 20, 0, 20);
	set16(20, 0xffff);
	ck_assert_int_eq(offload_complete_(&hdr, frame, len), OFFLOAD_GOOD_);
	ck_assert_uint_eq(frame[36], 0xff);
	ck_assert_uint_eq(frame[37], 0xff);
}
END_TEST

int
main(void)
{
	kit_suite("split_refused");
	kit_case("large", 0);
	kit_loop(test_good, 0, N_BASES);
	kit_loop(test_short, 0, N_BASES);
	kit_test(test_types);
	kit_test(test_headers);
	kit_test(test_lengths);
	kit_test(test_extensions);
	kit_test(test_checksums);
	kit_test(test_sizes);
	kit_test(test_options_and_size);
	kit_test(test_tunnels);
	kit_case("completion", 0);
	kit_test(test_completion);
	kit_test(test_completion_short);
	kit_test(test_completion_zero);
	return kit_run();
}
