/* SPDX-License-Identifier: Apache-2.0 */
/* math/kernels_impl: the sets behind math/kernels, private to it. A set exists where its architecture does; whether the
 * CPU can run it is for kernels.c to find out. */
#ifndef VS_MATH_KERNELS_IMPL_H
#define VS_MATH_KERNELS_IMPL_H

#include "math/kernels.h"

extern const struct vs_kernels vs_kernels_scalar;
#if defined(__x86_64__)
extern const struct vs_kernels vs_kernels_avx2;       /* needs avx2, fma */
extern const struct vs_kernels vs_kernels_avx512;     /* needs avx512f, avx512bw, avx512vl */
extern const struct vs_kernels vs_kernels_avx512vnni; /* and avx512vnni */
#elif defined(__aarch64__)
extern const struct vs_kernels vs_kernels_neon;
#endif

#endif
