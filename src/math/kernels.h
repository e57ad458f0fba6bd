/* SPDX-License-Identifier: Apache-2.0 */
/*
 * math/kernels: the inner loops, once per instruction set, chosen once at start-up by what the CPU has.
 * All take unaligned pointers and any n unless said otherwise; sums are in float32, so sets differ in the last bits.
 * query bytes are -127 … 127.
 */
#ifndef VS_MATH_KERNELS_H
#define VS_MATH_KERNELS_H

#include <stddef.h>
#include <stdint.h>

struct vs_kernels {
	const char *name;                                        /* "scalar", "avx2", "avx512", "avx512vnni", "neon" */
	float (*dot)(const float *a, const float *b, size_t n);  /* sum a*b */
	float (*l2sq)(const float *a, const float *b, size_t n); /* sum (a-b)^2 */
	float (*l1)(const float *a, const float *b, size_t n);   /* sum |a-b| */
	/* sum code * query over n bytes, n a multiple of 64 and at most 65536, both 64-byte aligned. Exact (integers). */
	int32_t (*dot_i8)(const uint8_t *code, const int8_t *query, size_t n);
};

/* The best set this CPU has, or the one VECSTORE_SIMD names (for tests and doubts; a set that the CPU has not is
 * ignored). Never NULL. The choice is made once; any thread may ask. */
const struct vs_kernels *vs_kernels_get(void);
/* Every set this CPU can run, scalar first; for tests. Returns how many; *list is static. */
size_t vs_kernels_list(const struct vs_kernels *const **list);

#endif
