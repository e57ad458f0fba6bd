/* SPDX-License-Identifier: Apache-2.0 */
/*
 * index/graph_vnni: the walk for AVX-512 VNNI, up to sixteen neighbours at a time. Private to this room.
 *
 * A visit costs about as much for computing as for waiting: the visited set is asked for sixteen neighbours by one gather,
 * the sums of four products are added up across their vectors together, and only what is near enough for the pool
 * is looked at one by one.
 */
#ifndef VS_INDEX_GRAPH_VNNI_H
#define VS_INDEX_GRAPH_VNNI_H

#include "index/graph_layer.h"

#ifdef VS_VNNI

#define VS_VNNI_WINDOW 64 /* items of the pool that are compared whole */

/* The search of a level (graph_layer.h). */
void vs_vnni_layer(struct vs_walk *walk, uint32_t level, uint32_t ef);

/* The ids of 16 entries, by one load, for which ThreadSanitizer has no word. x86 loads what the writer stored in its order, and
 * aligned entries whole. */
VS_VNNI VS_INLINE __m512i vs_vnni_entries(const uint32_t *list)
{
#ifdef __SANITIZE_THREAD__
	uint32_t entries[16];

	for (uint32_t i = 0; i < 16; i++)
		entries[i] = vs_load_acquire(&list[i]);
	return _mm512_sub_epi32(_mm512_loadu_si512(entries), _mm512_set1_epi32(1));
#else
	return _mm512_sub_epi32(_mm512_load_si512(list), _mm512_set1_epi32(1));
#endif
}

/* Which of 16 ids, where `asked`, have their bit in words; only words of asked ids are read. */
VS_VNNI VS_INLINE __mmask16 vs_vnni_bits(const uint64_t *words, __mmask16 asked, __m512i ids)
{
	__m512i halves = _mm512_mask_i32gather_epi32(_mm512_setzero_si512(), asked, _mm512_srli_epi32(ids, 5), words, 4);
	__m512i bits = _mm512_sllv_epi32(_mm512_set1_epi32(1), _mm512_and_si512(ids, _mm512_set1_epi32(31)));

	return _mm512_mask_test_epi32_mask(asked, halves, bits);
}

/* The sums over a, b, c and d, in this order. */
VS_VNNI VS_INLINE __m128i vs_vnni_sums(__m512i a, __m512i b, __m512i c, __m512i d)
{
	__m512i ab = _mm512_add_epi32(_mm512_unpacklo_epi32(a, b), _mm512_unpackhi_epi32(a, b));
	__m512i cd = _mm512_add_epi32(_mm512_unpacklo_epi32(c, d), _mm512_unpackhi_epi32(c, d));
	__m512i all = _mm512_add_epi32(_mm512_unpacklo_epi64(ab, cd), _mm512_unpackhi_epi64(ab, cd));
	__m256i half = _mm256_add_epi32(_mm512_castsi512_si256(all), _mm512_extracti64x4_epi64(all, 1));

	return _mm_add_epi32(_mm256_castsi256_si128(half), _mm256_extracti128_si256(half, 1));
}

/* The scales and the squared lengths of four trailers (math/int8.h). */
VS_VNNI VS_INLINE void vs_vnni_trailers(const uint8_t *a, const uint8_t *b, const uint8_t *c, const uint8_t *d,
                                        __m128 *scales, __m128 *norms)
{
	__m128i ab = _mm_unpacklo_epi32(_mm_loadl_epi64((const void *)a), _mm_loadl_epi64((const void *)b));
	__m128i cd = _mm_unpacklo_epi32(_mm_loadl_epi64((const void *)c), _mm_loadl_epi64((const void *)d));

	*scales = _mm_castsi128_ps(_mm_unpacklo_epi64(ab, cd));
	*norms = _mm_castsi128_ps(_mm_unpackhi_epi64(ab, cd));
}

