/* SPDX-License-Identifier: Apache-2.0 */
#include "math/int8.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

#define ALIGN 64
#define LEVELS 127 /* a code runs from -127 to 127 around the bias */
#define BIAS 128
#define SCALE_MAX 1e30f /* times an integer product (below 2^28) it stays finite, so that no distance becomes NaN */

bool vs_int8_serves(enum vs_metric metric)
{
	return metric == VS_COSINE || metric == VS_DOT || metric == VS_EUCLIDEAN;
}

size_t vs_int8_stride(uint32_t dim)
{
	return ((size_t)dim + 8 + ALIGN - 1) / ALIGN * ALIGN;
}

static void trailer_set(uint8_t *code, size_t stride, float scale, float norm2)
{
	memcpy(code + stride - 8, &scale, sizeof(scale));
	memcpy(code + stride - 4, &norm2, sizeof(norm2));
}

/* The scale and |x|^2 of a vector, the same on every instruction set: a code must be reproducible. Returns by what to
 * multiply a coordinate to get its level, 0 for a zero vector. */
static double measure(const struct vs_space *space, const float *vector, float factor, float *scale, float *norm2)
{
	float most = 0;
	double sum = 0;
	for (uint32_t i = 0; i < space->dim; i++) {
		most = fmaxf(most, fabsf(vector[i]));
		sum += (double)vector[i] * (double)vector[i];
	}
	bool cosine = space->metric == VS_COSINE;
	*scale = fminf((cosine ? most * factor : most) / LEVELS, SCALE_MAX);
	*norm2 = cosine ? 1.0f : (float)fmin(sum, FLT_MAX);
	return most > 0 ? LEVELS / (double)most : 0;
}

/* Rounds to the nearest level, halves up. |value * gain| <= LEVELS, but for a damaged row that holds no numbers: any level
 * then. */
static int level(float value, double gain)
{
	double at = (double)value * gain + (BIAS + 0.5);
	at = at > BIAS - LEVELS ? at : BIAS - LEVELS;
	at = at < BIAS + LEVELS + 0.5 ? at : BIAS + LEVELS + 0.5;
	return (int)at - BIAS;
}

void vs_int8_encode(const struct vs_space *space, const float *row, uint8_t *code)
{
	size_t stride = vs_int8_stride(space->dim);
	float scale;
	float norm2;
	double gain = measure(space, row, row[space->dim], &scale, &norm2);
	for (uint32_t i = 0; i < space->dim; i++)
		code[i] = (uint8_t)(level(row[i], gain) + BIAS);
	memset(code + space->dim, BIAS, stride - space->dim);
	trailer_set(code, stride, scale, norm2);
}

int vs_int8_query_init(struct vs_int8_query *query, uint32_t dim)
{
	memset(query, 0, sizeof(*query));
	query->stride = vs_int8_stride(dim);
	query->code = aligned_alloc(ALIGN, query->stride);
	if (!query->code)
		return VS_ENOMEM;
	memset(query->code, 0, query->stride);
	return 0;
}

void vs_int8_query_release(struct vs_int8_query *query)
{
	free(query->code);
	query->code = NULL;
}

void vs_int8_query_set(struct vs_int8_query *query, const struct vs_space *space, const float *vector, float factor)
{
	double gain = measure(space, vector, factor, &query->scale, &query->norm2);
	int32_t sum = 0;
	for (uint32_t i = 0; i < space->dim; i++) {
		int value = level(vector[i], gain);
		query->code[i] = (int8_t)value;
		sum += value;
	}
	query->bias = BIAS * sum;
}

void vs_int8_query_copy(struct vs_int8_query *query, const uint8_t *code)
{
	size_t end = query->stride - 8;
	int32_t sum = 0;
	for (size_t i = 0; i < end; i++) {
		int value = (int)code[i] - BIAS;
		query->code[i] = (int8_t)value;
		sum += value;
	}
	query->bias = BIAS * sum;
	memcpy(&query->scale, code + end, sizeof(query->scale));
	memcpy(&query->norm2, code + end + 4, sizeof(query->norm2));
}
