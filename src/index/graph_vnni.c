/* SPDX-License-Identifier: Apache-2.0 */
#include "index/graph_vnni.h"

#ifdef VS_VNNI

/* vs_batch_fill at level 0. */
VS_VNNI VS_INLINE void batch_fill(const struct vs_walk *walk, uint32_t level, uint32_t slot, struct vs_batch *batch)
{
	const uint32_t *list = vs_walk_list(walk, level, slot);
	struct vs_graph_scratch *scratch = walk->scratch;
	uint64_t *visited = scratch->visited;
	bool listed = scratch->listed;
	uint32_t count = 0;
	uint32_t end = 0;

	for (uint32_t i = 0; i < 2 * walk->graph->m; i += 16) {
		__m512i near = vs_vnni_entries(list + i);
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

VS_VNNI void vs_vnni_layer(struct vs_walk *walk, uint32_t level, uint32_t ef)
{
	if (level == 0)
		vs_layer_search(walk, 0, ef, batch_fill, vs_vnni_offer);
	else
		vs_layer_search(walk, level, ef, vs_batch_fill, vs_vnni_offer);
}

#endif
