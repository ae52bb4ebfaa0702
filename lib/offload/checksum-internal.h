#ifndef EVTUN_CHECKSUM_INTERNAL_H_INCLUDED_
#define EVTUN_CHECKSUM_INTERNAL_H_INCLUDED_
/*
 * The sum of RFC 1071 in several ways.  All give the same sum modulo 0xffff.
 *
 * The order of the bytes in memory does not matter to it (section 2 (B)), and
 * 2^16, 2^32 and 2^64 are all congruent to 1, so that words of any size may
 * be added up, and the carries put back at the end.
 */
#include <stdint.h>

#include "offload-internal.h"

/* On words of 64 bits, for any machine: checksum.c. */
unsigned offload_sum_scalar_(const void *data, size_t len, unsigned sum);
unsigned offload_copy_sum_scalar_(void *to, const void *from, size_t len,
    unsigned sum);

/* The least that is worth the vectors; they take nothing shorter. */
#define OFFLOAD_SIMD_MIN_ 64

#if defined(__GNUC__) && (defined(__x86_64__) || defined(__i386__))
/* checksum_x86.c, with AVX2: asking for it costs a load and a test. */
#define OFFLOAD_SIMD_X86_ 1
#define OFFLOAD_HAS_SIMD_ (__builtin_cpu_supports("avx2") != 0)
#elif defined(__GNUC__) && defined(__aarch64__) && !defined(__AARCH64EB__)
/* checksum_arm.c, with NEON: every AArch64 has it. */
#define OFFLOAD_SIMD_ARM_ 1
#define OFFLOAD_HAS_SIMD_ 1
#else
#define OFFLOAD_HAS_SIMD_ 0
#define offload_sum_simd_ offload_sum_scalar_
#define offload_copy_sum_simd_ offload_copy_sum_scalar_
#endif
#if defined(OFFLOAD_SIMD_X86_) || defined(OFFLOAD_SIMD_ARM_)
unsigned offload_sum_simd_(const void *data, size_t len, unsigned sum);
unsigned offload_copy_sum_simd_(void *to, const void *from, size_t len,
    unsigned sum);
#endif

/* Put the carries of a sum back, until it fits. */
static inline unsigned
offload_fold_(uint64_t sum)
{
	sum = (sum >> 32) + (sum & 0xffffffff);
	return (unsigned)((sum >> 32) + (sum & 0xffffffff));
}

#endif /* EVTUN_CHECKSUM_INTERNAL_H_INCLUDED_ */
