/* SPDX-License-Identifier: Apache-2.0 */
#include "index/graph_vnni.h"

#ifdef VS_VNNI

#include "index/graph_layer.h"

/* vs_batch_fill at level 0. x86 loads what the writer stored in its order, and aligned entries whole. */
VS_VNNI VS_INLINE void batch_fill(const struct vs_walk *walk, uint32_t level, uint32_t slot, struct vs_batch *batch)
{
	const uint32_t *list = vs_walk_list(walk, level, slot);
	struct vs_graph_scratch *scratch = walk->scratch;
	uint64_t *visited = scratch->visited;
	bool listed = scratch->listed;
	uint32_t count = 0;
	uint32_t end = 0;

	for (uint32_t i = 0; i < 2 * walk->graph->m; i += 16) {
		__m512i near = _mm512_sub_epi32(_mm512_load_si512(list + i), _mm512_set1_epi32(1));
		uint32_t bound = VS_PLANTED("link-unchecked") ? UINT32_MAX : walk->slots;
		__mmask16 there = _mm512_cmplt_epu32_mask(near, _mm512_set1_epi32((int)bound));
		__mmask16 fresh = (__mmask16)(there & ~vs_vnni_bits(visited, there, near));
		_mm512_storeu_si512(batch->slots + end, _mm512_maskz_compress_epi32(fresh, near));
		end += (uint32_t)__builtin_popcount(fresh);
	}
	/* One by one, since a list that is being changed may name a slot twice. */
	for (uint32_t i = 0; i < end; i++) {
		uint32_t found = batch->slots[i];
		vs_distance_prefetch(walk, found);
		batch->slots[count] = found;
		count += vs_visited_add(scratch, visited, listed, found);
	}
	batch->count = count;
}

/* Which of the 16 distances from `at` on may enter the pool: not farther than its last. Those of damaged codes may be no
 * numbers, and come last. */
VS_VNNI VS_INLINE uint32_t batch_near(const struct vs_batch *batch, uint32_t at, float bound)
{
	uint32_t left = batch->count - at;
	__mmask16 there = left < 16 ? (__mmask16)((1u << left) - 1) : (__mmask16)0xffff;

	return _mm512_mask_cmp_ps_mask(there, _mm512_loadu_ps(batch->distances + at), _mm512_set1_ps(bound), _CMP_NGT_UQ);
}

VS_VNNI VS_INLINE void batch_offer(struct vs_walk *walk, uint32_t level, uint32_t ef, struct vs_batch *batch,
                                   uint32_t *next)
{
	uint64_t *pool = walk->scratch->pool;

	vs_vnni_distances(walk, batch->slots, batch->count, batch->distances);
	for (uint32_t at = 0; at < batch->count; at += 16) {
		float bound = walk->len < ef ? __builtin_inff() : vs_pool_distance(pool[ef - 1]);
		for (uint32_t near = batch_near(batch, at, bound); near != 0; near &= near - 1) {
			uint32_t i = at + (uint32_t)__builtin_ctz(near);
			uint32_t id = level == 0 ? batch->slots[i] : batch->ids[i];
			uint64_t item = vs_pool_item(batch->distances[i], id, walk->salt);
			uint32_t place = vs_vnni_pool_insert(pool, &walk->len, ef, item);
			vs_layer_came(walk, level, ef, place, id, next);
		}
	}
}

VS_VNNI void vs_vnni_layer(struct vs_walk *walk, uint32_t level, uint32_t ef)
{
	if (level == 0)
		vs_layer_search(walk, 0, ef, batch_fill, batch_offer);
	else
		vs_layer_search(walk, level, ef, vs_batch_fill, batch_offer);
}

#endif
