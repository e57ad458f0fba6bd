/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "math/kernels_impl.h"

/* Four partial sums: shorter chains of additions, and smaller rounding errors than one. */

static float dot(const float *a, const float *b, size_t n)
{
	float s0 = 0, s1 = 0, s2 = 0, s3 = 0;
	size_t i = 0;
	for (; i + 4 <= n; i += 4) {
		s0 += a[i] * b[i];
		s1 += a[i + 1] * b[i + 1];
		s2 += a[i + 2] * b[i + 2];
		s3 += a[i + 3] * b[i + 3];
	}
	for (; i < n; i++)
		s0 += a[i] * b[i];
	return (s0 + s1) + (s2 + s3);
}

static float square(float x)
{
	return x * x;
}

static float l2sq(const float *a, const float *b, size_t n)
{
	float s0 = 0, s1 = 0, s2 = 0, s3 = 0;
	size_t i = 0;
	for (; i + 4 <= n; i += 4) {
		s0 += square(a[i] - b[i]);
		s1 += square(a[i + 1] - b[i + 1]);
		s2 += square(a[i + 2] - b[i + 2]);
		s3 += square(a[i + 3] - b[i + 3]);
	}
	for (; i < n; i++)
		s0 += square(a[i] - b[i]);
	return (s0 + s1) + (s2 + s3);
}

static float l1(const float *a, const float *b, size_t n)
{
	float s0 = 0, s1 = 0, s2 = 0, s3 = 0;
	size_t i = 0;
	for (; i + 4 <= n; i += 4) {
		s0 += fabsf(a[i] - b[i]);
		s1 += fabsf(a[i + 1] - b[i + 1]);
		s2 += fabsf(a[i + 2] - b[i + 2]);
		s3 += fabsf(a[i + 3] - b[i + 3]);
	}
	for (; i < n; i++)
		s0 += fabsf(a[i] - b[i]);
	return (s0 + s1) + (s2 + s3);
}

static int32_t dot_i8(const uint8_t *code, const int8_t *query, size_t n)
{
	int32_t sum = 0;
	for (size_t i = 0; i < n; i++)
		sum += (int32_t)code[i] * query[i];
	return sum;
}

const struct vs_kernels vs_kernels_scalar = { "scalar", dot, l2sq, l1, dot_i8 };
