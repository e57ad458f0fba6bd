/* SPDX-License-Identifier: Apache-2.0 */
/*
 * index/graph_distance: the distances of the hot loops, inlined into them. Private to this room.
 *
 * Three kinds: float32 rows (metrics without codes), codes by math/kernels, and codes by AVX-512 VNNI, where a call
 * would cost as much as the product. Within one kind the same pair of vectors gives the same bits whatever function
 * asks, in both directions: copies of a vector are told by that.
 */
#ifndef VS_INDEX_GRAPH_DISTANCE_H
#define VS_INDEX_GRAPH_DISTANCE_H

#include "index/graph_impl.h"

#if defined(__x86_64__)
#include <immintrin.h>
#define VS_VNNI __attribute__((target("avx512f,avx512bw,avx512vl,avx512vnni,fma")))
#endif

static inline const uint8_t *vs_walk_code(const struct vs_walk *walk, uint32_t slot)
{
	return walk->codes + slot * walk->code_stride;
}

static inline float vs_distance_row(const struct vs_walk *walk, uint32_t slot)
{
	const unsigned char *row = walk->rows + slot * walk->row_stride;

	return vs_space_distance(&walk->graph->space, walk->vector, walk->factor, (const float *)(const void *)row);
}

/* dot: of the two codes, each less 128. */
VS_INLINE float vs_distance_of(const struct vs_walk *walk, const uint8_t *code, int32_t dot)
{
	const float *trailer = (const float *)(const void *)(code + walk->code_stride - 8);

	return walk->base + walk->by_norm * trailer[1] - walk->by_dot * trailer[0] * (float)dot;
}

static inline float vs_distance_code(const struct vs_walk *walk, uint32_t slot)
{
	const uint8_t *code = vs_walk_code(walk, slot);
	int32_t product = walk->graph->space.kernels->dot_i8(code, walk->code, walk->code_stride);

	return vs_distance_of(walk, code, product - walk->bias);
}

#ifdef VS_VNNI
/* As vs_distance_of, rounded where the one for sixteen (graph_vnni.h) rounds. */
VS_VNNI VS_INLINE float vs_distance_of_vnni(const struct vs_walk *walk, const uint8_t *code, int32_t dot)
{
	const float *trailer = (const float *)(const void *)(code + walk->code_stride - 8);
	float squares = __builtin_fmaf(walk->by_norm, trailer[1], walk->base);

	return __builtin_fmaf(-(walk->by_dot * trailer[0]), (float)dot, squares);
}

VS_VNNI static inline float vs_distance_vnni(const struct vs_walk *walk, uint32_t slot)
{
	const uint8_t *code = vs_walk_code(walk, slot);
	__m512i sum = _mm512_dpbusd_epi32(_mm512_setzero_si512(), _mm512_load_si512(code), _mm512_load_si512(walk->code));

	for (size_t i = 64; i < walk->code_stride; i += 64)
		sum = _mm512_dpbusd_epi32(sum, _mm512_load_si512(code + i), _mm512_load_si512(walk->code + i));
	return vs_distance_of_vnni(walk, code, _mm512_reduce_add_epi32(sum) - walk->bias);
}
#endif

/* Asks for the row that a distance will read. The hardware follows after the first lines. */
VS_INLINE void vs_distance_prefetch(const struct vs_walk *walk, uint32_t slot)
{
	bool coded = walk->code_stride > 0;
	const unsigned char *row = coded ? vs_walk_code(walk, slot) : walk->rows + slot * walk->row_stride;
	size_t len = coded ? walk->code_stride : walk->row_stride;

	__builtin_prefetch(row);
	for (size_t i = 64; i < len && i < 256; i += 64)
		__builtin_prefetch(row + i);
}

#endif
