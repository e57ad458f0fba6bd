/* SPDX-License-Identifier: Apache-2.0 */
#include "math/space.h"

#include <float.h>
#include <math.h>

#include "math/int8.h"

void vs_space_init(struct vs_space *space, enum vs_metric metric, uint32_t dim)
{
	space->metric = metric;
	space->dim = dim;
	space->quantization = vs_int8_serves(metric) ? VS_QUANTIZATION_INT8 : VS_QUANTIZATION_NONE;
	space->kernels = vs_kernels_get();
}

static double dot_double(const float *a, const float *b, uint32_t dim)
{
	double sum = 0;
	for (uint32_t i = 0; i < dim; i++)
		sum += (double)a[i] * (double)b[i];
	return sum;
}

/* To float32, without infinities. */
static float narrow(double value)
{
	return (float)fmax(-FLT_MAX, fmin(FLT_MAX, value));
}

float vs_space_factor(const struct vs_space *space, const float *vector)
{
	if (space->metric != VS_COSINE)
		return 1.0f;
	/* In double precision: squares of float32 neither overflow nor vanish in it. Only a factor can still be too large
	 * for float32; cosine() does not use such a one. */
	double norm2 = dot_double(vector, vector, space->dim);
	return norm2 > 0 ? narrow(1.0 / sqrt(norm2)) : 0.0f;
}

/* ---- the four with kernels: float32, and again in double when that went out of range ---- */

static float cosine(const struct vs_space *space, const float *query, float query_factor, const float *row)
{
	/* factor is 1 / (|q| |x|): between these bounds neither a product nor a sum leaves float32. */
	float row_factor = row[space->dim];
	float factor = query_factor * row_factor;
	if (factor > 1e-20f && query_factor < 1e10f && row_factor < 1e10f)
		return 1.0f - space->kernels->dot(query, row, space->dim) * factor;
	double norms = sqrt(dot_double(query, query, space->dim)) * sqrt(dot_double(row, row, space->dim));
	return norms > 0 ? narrow(1.0 - dot_double(query, row, space->dim) / norms) : 1.0f;
}

static float dot(const struct vs_space *space, const float *query, const float *row)
{
	float sum = space->kernels->dot(query, row, space->dim);
	return isfinite(sum) ? -sum : narrow(-dot_double(query, row, space->dim));
}

static float l2sq(const struct vs_space *space, const float *query, const float *row)
{
	float sum = space->kernels->l2sq(query, row, space->dim);
	return isfinite(sum) ? sum : FLT_MAX;
}

static float l1(const struct vs_space *space, const float *query, const float *row)
{
	float sum = space->kernels->l1(query, row, space->dim);
	return isfinite(sum) ? sum : FLT_MAX;
}

/* ---- the five of exact scans ---- */

static float hamming(const float *a, const float *b, uint32_t dim)
{
	uint32_t differ = 0;
	for (uint32_t i = 0; i < dim; i++)
		differ += a[i] != b[i];
	return (float)differ;
}

static float jaccard(const float *a, const float *b, uint32_t dim)
{
	uint32_t both = 0;
	uint32_t any = 0;
	for (uint32_t i = 0; i < dim; i++) {
		both += a[i] != 0 && b[i] != 0;
		any += a[i] != 0 || b[i] != 0;
	}
	return any ? 1.0f - (float)both / (float)any : 0.0f;
}

static float chebyshev(const float *a, const float *b, uint32_t dim)
{
	float most = 0;
	for (uint32_t i = 0; i < dim; i++)
		most = fmaxf(most, fabsf(a[i] - b[i]));
	return fminf(most, FLT_MAX);
}

static float canberra(const float *a, const float *b, uint32_t dim)
{
	double sum = 0;
	for (uint32_t i = 0; i < dim; i++) {
		double size = fabs((double)a[i]) + fabs((double)b[i]);
		if (size > 0)
			sum += fabs((double)a[i] - (double)b[i]) / size;
	}
	return (float)sum;
}

/* sum |a - b| / sum |a + b| (Bray and Curtis, 1957); 0 for two equal vectors, also when all coordinates are 0. Where
 * opposite signs cancel the divisor alone, nothing is farther: FLT_MAX. */
static float braycurtis(const float *a, const float *b, uint32_t dim)
{
	double differ = 0;
	double size = 0;
	for (uint32_t i = 0; i < dim; i++) {
		differ += fabs((double)a[i] - (double)b[i]);
		size += fabs((double)a[i] + (double)b[i]);
	}
	if (differ == 0)
		return 0.0f;
	return size > 0 ? narrow(differ / size) : FLT_MAX;
}

float vs_space_distance(const struct vs_space *space, const float *query, float query_factor, const float *row)
{
	switch (space->metric) {
	case VS_COSINE:
		return cosine(space, query, query_factor, row);
	case VS_EUCLIDEAN:
		return l2sq(space, query, row);
	case VS_DOT:
		return dot(space, query, row);
	case VS_MANHATTAN:
		return l1(space, query, row);
	case VS_HAMMING:
		return hamming(query, row, space->dim);
	case VS_JACCARD:
		return jaccard(query, row, space->dim);
	case VS_CHEBYSHEV:
		return chebyshev(query, row, space->dim);
	case VS_CANBERRA:
		return canberra(query, row, space->dim);
	case VS_BRAYCURTIS:
		return braycurtis(query, row, space->dim);
	}
	return FLT_MAX;
}

float vs_space_score(const struct vs_space *space, float distance)
{
	switch (space->metric) {
	case VS_COSINE:
		return 1.0f - distance;
	case VS_DOT:
		return 0.0f - distance; /* no negative zero */
	case VS_EUCLIDEAN:
		return sqrtf(distance);
	default:
		return distance;
	}
}
