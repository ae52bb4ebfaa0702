#include "config.h"

#include "checksum-internal.h"

#ifdef OFFLOAD_SIMD_X86_
#include <immintrin.h>

/*
 * Four lanes of 64 bits, added up as in checksum.c: all of a lane, and its
 * upper half.  Two such pairs, so that no addition waits for the one before.
 */
#define AVX2 __attribute__((target("avx2")))
#define TWICE static inline __attribute__((always_inline, target("avx2")))

/* From the 32nd byte on: zeros.  The last n bytes of a vector are left by the
 * 32 that begin at n. */
static const unsigned char mask[64] = {
	[32] = 255, 255, 255, 255, 255, 255, 255, 255,
	255, 255, 255, 255, 255, 255, 255, 255,
	255, 255, 255, 255, 255, 255, 255, 255,
	255, 255, 255, 255, 255, 255, 255, 255
};

struct lanes {
	__m256i all, upper;
};

TWICE __m256i
get256(const unsigned char *p)
{
	return _mm256_loadu_si256((const void *)p);
}

TWICE __m256i
take256(unsigned char *to, const unsigned char *from, size_t i, int copy)
{
	__m256i v = get256(from + i);

	if (copy)
		_mm256_storeu_si256((void *)(to + i), v);
	return v;
}

TWICE void
lanes_add(struct lanes *lanes, __m256i v)
{
	lanes->all = _mm256_add_epi64(lanes->all, v);
	lanes->upper = _mm256_add_epi64(lanes->upper,
	    _mm256_srli_epi64(v, 32));
}

/* The sum of each lane, which no packet is long enough to make overflow. */
TWICE __m256i
lanes_sum(const struct lanes *lanes)
{
	__m256i lower = _mm256_sub_epi64(lanes->all,
	    _mm256_slli_epi64(lanes->upper, 32));

	return _mm256_add_epi64(lower, lanes->upper);
}

TWICE uint64_t
sum_across(__m256i v)
{
	__m128i two = _mm_add_epi64(_mm256_castsi256_si128(v),
	    _mm256_extracti128_si256(v, 1));
	uint64_t lane[2];

	_mm_storeu_si128((void *)lane, two);
	return lane[0] + lane[1];
}

/*
 * The last n < 32 bytes before the end, n even, are taken as a part of 32
 * bytes, of which the others have been summed up before: there are as many.
 */
TWICE void
add_rest(struct lanes *lanes, unsigned char *to, const unsigned char *from,
    size_t end, size_t n, int copy)
{
	__m256i v = take256(to, from, end - 32, copy);

	lanes_add(lanes, _mm256_and_si256(v, get256(mask + n)));
}

TWICE unsigned
sum_vectors(unsigned char *to, const unsigned char *from, size_t len,
    unsigned sum, int copy)
{
	struct lanes a = { _mm256_setzero_si256(), _mm256_setzero_si256() };
	struct lanes b = a;
	size_t i, even = len & ~(size_t)1;
	uint64_t total = sum;

	for (i = 0; i + 64 <= even; i += 64) {
		lanes_add(&a, take256(to, from, i, copy));
		lanes_add(&b, take256(to, from, i + 32, copy));
	}
	if (i + 32 <= even) {
		lanes_add(&a, take256(to, from, i, copy));
		i += 32;
	}
	add_rest(&b, to, from, even, even - i, copy);
	if (even != len) {
		if (copy)
			to[even] = from[even];
		total += from[even];
	}
	return offload_fold_(total + sum_across(_mm256_add_epi64(
	    lanes_sum(&a), lanes_sum(&b))));
}

AVX2 unsigned
offload_sum_simd_(const void *data, size_t len, unsigned sum)
{
	return sum_vectors(NULL, data, len, sum, 0);
}

AVX2 unsigned
offload_copy_sum_simd_(void *to, const void *from, size_t len, unsigned sum)
{
	return sum_vectors(to, from, len, sum, 1);
}
#endif /* OFFLOAD_SIMD_X86_ */
