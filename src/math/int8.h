/* SPDX-License-Identifier: Apache-2.0 */
/*
 * math/int8: a vector in one byte a dimension, for walking the graph. Symmetric, one scale per vector, so a code
 * depends on its own vector alone and can be made again at any time.
 *
 * A code row is a multiple of 64 bytes:
 *   OFFSET      SIZE  MEANING
 *   0           dim   round(x / scale) + 128, x normalised under cosine
 *   dim         …     128 (reads as zero)
 *   stride - 8  4     scale, float32: max|x| / 127, at most 1e30
 *   stride - 4  4     |x|^2, float32 (1 under cosine; at most FLT_MAX)
 * Serves cosine, dot and euclidean through one integer dot product. The query is signed and zero past dim, so that
 * padding and trailer add nothing to it.
 */
#ifndef VS_MATH_INT8_H
#define VS_MATH_INT8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "math/space.h"

struct vs_int8_query {
	int8_t *code; /* stride bytes, 64-byte aligned, zero past dim */
	float scale;
	float norm2;  /* |q|^2 after normalisation */
	int32_t bias; /* 128 * the sum of code: what the 128 in every byte of a row adds to the product */
	size_t stride;
};

bool vs_int8_serves(enum vs_metric metric);
size_t vs_int8_stride(uint32_t dim); /* dim + 8 rounded up to 64 */

/* Encodes one row (dim floats and the factor) into code[stride]. */
void vs_int8_encode(const struct vs_space *space, const float *row, uint8_t *code);

/* Memory of a query: 0 or VS_ENOMEM. Release accepts a zeroed struct. */
int vs_int8_query_init(struct vs_int8_query *query, uint32_t dim);
void vs_int8_query_release(struct vs_int8_query *query);
void vs_int8_query_set(struct vs_int8_query *query, const struct vs_space *space, const float *vector, float factor);
/* The same from a stored code, as when linking its neighbours. */
void vs_int8_query_copy(struct vs_int8_query *query, const uint8_t *code);

/* Approximates vs_space_distance (cosine, dot, euclidean). Never NaN for rows and queries that were encoded here. */
static inline float vs_int8_distance(const struct vs_space *space, const struct vs_int8_query *query,
                                     const uint8_t *code)
{
	const float *trailer = (const float *)(const void *)(code + query->stride - 8);
	int32_t product = space->kernels->dot_i8(code, query->code, query->stride) - query->bias;
	float dot = (float)product * query->scale * trailer[0];
	switch (space->metric) {
	case VS_COSINE:
		return 1.0f - dot;
	case VS_EUCLIDEAN: {
		float distance = query->norm2 + trailer[1] - 2.0f * dot;
		return distance < __FLT_MAX__ ? distance : __FLT_MAX__; /* also for inf - inf */
	}
	default:
		return -dot;
	}
}

#endif
