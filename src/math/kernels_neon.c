/* SPDX-License-Identifier: Apache-2.0 */
#include "math/kernels_impl.h"

#if defined(__aarch64__)

#include <arm_neon.h>
#include <math.h>

static inline float32x4_t dot_step(float32x4_t sum, float32x4_t a, float32x4_t b)
{
	return vfmaq_f32(sum, a, b);
}

static inline float32x4_t l2sq_step(float32x4_t sum, float32x4_t a, float32x4_t b)
{
	float32x4_t d = vsubq_f32(a, b);
	return vfmaq_f32(sum, d, d);
}

static inline float32x4_t l1_step(float32x4_t sum, float32x4_t a, float32x4_t b)
{
	return vaddq_f32(sum, vabdq_f32(a, b));
}

static inline float dot_one(float a, float b)
{
	return a * b;
}

static inline float l2sq_one(float a, float b)
{
	return (a - b) * (a - b);
}

static inline float l1_one(float a, float b)
{
	return fabsf(a - b);
}

/* The loop around a step: four sums of four lanes, then whole vectors, then one by one. */
#define LOOP(name, step, one)                                                                                          \
	static float name(const float *a, const float *b, size_t n)                                                        \
	{                                                                                                                  \
		float32x4_t s0 = vdupq_n_f32(0), s1 = s0, s2 = s0, s3 = s0;                                                    \
		size_t i = 0;                                                                                                  \
		for (; i + 16 <= n; i += 16) {                                                                                 \
			s0 = step(s0, vld1q_f32(a + i), vld1q_f32(b + i));                                                         \
			s1 = step(s1, vld1q_f32(a + i + 4), vld1q_f32(b + i + 4));                                                 \
			s2 = step(s2, vld1q_f32(a + i + 8), vld1q_f32(b + i + 8));                                                 \
			s3 = step(s3, vld1q_f32(a + i + 12), vld1q_f32(b + i + 12));                                               \
		}                                                                                                              \
		for (; i + 4 <= n; i += 4)                                                                                     \
			s0 = step(s0, vld1q_f32(a + i), vld1q_f32(b + i));                                                         \
		float sum = vaddvq_f32(vaddq_f32(vaddq_f32(s0, s1), vaddq_f32(s2, s3)));                                       \
		for (; i < n; i++)                                                                                             \
			sum += one(a[i], b[i]);                                                                                    \
		return sum;                                                                                                    \
	}

LOOP(dot, dot_step, dot_one)
LOOP(l2sq, l2sq_step, l2sq_one)
LOOP(l1, l1_step, l1_one)

static inline int32x4_t dot_i8_step(int32x4_t sum, int16x8_t code, int16x8_t query)
{
	sum = vmlal_s16(sum, vget_low_s16(code), vget_low_s16(query));
	return vmlal_high_s16(sum, code, query);
}

static int32_t dot_i8(const uint8_t *code, const int8_t *query, size_t n)
{
	int32x4_t s0 = vdupq_n_s32(0), s1 = s0;
	for (size_t i = 0; i < n; i += 16) {
		uint8x16_t c = vld1q_u8(code + i);
		int8x16_t q = vld1q_s8(query + i);
		s0 = dot_i8_step(s0, vreinterpretq_s16_u16(vmovl_u8(vget_low_u8(c))), vmovl_s8(vget_low_s8(q)));
		s1 = dot_i8_step(s1, vreinterpretq_s16_u16(vmovl_high_u8(c)), vmovl_high_s8(q));
	}
	return vaddvq_s32(vaddq_s32(s0, s1));
}

const struct vs_kernels vs_kernels_neon = { "neon", dot, l2sq, l1, dot_i8 };

#endif
