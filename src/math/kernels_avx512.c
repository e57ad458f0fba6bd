/* SPDX-License-Identifier: Apache-2.0 */
#include "math/kernels_impl.h"

#if defined(__x86_64__)

#include <immintrin.h>

#define AVX512 __attribute__((target("avx512f,avx512bw,avx512vl")))
#define VNNI __attribute__((target("avx512f,avx512bw,avx512vl,avx512vnni")))

AVX512 static inline __m512 dot_step(__m512 sum, __m512 a, __m512 b)
{
	return _mm512_fmadd_ps(a, b, sum);
}

AVX512 static inline __m512 l2sq_step(__m512 sum, __m512 a, __m512 b)
{
	__m512 d = _mm512_sub_ps(a, b);
	return _mm512_fmadd_ps(d, d, sum);
}

AVX512 static inline __m512 l1_step(__m512 sum, __m512 a, __m512 b)
{
	return _mm512_add_ps(sum, _mm512_abs_ps(_mm512_sub_ps(a, b)));
}

/* The loop around a step: four sums of sixteen lanes; the last, masked load touches no byte past the end. */
#define LOOP(name, step)                                                                                               \
	AVX512 static float name(const float *a, const float *b, size_t n)                                                 \
	{                                                                                                                  \
		__m512 s0 = _mm512_setzero_ps(), s1 = s0, s2 = s0, s3 = s0;                                                    \
		size_t i = 0;                                                                                                  \
		for (; i + 64 <= n; i += 64) {                                                                                 \
			s0 = step(s0, _mm512_loadu_ps(a + i), _mm512_loadu_ps(b + i));                                             \
			s1 = step(s1, _mm512_loadu_ps(a + i + 16), _mm512_loadu_ps(b + i + 16));                                   \
			s2 = step(s2, _mm512_loadu_ps(a + i + 32), _mm512_loadu_ps(b + i + 32));                                   \
			s3 = step(s3, _mm512_loadu_ps(a + i + 48), _mm512_loadu_ps(b + i + 48));                                   \
		}                                                                                                              \
		if (i + 32 <= n) {                                                                                             \
			s0 = step(s0, _mm512_loadu_ps(a + i), _mm512_loadu_ps(b + i));                                             \
			s1 = step(s1, _mm512_loadu_ps(a + i + 16), _mm512_loadu_ps(b + i + 16));                                   \
			i += 32;                                                                                                   \
		}                                                                                                              \
		if (i + 16 <= n) {                                                                                             \
			s2 = step(s2, _mm512_loadu_ps(a + i), _mm512_loadu_ps(b + i));                                             \
			i += 16;                                                                                                   \
		}                                                                                                              \
		if (i < n) {                                                                                                   \
			__mmask16 mask = (__mmask16)((1u << (n - i)) - 1);                                                         \
			s3 = step(s3, _mm512_maskz_loadu_ps(mask, a + i), _mm512_maskz_loadu_ps(mask, b + i));                     \
		}                                                                                                              \
		return _mm512_reduce_add_ps(_mm512_add_ps(_mm512_add_ps(s0, s1), _mm512_add_ps(s2, s3)));                      \
	}

LOOP(dot, dot_step)
LOOP(l2sq, l2sq_step)
LOOP(l1, l1_step)

/* Widened to 16 bits before multiplying: maddubs would saturate at 255 * 127 * 2. */
AVX512 static inline __m512i dot_i8_step(__m512i sum, const uint8_t *code, const int8_t *query)
{
	__m512i c = _mm512_cvtepu8_epi16(_mm256_load_si256((const __m256i *)(const void *)code));
	__m512i q = _mm512_cvtepi8_epi16(_mm256_load_si256((const __m256i *)(const void *)query));
	return _mm512_add_epi32(sum, _mm512_madd_epi16(c, q));
}

AVX512 static int32_t dot_i8(const uint8_t *code, const int8_t *query, size_t n)
{
	__m512i s0 = _mm512_setzero_si512(), s1 = s0;
	for (size_t i = 0; i < n; i += 64) {
		s0 = dot_i8_step(s0, code + i, query + i);
		s1 = dot_i8_step(s1, code + i + 32, query + i + 32);
	}
	return _mm512_reduce_add_epi32(_mm512_add_epi32(s0, s1));
}

/* vpdpbusd adds four products of unsigned by signed bytes into each 32-bit lane, without saturating. */
VNNI static int32_t dot_i8_vnni(const uint8_t *code, const int8_t *query, size_t n)
{
	__m512i s0 = _mm512_setzero_si512(), s1 = s0;
	size_t i = 0;
	for (; i + 128 <= n; i += 128) {
		s0 = _mm512_dpbusd_epi32(s0, _mm512_load_si512(code + i), _mm512_load_si512(query + i));
		s1 = _mm512_dpbusd_epi32(s1, _mm512_load_si512(code + i + 64), _mm512_load_si512(query + i + 64));
	}
	if (i < n)
		s0 = _mm512_dpbusd_epi32(s0, _mm512_load_si512(code + i), _mm512_load_si512(query + i));
	return _mm512_reduce_add_epi32(_mm512_add_epi32(s0, s1));
}

const struct vs_kernels vs_kernels_avx512 = { "avx512", dot, l2sq, l1, dot_i8 };
const struct vs_kernels vs_kernels_avx512vnni = { "avx512vnni", dot, l2sq, l1, dot_i8_vnni };

#endif
