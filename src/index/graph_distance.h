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

#define VS_INLINE static inline __attribute__((always_inline))

#if defined(__x86_64__)
#include <immintrin.h>
#define VS_VNNI __attribute__((target("avx512f,avx512bw,avx512vl,avx512vnni")))
#endif

static inline float vs_distance_row(const struct vs_walk *walk, uint32_t slot)
{
	return vs_space_distance(&walk->graph->space, walk->vector, walk->factor, vs_view_row(walk->view, slot));
}

/* dot: of the two codes, each less 128. */
VS_INLINE float vs_distance_of(const struct vs_walk *walk, const uint8_t *code, size_t stride, int32_t dot)
{
	const float *trailer = (const float *)(const void *)(code + stride - 8);

	return walk->base + walk->by_norm * trailer[1] - walk->by_dot * trailer[0] * (float)dot;
}

static inline float vs_distance_code(const struct vs_walk *walk, uint32_t slot)
{
	const struct vs_int8_query *query = &walk->scratch->code;
	size_t stride = walk->graph->code_stride;
	const uint8_t *code = vs_graph_code(walk->graph, slot);
	int32_t product = walk->graph->space.kernels->dot_i8(code, query->code, stride);

	return vs_distance_of(walk, code, stride, product - query->bias);
}

#ifdef VS_VNNI
VS_VNNI static inline float vs_distance_vnni(const struct vs_walk *walk, uint32_t slot)
{
	const struct vs_int8_query *query = &walk->scratch->code;
	size_t stride = walk->graph->code_stride;
	const uint8_t *code = vs_graph_code(walk->graph, slot);
	__m512i sum = _mm512_setzero_si512();

	for (size_t i = 0; i < stride; i += 64)
		sum = _mm512_dpbusd_epi32(sum, _mm512_load_si512(code + i), _mm512_load_si512(query->code + i));
	return vs_distance_of(walk, code, stride, _mm512_reduce_add_epi32(sum) - query->bias);
}
#endif

/* Asks for the row that a distance will read. The hardware follows after the first lines. */
VS_INLINE void vs_distance_prefetch(const struct vs_walk *walk, uint32_t slot)
{
	const struct vs_graph *graph = walk->graph;
	bool coded = graph->code_stride > 0;
	const unsigned char *row = coded ? vs_graph_code(graph, slot) : walk->view->rows + slot * walk->view->stride;
	size_t len = coded ? graph->code_stride : walk->view->stride;

	__builtin_prefetch(row);
	for (size_t i = 64; i < len && i < 256; i += 64)
		__builtin_prefetch(row + i);
}

#endif
