/* SPDX-License-Identifier: Apache-2.0 */
/* index/graph_search: the nearest of a query among the linked slots. */
#include <stdlib.h>

#include "base/error.h"
#include "index/graph_impl.h"
#include "index/graph_pool.h"

#define RESCORE_LEAST 32 /* accepted of the pool that are compared by float32 rows, at least, */
#define RESCORE_SHARE 2  /* and this many times the wanted results */
#define RESCORE_AHEAD 4  /* rows asked for before they are needed */
#define START_TRIES 4096 /* slots looked at for a start when the entry point is damaged */

/* Fills *id with a slot to start from at level 0; false when there is none. */
static bool search_start(struct vs_walk *walk, uint32_t *id)
{
	const struct vs_graph *graph = walk->graph;
	uint64_t entry = vs_load_acquire(&vs_graph_state(graph)->entry);
	uint32_t level;

	if (vs_walk_entry(walk, entry, &level, id)) {
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

/* Offers the best accepted of the pool by their exact distances; returns how many. */
static uint32_t pool_offer(struct vs_walk *walk, const struct vs_graph_query *query, struct vs_topk *top)
{
	uint64_t *pool = walk->scratch->pool;
	uint64_t wanted = (uint64_t)top->cap * RESCORE_SHARE;
	uint32_t taken = 0;

	if (wanted < RESCORE_LEAST)
		wanted = RESCORE_LEAST;
	for (uint32_t i = 0; i < walk->len && taken < wanted; i++) {
		uint32_t slot = vs_pool_id(pool[i], walk->salt);
		if (slot < query->below && vs_bitmap_test(query->accept, slot))
			pool[taken++] = slot;
	}
	for (uint32_t i = 0; i < taken && i < RESCORE_AHEAD; i++)
		rescore_prefetch(walk, (uint32_t)pool[i]);
	for (uint32_t i = 0; i < taken; i++) {
		uint32_t slot = (uint32_t)pool[i];
		float distance;
		if (i + RESCORE_AHEAD < taken)
			rescore_prefetch(walk, (uint32_t)pool[i + RESCORE_AHEAD]);
		distance = vs_space_distance(walk->view->space, query->vector, query->factor, vs_view_row(walk->view, slot));
		if (distance != distance)
			distance = __builtin_inff();
		if (distance <= vs_topk_bound(top))
			vs_topk_append(top, distance, slot);
	}
	walk->distances += taken;
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
	id = 0;
	if (query->way == VS_GRAPH_SCAN || (query->way == VS_GRAPH_ACCEPTED && search_start(&walk, &id))) {
		vs_walk_accepted(&walk, query, id, ef);
		stats->offered += pool_offer(&walk, query, top);
	} else if (query->way == VS_GRAPH_WALK && search_start(&walk, &id)) {
		vs_walk_start(&walk, 0, id);
		vs_walk_layer(&walk, 0, ef);
		stats->offered += pool_offer(&walk, query, top);
	}
	stats->visited += walk.visits;
	stats->distances += walk.distances;
	return 0;
}