/* Distances to four slots; the same bits as vs_distance_vnni gives. */
VS_VNNI VS_INLINE __m128 vs_vnni_four(const struct vs_walk *walk, const uint32_t *slots)
{
	const uint8_t *c0 = vs_walk_code(walk, slots[0]);
	const uint8_t *c1 = vs_walk_code(walk, slots[1]);
	const uint8_t *c2 = vs_walk_code(walk, slots[2]);
	const uint8_t *c3 = vs_walk_code(walk, slots[3]);
	__m512i s0 = _mm512_setzero_si512();
	__m512i s1 = s0;
	__m512i s2 = s0;
	__m512i s3 = s0;
	__m128 scale;
	__m128 norm;
	__m128 dot;
	size_t at = 0;

	do {
		__m512i query = _mm512_load_si512(walk->code + at);
		s0 = _mm512_dpbusd_epi32(s0, _mm512_load_si512(c0 + at), query);
		s1 = _mm512_dpbusd_epi32(s1, _mm512_load_si512(c1 + at), query);
		s2 = _mm512_dpbusd_epi32(s2, _mm512_load_si512(c2 + at), query);
		s3 = _mm512_dpbusd_epi32(s3, _mm512_load_si512(c3 + at), query);
		at += 64;
	} while (at < walk->code_stride);
	vs_vnni_trailers(c0 + at - 8, c1 + at - 8, c2 + at - 8, c3 + at - 8, &scale, &norm);
	dot = _mm_cvtepi32_ps(_mm_sub_epi32(vs_vnni_sums(s0, s1, s2, s3), _mm_set1_epi32(walk->bias)));
	norm = _mm_fmadd_ps(_mm_set1_ps(walk->by_norm), norm, _mm_set1_ps(walk->base));
	return _mm_fnmadd_ps(_mm_mul_ps(_mm_set1_ps(walk->by_dot), scale), dot, norm);
}

/* Distances to slots[count]; both arrays have room for up to three more. */
VS_VNNI VS_INLINE void vs_vnni_distances(const struct vs_walk *walk, uint32_t *slots, uint32_t count, float *distances)
{
	for (uint32_t i = count; i % 4 != 0; i++)
		slots[i] = slots[count - 1];
	for (uint32_t i = 0; i < count; i += 4)
		_mm_storeu_ps(distances + i, vs_vnni_four(walk, slots + i));
}

/* Items of pool[count] that are less: halved to a window, which is then compared whole, eight at a time. */
VS_VNNI VS_INLINE uint32_t vs_vnni_pool_rank(const uint64_t *pool, uint32_t count, uint64_t item)
{
	__m512i wanted = _mm512_set1_epi64((int64_t)item);
	uint32_t low = 0;
	uint32_t less = 0;

	while (count > VS_VNNI_WINDOW) {
		uint32_t half = count / 2;
		low += half & -(uint32_t)(pool[low + half - 1] < item); /* by a mask: the outcome cannot be foretold */
		count -= half;
	}
	for (uint32_t i = 0; i < count; i += 8) {
		__mmask8 there = (__mmask8)(count - i < 8 ? 0xffu >> (8 - (count - i)) : 0xffu);
		__m512i items = _mm512_maskz_loadu_epi64(there, pool + low + i);
		less += (uint32_t)__builtin_popcount(_mm512_mask_cmplt_epu64_mask(there, items, wanted));
	}
	return low + less;
}

/* The same as vs_pool_insert. */
VS_VNNI VS_INLINE uint32_t vs_vnni_pool_insert(uint64_t *pool, uint32_t *len, uint32_t ef, uint64_t item)
{
	uint32_t place;
	uint32_t n;

	if (*len == ef && item >= pool[ef - 1])
		return ef;
	n = *len == ef ? ef - 1 : (*len)++;
	place = vs_vnni_pool_rank(pool, n, item);
	vs_pool_shift(pool + place, pool + n);
	pool[place] = item;
	return place;
}

/* Which of the 16 distances from `at` on may enter the pool: not farther than its last. Those of damaged codes may be no
 * numbers, and come last. */
VS_VNNI VS_INLINE uint32_t vs_vnni_near(const struct vs_batch *batch, uint32_t at, float bound)
{
	uint32_t left = batch->count - at;
	__mmask16 there = (__mmask16)(left < 16 ? 0xffffu >> (16 - left) : 0xffffu);

	return _mm512_mask_cmp_ps_mask(there, _mm512_loadu_ps(batch->distances + at), _mm512_set1_ps(bound), _CMP_NGT_UQ);
}

/* A vs_batch_offer_fn. */
VS_VNNI VS_INLINE void vs_vnni_offer(struct vs_walk *walk, uint32_t level, uint32_t ef, struct vs_batch *batch,
                                     uint32_t *next)
{
	uint64_t *pool = walk->scratch->pool;

	vs_vnni_distances(walk, batch->slots, batch->count, batch->distances);
	for (uint32_t at = 0; at < batch->count; at += 16) {
		float bound = walk->len < ef ? __builtin_inff() : vs_pool_distance(pool[ef - 1]);
		for (uint32_t near = vs_vnni_near(batch, at, bound); near != 0; near &= near - 1) {
			uint32_t i = at + (uint32_t)__builtin_ctz(near);
			uint32_t id = level == 0 ? batch->slots[i] : batch->ids[i];
			uint64_t item = vs_pool_item(batch->distances[i], id, walk->salt);
			uint32_t place = vs_vnni_pool_insert(pool, &walk->len, ef, item);
			vs_layer_came(walk, level, ef, place, id, next);
		}
	}
}

#endif
#endif
