#include "config.h"

#include "checksum-internal.h"

#ifdef OFFLOAD_SIMD_ARM_
#include <arm_neon.h>

/* Two lanes of 64 bits each, which no packet is long enough to make
 * overflow: one instruction adds both halves of every 64 bits to them. */
#define TWICE static inline __attribute__((always_inline))

TWICE uint64x2_t
add16(uint64x2_t lanes, unsigned char *to, const unsigned char *from,
    size_t i, int copy)
{
	uint8x16_t v = vld1q_u8(from + i);

	if (copy)
		vst1q_u8(to + i, v);
	return vpadalq_u32(lanes, vreinterpretq_u32_u8(v));
}

TWICE unsigned
sum_vectors(unsigned char *to, const unsigned char *from, size_t len,
    unsigned sum, int copy)
{
	uint64x2_t lanes[4] = { vdupq_n_u64(0), vdupq_n_u64(0),
	    vdupq_n_u64(0), vdupq_n_u64(0) };
	size_t i, j;

	for (i = 0; i + 64 <= len; i += 64) {
		for (j = 0; j < 4; j++)
			lanes[j] = add16(lanes[j], to, from, i + 16 * j,
			    copy);
	}
	lanes[0] = vaddq_u64(vaddq_u64(lanes[0], lanes[1]),
	    vaddq_u64(lanes[2], lanes[3]));
	sum = offload_fold_((uint64_t)sum +
	    offload_fold_(vaddvq_u64(lanes[0])));
	if (copy)
		return offload_copy_sum_scalar_(to + i, from + i, len - i,
		    sum);
	return offload_sum_scalar_(from + i, len - i, sum);
}

unsigned
offload_sum_simd_(const void *data, size_t len, unsigned sum)
{
	return sum_vectors(NULL, data, len, sum, 0);
}

unsigned
offload_copy_sum_simd_(void *to, const void *from, size_t len, unsigned sum)
{
	return sum_vectors(to, from, len, sum, 1);
}
#endif /* OFFLOAD_SIMD_ARM_ */
