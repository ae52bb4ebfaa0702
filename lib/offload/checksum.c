#include "config.h"

#include <string.h>

#include "checksum-internal.h"

/*
 * Words of 64 bits are added up twice: all of them, modulo 2^64, and their
 * upper halves.  From the two follows the sum of the lower halves, which no
 * packet is long enough to make overflow.
 */
struct lanes {
	uint64_t all, upper;
};

static inline uint64_t
get64(const unsigned char *p)
{
	uint64_t word;

	memcpy(&word, p, sizeof(word));
	return word;
}

static inline void
lanes_add(struct lanes *lanes, uint64_t word)
{
	lanes->all += word;
	lanes->upper += word >> 32;
}

static inline uint64_t
lanes_sum(const struct lanes *lanes)
{
	return lanes->all - (lanes->upper << 32) + lanes->upper;
}

/*
 * What follows is compiled twice: with a constant copy of 1, and of 0, when
 * `to` is NULL and nothing is written.  All of it is about the bytes from the
 * i-th on.
 */
#define TWICE static inline __attribute__((always_inline))

TWICE uint64_t
take64(unsigned char *to, const unsigned char *from, size_t i, int copy)
{
	uint64_t word = get64(from + i);

	if (copy)
		memcpy(to + i, &word, sizeof(word));
	return word;
}

TWICE uint64_t
take32(unsigned char *to, const unsigned char *from, size_t i, int copy)
{
	uint32_t word;

	memcpy(&word, from + i, sizeof(word));
	if (copy)
		memcpy(to + i, &word, sizeof(word));
	return word;
}

TWICE uint64_t
take16(unsigned char *to, const unsigned char *from, size_t i, int copy)
{
	uint16_t word;

	memcpy(&word, from + i, sizeof(word));
	if (copy)
		memcpy(to + i, &word, sizeof(word));
	return word;
}

/* A last byte, and the zero that follows it. */
TWICE uint64_t
take8(unsigned char *to, const unsigned char *from, size_t i, int copy)
{
	const unsigned char pair[2] = { from[i], 0 };
	uint16_t word;

	if (copy)
		to[i] = from[i];
	memcpy(&word, pair, sizeof(word));
	return word;
}

/* The last n < 8 bytes. */
TWICE uint64_t
sum_rest(unsigned char *to, const unsigned char *from, size_t i, size_t n,
    int copy)
{
	uint64_t sum = 0;

	if (n & 4) {
		sum += take32(to, from, i, copy);
		i += 4;
	}
	if (n & 2) {
		sum += take16(to, from, i, copy);
		i += 2;
	}
	if (n & 1)
		sum += take8(to, from, i, copy);
	return sum;
}

TWICE unsigned
sum_scalar(unsigned char *to, const unsigned char *from, size_t len,
    unsigned sum, int copy)
{
	struct lanes a = { 0, 0 }, b = { 0, 0 };
	size_t i = 0;

	for (; i + 32 <= len; i += 32) {
		lanes_add(&a, take64(to, from, i, copy));
		lanes_add(&b, take64(to, from, i + 8, copy));
		lanes_add(&a, take64(to, from, i + 16, copy));
		lanes_add(&b, take64(to, from, i + 24, copy));
	}
	for (; i + 8 <= len; i += 8)
		lanes_add(&a, take64(to, from, i, copy));
	return offload_fold_((uint64_t)offload_fold_(lanes_sum(&a)) +
	    offload_fold_(lanes_sum(&b)) +
	    sum_rest(to, from, i, len - i, copy) + sum);
}

unsigned
offload_sum_scalar_(const void *data, size_t len, unsigned sum)
{
	return sum_scalar(NULL, data, len, sum, 0);
}

unsigned
offload_copy_sum_scalar_(void *to, const void *from, size_t len, unsigned sum)
{
	return sum_scalar(to, from, len, sum, 1);
}

unsigned
offload_sum_(const void *data, size_t len, unsigned sum)
{
	if (len >= OFFLOAD_SIMD_MIN_ && OFFLOAD_HAS_SIMD_)
		return offload_sum_simd_(data, len, sum);
	return sum_scalar(NULL, data, len, sum, 0);
}

unsigned
offload_copy_sum_(void *to, const void *from, size_t len, unsigned sum)
{
	if (len >= OFFLOAD_SIMD_MIN_ && OFFLOAD_HAS_SIMD_)
		return offload_copy_sum_simd_(to, from, len, sum);
	return sum_scalar(to, from, len, sum, 1);
}
