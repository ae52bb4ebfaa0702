/*
 * The sum of RFC 1071, in every way that this machine has, against one that
 * adds up 16 bits after 16 bits.
 */
#include "config.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "kit.h"
#include "offload/checksum-internal.h"
#include "vectors.h"

#define LENGTHS 601
#define ALIGNMENTS 32
/* Around what is to be written, to see that nothing else is. */
#define MARGIN 64
#define MARK 0xa5

typedef unsigned (*sum_fn)(const void *, size_t, unsigned);
typedef unsigned (*copy_fn)(void *, const void *, size_t, unsigned);

struct way {
	const char *name;
	sum_fn sum;
	copy_fn copy;
	size_t min;	/* the shortest that it takes */
};

static const struct way ways[] = {
	{ "chosen", offload_sum_, offload_copy_sum_, 0 },
	{ "scalar", offload_sum_scalar_, offload_copy_sum_scalar_, 0 },
	{ "vectors", offload_sum_simd_, offload_copy_sum_simd_,
	    OFFLOAD_SIMD_MIN_ }
};
#define N_WAYS ((int)(sizeof(ways) / sizeof(ways[0])))

/* Sums to begin with: what is folded, what is not, and what is about to
 * overflow. */
static const unsigned begins[] = { 0, 1, 0xffff, 0x10000, 0xfffffffe,
	0xffffffff };
#define N_BEGINS ((int)(sizeof(begins) / sizeof(begins[0])))

static const struct way *
way_of(int i)
{
	if (ways[i].min > 0 && !OFFLOAD_HAS_SIMD_)
		kit_skip("this machine has no vectors that are used");
	return &ways[i];
}

enum pattern { ZEROS, ONES, RANDOM, LAST_BYTE, N_PATTERNS };

static uint64_t state = 88172645463325252;

static unsigned
next_random(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (unsigned)(state >> 24);
}

static void
fill(unsigned char *p, size_t len, enum pattern pattern)
{
	size_t i;

	memset(p, pattern == ONES ? 0xff : 0, len);
	for (i = 0; pattern == RANDOM && i < len; i++)
		p[i] = (unsigned char)next_random();
	if (pattern == LAST_BYTE && len > 0)
		p[len - 1] = 1;
}

/* In words as the machine reads them; not folded. */
static uint64_t
naive(const unsigned char *p, size_t len)
{
	uint64_t sum = 0;
	uint16_t word;
	size_t i;

	for (i = 0; i < len; i += 2) {
		word = 0;
		memcpy(&word, p + i, len - i < 2 ? 1 : 2);
		sum += word;
	}
	return sum;
}

static void
check_sum(const struct way *way, size_t len, unsigned got, uint64_t want)
{
	kit_check(got % 0xffff == want % 0xffff && (got == 0) == (want == 0),
	    "%s: %zu bytes: %#x, not %#llx", way->name, len, got,
	    (unsigned long long)want);
}

static void
check_margins(const struct way *way, const unsigned char *p, size_t from,
    size_t len)
{
	size_t i;

	for (i = 0; i < MARGIN + from; i++)
		kit_check(p[i] == MARK, "%s: %zu bytes: wrote before them",
		    way->name, len);
	for (i = MARGIN + from + len; i < 2 * MARGIN + from + len; i++)
		kit_check(p[i] == MARK, "%s: %zu bytes: wrote beyond them",
		    way->name, len);
}

static void
check_copy(const struct way *way, const unsigned char *data, size_t len,
    unsigned begin, uint64_t want, size_t at)
{
	unsigned char *to = vectors_alloc(2 * MARGIN + at + len);

	memset(to, MARK, 2 * MARGIN + at + len);
	check_sum(way, len, way->copy(to + MARGIN + at, data, len, begin),
	    want);
	kit_check(memcmp(to + MARGIN + at, data, len) == 0,
	    "%s: %zu bytes: copied wrongly", way->name, len);
	check_margins(way, to, at, len);
	free(to);
}

