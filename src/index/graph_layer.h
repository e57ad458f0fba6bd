/* SPDX-License-Identifier: Apache-2.0 */
/*
 * index/graph_layer: the loop of a best-first search of one level, inlined once per way of computing distances. Private to
 * this room.
 *
 * It waits for memory more than it computes. So the codes of one node's neighbours are on their way while those of
 * the node before are compared, and a list is asked for as soon as its node is the next to be read.
 */
#ifndef VS_INDEX_GRAPH_LAYER_H
#define VS_INDEX_GRAPH_LAYER_H

#include "base/fault.h"
#include "index/graph_distance.h"
#include "index/graph_pool.h"

#define VS_BATCH_ROOM (2 * VS_GRAPH_M_MAX + 32) /* filled up to sixteen at a time */

typedef float vs_distance_fn(const struct vs_walk *walk, uint32_t slot);

/* Neighbours on their way to the pool. */
struct vs_batch {
	uint32_t ids[VS_BATCH_ROOM];   /* above level 0 */
	uint32_t slots[VS_BATCH_ROOM]; /* at level 0 ids are the same, and not read */
	float distances[VS_BATCH_ROOM];
	uint32_t count;
};

/* Collects the unseen neighbours of id that may be followed, and asks for what their distances will read. */
typedef void vs_batch_fill_fn(const struct vs_walk *walk, uint32_t level, uint32_t id, struct vs_batch *batch);
/* Puts those that are near enough into the pool of ef. *next, the first item whose list was not read, follows. */
typedef void vs_batch_offer_fn(struct vs_walk *walk, uint32_t level, uint32_t ef, struct vs_batch *batch, uint32_t *next);

/* At any level. */
VS_INLINE void vs_batch_fill(const struct vs_walk *walk, uint32_t level, uint32_t id, struct vs_batch *batch)
{
	const uint32_t *list = vs_walk_list(walk, level, id);
	uint32_t cap = level == 0 ? 2 * walk->graph->m : walk->graph->m;
	struct vs_graph_scratch *scratch = walk->scratch;
	uint64_t *visited = scratch->visited;
	bool listed = scratch->listed;
	uint32_t count = 0;

	for (uint32_t i = 0; i < cap; i++) {
		uint32_t next = vs_load_acquire(&list[i]) - 1;
		uint32_t slot = level == 0 ? next : vs_walk_slot(walk, level, next);
		if (next == UINT32_MAX)
			break;
		if (slot >= walk->slots && !VS_PLANTED("link-unchecked"))
			continue;
		vs_distance_prefetch(walk, slot);
		batch->ids[count] = next;
		batch->slots[count] = slot;
		count += vs_visited_add(scratch, visited, listed, next);
	}
	batch->count = count;
}

/* Notes that an item came to a place of the pool. */
VS_INLINE void vs_layer_came(const struct vs_walk *walk, uint32_t level, uint32_t ef, uint32_t place, uint32_t id,
                             uint32_t *next)
{
	if (place > *next || place == ef)
		return;
	*next = place;
	vs_walk_list_prefetch(walk, level, id);
}

VS_INLINE void vs_batch_offer(struct vs_walk *walk, uint32_t level, uint32_t ef, const struct vs_batch *batch,
                              uint32_t *next, vs_distance_fn *distance)
{
	for (uint32_t i = 0; i < batch->count; i++) {
		uint32_t id = level == 0 ? batch->slots[i] : batch->ids[i];
		uint64_t item = vs_pool_item(distance(walk, batch->slots[i]), id, walk->salt);
		uint32_t place = vs_pool_insert(walk->scratch->pool, &walk->len, ef, item);
		vs_layer_came(walk, level, ef, place, id, next);
	}
}

VS_INLINE void vs_offer_row(struct vs_walk *walk, uint32_t level, uint32_t ef, struct vs_batch *batch, uint32_t *next)
{
	vs_batch_offer(walk, level, ef, batch, next, vs_distance_row);
}

VS_INLINE void vs_offer_code(struct vs_walk *walk, uint32_t level, uint32_t ef, struct vs_batch *batch, uint32_t *next)
{
	vs_batch_offer(walk, level, ef, batch, next, vs_distance_code);
}

/* Fills the pool with the ef nearest found, starting from what is in it already. */
VS_INLINE void vs_layer_search(struct vs_walk *walk, uint32_t level, uint32_t ef, vs_batch_fill_fn *fill,
                               vs_batch_offer_fn *offer)
{
	/* A copy that nothing else can reach, so that its members stay in registers. */
	struct vs_walk w = *walk;
	uint64_t *pool = w.scratch->pool;
	struct vs_batch batches[2];
	struct vs_batch *now = &batches[0];
	struct vs_batch *then = &batches[1];
	uint32_t next = 0;

	now->count = 0;
	for (uint32_t i = 0; i < w.len; i++)
		(void)vs_visited_add(w.scratch, w.scratch->visited, w.scratch->listed, vs_pool_id(pool[i], w.salt));
	while (next < w.len || now->count > 0) {
		struct vs_batch *done = now;
		then->count = 0;
		if (next < w.len) {
			uint32_t id = vs_pool_id(pool[next], w.salt);
			pool[next] |= VS_POOL_READ;
			while (next < w.len && pool[next] & VS_POOL_READ)
				next++;
			fill(&w, level, id, then);
			if (next < w.len)
				vs_walk_list_prefetch(&w, level, vs_pool_id(pool[next], w.salt));
			w.visits++;
			w.distances += then->count;
		}
		offer(&w, level, ef, now, &next);
		now = then;
		then = done;
	}
	walk->len = w.len;
	walk->visits = w.visits;
	walk->distances = w.distances;
}

#endif
