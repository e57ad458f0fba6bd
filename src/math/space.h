/* SPDX-License-Identifier: Apache-2.0 */
/*
 * math/space: vectors under a metric. Inside, a distance is always "lower is nearer" and monotone in the score:
 * cosine 1 - cos, dot -dot, euclidean the square, the rest the distance itself.
 *
 * A row is dim float32 as the user gave them, then one float32, the factor: 1 / |x| for cosine, 1 otherwise
 * (so a stored vector comes back bit for bit, and cosine costs one multiplication more).
 */
#ifndef VS_MATH_SPACE_H
#define VS_MATH_SPACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "math/kernels.h"
#include "math/metric.h"
#include "math/quantization.h"

#define VS_DIM_MAX 8192

struct vs_space {
	enum vs_metric metric;
	uint32_t dim;
	enum vs_quantization quantization; /* INT8 only where math/int8 serves the metric */
	const struct vs_kernels *kernels;
};

/* quantization: int8 where it serves the metric; the caller may set it to none. */
void vs_space_init(struct vs_space *space, enum vs_metric metric, uint32_t dim);

/* The factor of a row. Finite input assumed. 0 for a zero vector under cosine, which callers refuse. */
float vs_space_factor(const struct vs_space *space, const float *vector);

/* From a query to a row. Under cosine both factors enter: 1 - dot(query, row) * query_factor * row[dim]. */
float vs_space_distance(const struct vs_space *space, const float *query, float query_factor, const float *row);

/* What users see for an internal distance. */
float vs_space_score(const struct vs_space *space, float distance);

#endif