/* The memory ends where the data does, so that a sanitizer sees more. */
static void
check_one(const struct way *way, enum pattern pattern, size_t len, size_t at)
{
	unsigned char *memory = vectors_alloc(at + len), *data = memory + at;
	unsigned begin = begins[(len + at) % N_BEGINS];
	uint64_t want;

	fill(memory, at + len, pattern);
	want = naive(data, len);
	check_sum(way, len, way->sum(data, len, 0), want);
	check_sum(way, len, way->sum(data, len, begin), want + begin);
	check_copy(way, data, len, begin, want + begin, (at * 7 + len) %
	    ALIGNMENTS);
	free(memory);
}

START_TEST(test_all_lengths)
{
	const struct way *way = way_of(_i / N_PATTERNS);
	size_t len, at;

	for (len = way->min; len < LENGTHS; len++) {
		for (at = 0; at < ALIGNMENTS; at++)
			check_one(way, _i % N_PATTERNS, len, at);
	}
}
END_TEST

START_TEST(test_long)
{
	static const size_t lengths[] = { 1460, 8191, 9000, 65483, 65535,
	    65536, 65537, 65553, 262144, 1000001 };
	const struct way *way = way_of(_i / N_PATTERNS);
	size_t i;

	for (i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++)
		check_one(way, _i % N_PATTERNS, lengths[i], i % 3);
}
END_TEST

/* A sum may be the beginning of the next, whatever it is. */
START_TEST(test_pieces)
{
	const struct way *way = way_of(_i);
	unsigned char data[4 * LENGTHS];
	size_t first, len;
	unsigned sum;

	fill(data, sizeof(data), RANDOM);
	for (first = 64; first < LENGTHS; first += 2) {
		len = first + 64 + next_random() % (3 * LENGTHS - 64);
		sum = way->sum(data, first, 0xffffffff);
		sum = way->sum(data + first, len - first, sum);
		check_sum(way, len, sum, naive(data, len) + 0xffffffff);
	}
}
END_TEST

START_TEST(test_begins)
{
	const struct way *way = way_of(_i);
	unsigned char data[OFFLOAD_SIMD_MIN_ * 2 + 3];
	int i;

	fill(data, sizeof(data), ONES);
	for (i = 0; i < N_BEGINS; i++)
		check_copy(way, data, sizeof(data), begins[i],
		    naive(data, sizeof(data)) + begins[i], 1);
}
END_TEST

START_TEST(test_finish)
{
	unsigned sum;

	ck_assert_uint_eq(offload_finish_(0), 0xffff);
	for (sum = 1; sum != 0 && sum < 0xfffe0000; sum += 65521) {
		kit_check(offload_finish_(sum) % 0xffff ==
		    (0xffff - sum % 0xffff) % 0xffff, "%#x", sum);
		kit_check(offload_finish_(sum) != 0xffff, "%#x", sum);
	}
	ck_assert_uint_eq(offload_finish_(0xffff), 0);
	ck_assert_uint_eq(offload_finish_(0xffffffff), 0);
	ck_assert_uint_eq(offload_finish_(0x1fffe), 0);
}
END_TEST

/* The example of RFC 1071, section 3. */
START_TEST(test_rfc)
{
	static const unsigned char data[] = { 0x00, 0x01, 0xf2, 0x03, 0xf4,
	    0xf5, 0xf6, 0xf7 };
	static const unsigned char want[] = { 0x22, 0x0d };	/* ~ddf2 */
	uint16_t sum = offload_finish_(offload_sum_(data, sizeof(data), 0));

	ck_assert_mem_eq(&sum, want, sizeof(want));
}
END_TEST

int
main(void)
{
	kit_suite("checksum");
	kit_case("sum", 0);
	kit_loop(test_all_lengths, 0, N_WAYS * N_PATTERNS);
	kit_loop(test_long, 0, N_WAYS * N_PATTERNS);
	kit_loop(test_pieces, 0, N_WAYS);
	kit_loop(test_begins, 0, N_WAYS);
	kit_case("finish", 0);
	kit_test(test_finish);
	kit_test(test_rfc);
	return kit_run();
}
