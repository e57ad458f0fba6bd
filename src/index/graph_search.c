/* SPDX-License-Identifier: Apache-2.0 */
/* index/graph_search: the nearest of a query among the linked slots. */
#include <stdlib.h>

#include "base/error.h"
#include "index/graph_impl.h"
#include "index/graph_pool.h"

#define RESCORE_AHEAD 4  /* rows asked for before they are needed */
#define START_TRIES 4096 /* slots looked at for a start when the entry point is damaged */

/* Fills *id with a slot to start from at level 0; false when there is none. */
static bool search_start(struct vs_walk *walk, uint32_t *id, struct vs_graph_stats *stats)
{
	const struct vs_graph *graph = walk->graph;
	uint64_t entry = vs_load_acquire(&vs_graph_state(graph)->entry);
	uint32_t level;

	if (vs_walk_entry(walk, entry, &level, id)) {
		stats->levels += level;
		vs_walk_descend(walk, level, 0, id);
		if (*id < walk->slots)
			return true;
	}
	for (*id = 0; *id < walk->slots && *id < START_TRIES; ++*id)
		if (vs_load_relaxed(vs_graph_list(graph, *id)) != 0)
			return true;
	return false;
}

static void rescore_prefetch(const struct vs_walk *walk, uint32_t slot)
{
	const unsigned char *row = (const unsigned char *)vs_view_row(walk->view, slot);
	size_t len = walk->view->stride < 512 ? walk->view->stride : 512;

	for (size_t i = 0; i < len; i += 64)
		__builtin_prefetch(row + i);
}

/* They lie anywhere in a large file: asked for one by one as they are read, each would bring all that is near it, and the
 * next would wait for that. */
static void rescore_want(const struct vs_walk *walk, uint32_t count)
{
	const uint64_t *pool = walk->scratch->pool;

	if (count == 0 ||
	    !vs_file_map_cold(&walk->scratch->cold, vs_view_row(walk->view, vs_pool_id(pool[count - 1], walk->salt))))
		return;
	for (uint32_t i = 0; i < count; i++)
		vs_file_map_want(vs_view_row(walk->view, vs_pool_id(pool[i], walk->salt)), walk->view->stride);
}

/* Replaces the distances of the first `count` items by those of their float32 rows. */
static void pool_rescore(struct vs_walk *walk, const struct vs_graph_query *query, uint32_t count)
{
	uint64_t *pool = walk->scratch->pool;

	rescore_want(walk, count);
	for (uint32_t i = 0; i < count && i < RESCORE_AHEAD; i++)
		rescore_prefetch(walk, vs_pool_id(pool[i], walk->salt));
	for (uint32_t i = 0; i < count; i++) {
		uint32_t slot = vs_pool_id(pool[i], walk->salt);
		float distance;
		if (i + RESCORE_AHEAD < count)
			rescore_prefetch(walk, vs_pool_id(pool[i + RESCORE_AHEAD], walk->salt));
		distance = vs_space_distance(walk->view->space, query->vector, query->factor, vs_view_row(walk->view, slot));
		if (distance != distance)
			distance = __builtin_inff();
		pool[i] = vs_pool_item(distance, slot, walk->salt);
	}
	walk->distances += count;
}

/* Items of the pool that can come to be offered. */
static uint32_t most_offered(const struct vs_walk *walk, const struct vs_graph_query *query, const struct vs_topk *top)
{
	uint32_t most = vs_graph_enough(top->cap);

	return walk->graph->kind != VS_WALK_ROW && query->rescore > most ? query->rescore : most;
}

/* Offers the best accepted of the pool; returns how many there are. */
static uint32_t pool_offer(struct vs_walk *walk, const struct vs_graph_query *query, struct vs_topk *top,
                           struct vs_graph_stats *stats)
{
	uint64_t *pool = walk->scratch->pool;
	bool coded = walk->graph->kind != VS_WALK_ROW;
	uint32_t most = most_offered(walk, query, top);
	uint32_t taken = 0;
	uint32_t count;

	for (uint32_t i = 0; i < walk->len && taken < most; i++) {
		uint32_t slot = vs_pool_id(pool[i], walk->salt);
		if (slot < query->below && vs_bitmap_test(query->accept, slot))
			pool[taken++] = pool[i];
	}
	count = coded && query->rescore > 0 && query->rescore < taken ? query->rescore : taken;
	if (coded && query->rescore > 0) {
		pool_rescore(walk, query, count);
		stats->rescored += count;
	}
	for (uint32_t i = 0; i < count; i++) {
		float distance = vs_pool_distance(pool[i]);
		if (distance <= vs_topk_bound(top))
			vs_topk_append(top, distance, vs_pool_id(pool[i], walk->salt));
	}
	return taken;
}

int vs_graph_search(const struct vs_graph *graph, const struct vs_view *view, const struct vs_graph_query *query,
                    struct vs_graph_scratch *scratch, struct vs_topk *top, struct vs_graph_stats *stats,
                    struct vs_error *error)
{
	uint32_t ef = query->ef > 0 ? query->ef : 1;
	struct vs_walk walk;
	uint32_t id;
	int code;

	vs_walk_init(&walk, graph, view, scratch);
	code = vs_walk_reserve(scratch, &graph->space, walk.slots, ef, error);
	if (code != 0)
		return code;
	vs_walk_query(&walk, query->vector, query->factor);
	if (query->way == VS_GRAPH_SCAN && ef > most_offered(&walk, query, top))
		ef = most_offered(&walk, query, top); /* a scan misses none, so it needs no more */
	id = 0;
	if (query->way == VS_GRAPH_SCAN || (query->way == VS_GRAPH_ACCEPTED && search_start(&walk, &id, stats))) {
		stats->gave_up += !vs_walk_accepted(&walk, query, id, ef);
		stats->offered += pool_offer(&walk, query, top, stats);
	} else if (query->way == VS_GRAPH_WALK && search_start(&walk, &id, stats)) {
		vs_walk_start(&walk, 0, id);
		vs_walk_layer(&walk, 0, ef);
		stats->offered += pool_offer(&walk, query, top, stats);
	}
	stats->visited += walk.visits;
	stats->distances += walk.distances;
	return 0;
}
