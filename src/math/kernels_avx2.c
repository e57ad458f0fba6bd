/* SPDX-License-Identifier: Apache-2.0 */
#include "math/kernels_impl.h"

#if defined(__x86_64__)

#include <immintrin.h>

#define AVX2 __attribute__((target("avx2,fma")))

/* Lanes below rest (1 … 7), for maskload: no byte past the end is touched. */
AVX2 static inline __m256i mask_of(size_t rest)
{
	const __m256i lanes = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
	return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)rest), lanes);
}

AVX2 static inline float sum_ps(__m256 v)
{
	__m128 s = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
	s = _mm_add_ps(s, _mm_movehl_ps(s, s));
	return _mm_cvtss_f32(_mm_add_ss(s, _mm_movehdup_ps(s)));
}

AVX2 static inline __m256 dot_step(__m256 sum, __m256 a, __m256 b)
{
	return _mm256_fmadd_ps(a, b, sum);
}

AVX2 static inline __m256 l2sq_step(__m256 sum, __m256 a, __m256 b)
{
	__m256 d = _mm256_sub_ps(a, b);
	return _mm256_fmadd_ps(d, d, sum);
}

AVX2 static inline __m256 l1_step(__m256 sum, __m256 a, __m256 b)
{
	__m256 d = _mm256_sub_ps(a, b);
	return _mm256_add_ps(sum, _mm256_andnot_ps(_mm256_set1_ps(-0.0f), d));
}

/* The loop around a step: four sums of eight lanes, then whole vectors, then the masked rest. */
#define LOOP(name, step)                                                                                               \
	AVX2 static float name(const float *a, const float *b, size_t n)                                                   \
	{                                                                                                                  \
		__m256 s0 = _mm256_setzero_ps(), s1 = s0, s2 = s0, s3 = s0;                                                    \
		size_t i = 0;                                                                                                  \
		for (; i + 32 <= n; i += 32) {                                                                                 \
			s0 = step(s0, _mm256_loadu_ps(a + i), _mm256_loadu_ps(b + i));                                             \
			s1 = step(s1, _mm256_loadu_ps(a + i + 8), _mm256_loadu_ps(b + i + 8));                                     \
			s2 = step(s2, _mm256_loadu_ps(a + i + 16), _mm256_loadu_ps(b + i + 16));                                   \
			s3 = step(s3, _mm256_loadu_ps(a + i + 24), _mm256_loadu_ps(b + i + 24));                                   \
		}                                                                                                              \
		for (; i + 8 <= n; i += 8)                                                                                     \
			s0 = step(s0, _mm256_loadu_ps(a + i), _mm256_loadu_ps(b + i));                                             \
		if (i < n) {                                                                                                   \
			__m256i mask = mask_of(n - i);                                                                             \
			s1 = step(s1, _mm256_maskload_ps(a + i, mask), _mm256_maskload_ps(b + i, mask));                           \
		}                                                                                                              \
		return sum_ps(_mm256_add_ps(_mm256_add_ps(s0, s1), _mm256_add_ps(s2, s3)));                                    \
	}

LOOP(dot, dot_step)
LOOP(l2sq, l2sq_step)
LOOP(l1, l1_step)

/* Widened to 16 bits before multiplying: maddubs would saturate at 255 * 127 * 2. */
AVX2 static inline __m256i dot_i8_step(__m256i sum, const uint8_t *code, const int8_t *query)
{
	__m256i c = _mm256_cvtepu8_epi16(_mm_load_si128((const __m128i *)(const void *)code));
	__m256i q = _mm256_cvtepi8_epi16(_mm_load_si128((const __m128i *)(const void *)query));
	return _mm256_add_epi32(sum, _mm256_madd_epi16(c, q));
}

AVX2 static int32_t dot_i8(const uint8_t *code, const int8_t *query, size_t n)
{
	__m256i s0 = _mm256_setzero_si256(), s1 = s0, s2 = s0, s3 = s0;
	for (size_t i = 0; i < n; i += 64) {
		s0 = dot_i8_step(s0, code + i, query + i);
		s1 = dot_i8_step(s1, code + i + 16, query + i + 16);
		s2 = dot_i8_step(s2, code + i + 32, query + i + 32);
		s3 = dot_i8_step(s3, code + i + 48, query + i + 48);
	}
	s0 = _mm256_add_epi32(_mm256_add_epi32(s0, s1), _mm256_add_epi32(s2, s3));
	__m128i s = _mm_add_epi32(_mm256_castsi256_si128(s0), _mm256_extracti128_si256(s0, 1));
	s = _mm_add_epi32(s, _mm_unpackhi_epi64(s, s));
	return _mm_cvtsi128_si32(_mm_add_epi32(s, _mm_shuffle_epi32(s, 1)));
}

const struct vs_kernels vs_kernels_avx2 = { "avx2", dot, l2sq, l1, dot_i8 };

#endif
